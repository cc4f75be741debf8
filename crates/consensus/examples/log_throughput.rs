//! How many entries a second the Raft log makes durable, one a sync and 64 a sync.
//!
//! ```text
//! cargo run --release -p raftwire-consensus --example log_throughput [FOLDER]
//! ```
//!
//! The folder (by default the working directory) decides which disk is measured.

use std::{error::Error, path::PathBuf, time::Duration};

use raftwire_consensus::testing::log::{Position, Record, SEGMENT_BYTES, SegmentLog, StoredEntry};
use raftwire_environment::Environment;

/// Bytes of an entry: about what a join or a batch of small registrations takes.
const ENTRY_BYTES: usize = 256;

/// How long each is measured.
const DURATION: Duration = Duration::from_secs(3);

/// How often, in turn, because a shared disk is not equally fast all the time.
const ROUNDS: usize = 4;

#[allow(clippy::print_stdout)] // the output of an example
fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1);
    let folder = tempfile::tempdir_in(folder.map_or(".".into(), PathBuf::from))?;
    let mut single = Vec::new();
    let mut grouped = Vec::new();
    for round in 0..ROUNDS {
        single.push(measure(folder.path().join(format!("single-{round}")), 1)?);
        grouped.push(measure(folder.path().join(format!("grouped-{round}")), 64)?);
    }
    let (single, grouped) = (median(single), median(grouped));
    println!("{ENTRY_BYTES} bytes an entry, median of {ROUNDS} rounds of {DURATION:?}");
    println!(" 1 entry a sync:   {single:>9.0} entries/s");
    println!(
        "64 entries a sync: {grouped:>9.0} entries/s, {:.1} times as many",
        grouped / single
    );
    Ok(())
}

/// Entries a second, `group` of them in each commit.
fn measure(dir: PathBuf, group: u64) -> Result<f64, Box<dyn Error>> {
    let environment = Environment::real();
    SegmentLog::create(&**environment.disk(), &dir)?;
    let (mut log, _) = SegmentLog::open(environment.disk().clone(), &dir, SEGMENT_BYTES)?;
    let begin = environment.boot_time();
    let mut next = 0;
    loop {
        let records: Vec<Record> = (next..next + group).map(entry).collect();
        log.commit(&records)?;
        next += group;
        let elapsed = environment.boot_time().duration_since(begin);
        if elapsed >= DURATION {
            return Ok(next as f64 / elapsed.as_secs_f64());
        }
    }
}

fn entry(index: u64) -> Record {
    Record::Entry(StoredEntry {
        position: Position { term: 1, index },
        bytes: vec![index as u8; ENTRY_BYTES].into(),
    })
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    (rates[(rates.len() - 1) / 2] + rates[rates.len() / 2]) / 2.0
}
