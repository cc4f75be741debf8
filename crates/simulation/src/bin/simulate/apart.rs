//! A run in a process of its own.
//!
//! Tokio numbers the tasks of a process, and drops those of a crashed machine by the last bits of their
//! numbers. What ran before in the same process, or runs beside it, would change the order in which a
//! crash closes a machine's sockets: a seed would not be the same run everywhere.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::kind::Plan;
use super::verdict::Verdict;

/// A run that takes longer than this hangs: a node is busy without end in one moment of simulated
/// time. A run takes seconds.
const RUN_MAX: Duration = Duration::from_secs(300);

/// Runs a seed, and waits for it. A process that says nothing, or not all, has failed.
pub(crate) fn run_apart(plan: Plan, seed: u64) -> Verdict {
    verdict_of(plan, seed).unwrap_or_else(|why| Verdict {
        seed,
        violations: vec![why],
        ..Verdict::default()
    })
}

fn verdict_of(plan: Plan, seed: u64) -> Result<Verdict, String> {
    let program = this_program().map_err(|error| format!("this program: {error}"))?;
    let child = Command::new(program)
        .args(plan.arguments(seed))
        .arg("--verdict")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| format!("no process for the run: {error}"))?;
    let text = output(&mut child);
    if text.is_none() {
        // It may have ended in this moment.
        let _ = child.kill();
    }
    let status = child
        .wait()
        .map_err(|error| format!("the process of the run: {error}"))?;
    let text = text.ok_or_else(|| format!("hangs: no end within {RUN_MAX:?}"))?;
    text.parse()
        .map_err(|_| format!("the process ended without a verdict: {status}"))
}

/// What runs here. Linux has it at this path even if it has been built anew meanwhile.
fn this_program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok(PathBuf::from("/proc/self/exe"));
    }
    std::env::current_exe()
}

/// All that the process prints; nothing if it does not end.
fn output(child: &mut Child) -> Option<String> {
    let mut stdout = child.stdout.take()?;
    let (done, read) = mpsc::channel();
    let reader = thread::Builder::new().name("verdict".to_owned());
    let reading = reader.spawn(move || {
        let mut text = String::new();
        // What was read until an error is no whole verdict.
        let _ = stdout.read_to_string(&mut text);
        let _ = done.send(text);
    });
    reading.ok()?;
    read.recv_timeout(RUN_MAX).ok()
}
