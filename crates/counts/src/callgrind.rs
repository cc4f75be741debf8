//! Runs this program under valgrind's callgrind.

use std::ffi::OsString;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::{env, io, thread};

use crate::paths::HotPath;
use crate::record::Record;

/// Why nothing was counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CountError {
    /// There is no valgrind.
    #[error("counts need valgrind: apt install valgrind ({0})")]
    NoValgrind(io::Error),
    /// This program's own file, or the folder beside it.
    #[error("the folder of what callgrind writes: {0}")]
    Folder(#[from] io::Error),
    /// The path did not end well.
    #[error("{path} did not end well under callgrind:\n{said}")]
    Failed {
        /// The path.
        path: &'static str,
        /// What was said.
        said: String,
    },
}

/// What one run took.
struct Run {
    instructions: u64,
    machine: String,
}

/// Counts each path, as many at once as there are cores.
///
/// What callgrind has found of the longer run of each is beside this program, for `callgrind_annotate`.
pub(crate) fn count_all(paths: &[&'static HotPath]) -> Result<Record, CountError> {
    let program = env::current_exe()?;
    let folder = program.with_file_name("counts.callgrind");
    std::fs::create_dir_all(&folder)?;
    // The last are the longest.
    let next = Mutex::new(paths.iter().rev());
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let paths = std::iter::from_fn(take);
        let counts = paths.map(|path| Ok((path.name, count(path, &program, &folder)?)));
        counts.collect::<Result<Vec<_>, CountError>>()
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let mut counted = Record::here();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let counts = worker.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            for (name, (instructions, machine)) in counts {
                counted.machine = machine;
                counted.counts.insert(name.to_owned(), instructions);
            }
        }
        Ok(counted)
    })
}

/// Instructions a message, and of which machine.
fn count(path: &HotPath, program: &Path, folder: &Path) -> Result<(u64, String), CountError> {
    let found = folder.join(path.name).with_extension("out");
    let once = run(path, 1, program, &found)?;
    let twice = run(path, 2, program, &found)?;
    let messages = twice.instructions.saturating_sub(once.instructions);
    let each = messages as f64 / path.messages as f64;
    Ok((each.round() as u64, twice.machine))
}

fn run(path: &HotPath, times: u64, program: &Path, found: &Path) -> Result<Run, CountError> {
    let mut found_in = OsString::from("--callgrind-out-file=");
    found_in.push(found);
    let ended = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(found_in)
        .arg(program)
        .args(["--run", path.name, "--times", &times.to_string()])
        .output()
        .map_err(CountError::NoValgrind)?;
    let said = String::from_utf8_lossy(&ended.stderr);
    let total = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    match total.and_then(|(_, total)| total.trim().parse().ok()) {
        Some(instructions) if ended.status.success() => Ok(Run {
            instructions,
            machine: String::from_utf8_lossy(&ended.stdout).trim().to_owned(),
        }),
        _ => Err(CountError::Failed {
            path: path.name,
            said: said.into_owned(),
        }),
    }
}
