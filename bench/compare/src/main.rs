//! Measures Raftwire beside its peers and beside the machine's limit.
//!
//! `make bench` builds everything and runs this. Each round measures each case of every system in turn, each with
//! servers that have just started, so that a machine that drifts drifts for all; what is told are medians, with the
//! least and the most. Arguments: `rounds=3`, `seconds=3`, `warm_up=1`, `crowd=10000` (connections of `storm` and
//! `idle`), `cases=echo-64,route-acknowledged` (a case, or the beginning of several), `systems=raftwire,limit`,
//! `out=target/bench`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods // it starts servers and asks the system for ports
)]

mod affinity;
mod bottleneck;
mod case;
mod figures;
mod flags;
mod machine;
mod measure;
mod peers;
mod plot;
mod process;
mod results;
mod row;
mod start;
mod system;
mod table;

use std::error::Error;
use std::process::ExitCode;

use affinity::Affinity;
use flags::Flags;
use measure::measure;
use peers::Installed;
use results::Results;

fn main() -> ExitCode {
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let flags = Flags::parse(&arguments)?;
    let installed = Installed::prepare(&flags.systems, &flags.cases);
    let affinity = Affinity::new();
    let mut results = Results::new(&flags, &installed, &affinity);
    for round in 1..=flags.rounds {
        for case in &flags.cases {
            for system in flags.systems.iter().filter(|system| system.takes(case)) {
                if !installed.has(*system) {
                    continue;
                }
                let name = system.name();
                println!("round {round} of {}: {}: {name}", flags.rounds, case.name);
                let measured = measure(*system, case.work, &flags, &affinity);
                for one in measured {
                    println!("  {one}");
                    results.add(round, case, *system, one);
                }
            }
            // Whoever stops it early has what is measured until then.
            results.write(&flags.out)?;
        }
    }
    println!("{}", flags.out.join("results.md").display());
    Ok(())
}
