use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::conductor::{PROGRESS_EVERY, cpu_of};
use crate::crowd::Crowd;
use crate::machine::{Nanos, ServerProcess, sleep_until};
use crate::report::Percentiles;
use crate::{BenchError, Progress};

/// From when the last connection is open until the server counts as idle: it puts away what opening needed.
pub(crate) const SETTLE: Duration = Duration::from_secs(1);

/// Connections that say something once, and then nothing.
#[derive(Clone, Debug)]
pub struct IdlePlan {
    /// How many, to whom.
    pub crowd: Crowd,
    /// How long they are held and the server's time is counted.
    pub hold: Duration,
    /// The servers' processes, if they are on this machine: their memory and their time are told.
    pub pids: Vec<u32>,
}

/// What idle connections cost.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct IdleReport {
    /// `idle`.
    pub scenario: &'static str,
    /// Connections that were opened.
    pub connections: u64,
    /// How long they were held.
    pub seconds: f64,
    /// How long opening took, until the welcome of a node.
    pub opening: Percentiles,
    /// Connections that ended meanwhile, by why.
    pub lost: BTreeMap<String, u64>,
    /// Processes of the generator that hold them: more than one where there are more than one may have.
    pub generator_processes: usize,
    /// The servers' processes that were named.
    pub servers: Vec<IdleServer>,
}

/// What idle connections cost a server's process.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct IdleServer {
    /// Its number.
    pub pid: u32,
    /// Its own resident memory (`RssAnon`, no file's and no kernel's) before the first connection.
    pub memory_bytes_before: u64,
    /// The same at the end.
    pub memory_bytes_after: u64,
    /// What it grew by, for each connection of its share: the connections are shared evenly among the servers.
    pub bytes_per_connection: f64,
    /// Processor time in a second, for each connection of its share.
    pub cpu_us_per_second_per_connection: f64,
    /// Cores that it used.
    pub cores: f64,
}

/// Opens, holds, and tells what that costs. It blocks until that is done.
///
/// # Errors
/// See [`BenchError`]. A connection that does not open is one, since all of them are counted; one that ends later
/// is not, and is in the report.
pub fn idle(plan: &IdlePlan, watch: &mut dyn FnMut(Progress)) -> Result<IdleReport, BenchError> {
    plan.crowd.check()?;
    if plan.hold.is_zero() {
        return Err(BenchError::Nothing("the time for which they are held"));
    }
    let processes = plan.pids.iter().map(|pid| (*pid, ServerProcess::new(*pid)));
    let processes: Vec<_> = processes.collect();
    let memory_before = memory_of(&processes)?;
    cpu_of(&processes)?;
    let (opened, held) = plan.crowd.open(true, watch)?;
    if let Some((why, count)) = opened.failed.first_key_value() {
        return Err(BenchError::Failed(format!(
            "{count} connections did not open: {why}"
        )));
    }
    let begin = Nanos::now().after(SETTLE);
    sleep_until(begin);
    let cpu_before = cpu_of(&processes)?;
    wait(begin, begin.after(plan.hold), watch);
    let (cpu_after, memory_after) = (cpu_of(&processes)?, memory_of(&processes)?);
    let seconds = Nanos::now().since(begin) as f64 / 1e9;
    let lost = held.release()?;
    let connections = opened.times.count();
    // Each server has as many connections, whether each is one process or they are several.
    let shares = processes.len().max(plan.crowd.servers.len());
    let each = connections as f64 / shares as f64;
    let servers = processes.iter().enumerate().map(|(nth, (pid, _))| {
        let (before, after) = (memory_before[nth], memory_after[nth]);
        let ran = cpu_after[nth].since(&cpu_before[nth]).ran;
        let cores = ran as f64 / 1e9 / seconds;
        IdleServer {
            pid: *pid,
            memory_bytes_before: before,
            memory_bytes_after: after,
            bytes_per_connection: (after as f64 - before as f64) / each,
            cpu_us_per_second_per_connection: cores * 1e6 / each,
            cores,
        }
    });
    Ok(IdleReport {
        scenario: "idle",
        connections,
        seconds,
        opening: Percentiles::of(&opened.times),
        lost,
        generator_processes: plan.crowd.processes(),
        servers: servers.collect(),
    })
}

/// The own memory of each process.
pub(crate) fn memory_of(processes: &[(u32, ServerProcess)]) -> Result<Vec<u64>, BenchError> {
    let read = processes.iter().map(|(pid, process)| {
        let read = process.own_memory();
        read.map_err(|error| BenchError::Process { pid: *pid, error })
    });
    read.collect()
}

fn wait(begin: Nanos, end: Nanos, watch: &mut dyn FnMut(Progress)) {
    loop {
        let now = Nanos::now();
        if now >= end {
            return;
        }
        let share = now.since(begin) as f64 / end.since(begin) as f64;
        watch(Progress::Running { share });
        sleep_until(end.min(now.after(PROGRESS_EVERY)));
    }
}

/// Lines for people.
impl fmt::Display for IdleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "idle: {} connections, held by {} processes for {:.1} s\nopening: {}",
            self.connections, self.generator_processes, self.seconds, self.opening
        )?;
        for (why, count) in &self.lost {
            write!(f, "\nconnections lost: {count}: {why}")?;
        }
        for server in &self.servers {
            write!(
                f,
                "\nserver {}: {:.0} bytes a connection ({} before, {} after), {:.2} µs of CPU a second and connection",
                server.pid,
                server.bytes_per_connection,
                server.memory_bytes_before,
                server.memory_bytes_after,
                server.cpu_us_per_second_per_connection,
            )?;
        }
        Ok(())
    }
}
