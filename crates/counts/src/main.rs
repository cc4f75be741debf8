//! Counts the instructions of a message's way, under valgrind's callgrind, and compares them with those that are
//! recorded: a regression is seen without a clock, on a machine that does other things as well.
//!
//! ```text
//! make counts                                             counts, prints and records
//! cargo run --release -p raftwire-counts                  counts and prints
//! cargo run --release -p raftwire-counts -- --check       counts, and fails where it is not as recorded
//! cargo run --release -p raftwire-counts -- --only fan-out
//! ```
//!
//! Each [path](paths) is run twice, with so many messages and with twice as many: the difference is what the messages
//! cost, without the start of a process or of a cluster. Everything happens in one thread and in virtual time.

#![allow(clippy::print_stdout, clippy::print_stderr)] // it is a program
#![allow(clippy::disallowed_methods)] // it reads and writes its record, on the real disk

mod callgrind;
mod paths;
mod record;
mod table;
mod verdict;

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

use callgrind::count_all;
use paths::{ALL, HotPath};
use record::Record;
use table::Table;
use verdict::Verdict;

/// The server's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Where the counts are recorded.
const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recorded.txt");

/// Instructions of the hot paths, a message.
#[derive(Debug, Parser)]
struct Options {
    /// Write what is counted to the record.
    #[arg(long)]
    record: bool,
    /// Fail where it is not as recorded.
    #[arg(long, conflicts_with = "record")]
    check: bool,
    /// Count this path only.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["record", "check"])]
    only: Option<String>,
    /// Go along this path, as callgrind is told to have it done.
    #[arg(long, value_name = "PATH", requires = "times", hide = true)]
    run: Option<String>,
    /// So many times the messages that are counted.
    #[arg(long, value_name = "N", hide = true)]
    times: Option<u64>,
}

fn main() -> ExitCode {
    match obey(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn obey(options: &Options) -> Result<(), Box<dyn Error>> {
    if let (Some(name), Some(times)) = (&options.run, options.times) {
        let path = named(name)?;
        (path.run)(path.messages * times);
        println!("{}", record::machine());
        return Ok(());
    }
    if cfg!(debug_assertions) {
        return Err("counts are of optimised code: cargo run --release -p raftwire-counts".into());
    }
    let paths = match &options.only {
        Some(name) => vec![named(name)?],
        None => ALL.iter().collect(),
    };
    let counted = count_all(&paths)?;
    let recorded = match fs::read_to_string(RECORD) {
        Ok(text) => Some(text.parse::<Record>()?),
        Err(_) => None,
    };
    println!("{}", Table::new(&paths, &counted, recorded.as_ref()));
    if options.record {
        fs::write(RECORD, counted.to_string())?;
        println!("recorded in {RECORD}");
    }
    if options.check {
        let recorded = recorded.ok_or("nothing is recorded: `make counts` does it")?;
        let verdict = Verdict::of(&counted, &recorded);
        println!("{}", verdict.comparison());
        verdict.into_result()?;
    }
    Ok(())
}

fn named(name: &str) -> Result<&'static HotPath, String> {
    let found = ALL.iter().find(|path| path.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|path| path.name).collect();
        format!("there is no path {name}; there are {}", names.join(", "))
    })
}
