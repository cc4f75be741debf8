use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::conductor::cpu_of;
use crate::crowd::{Crowd, Opened};
use crate::machine::ServerProcess;
use crate::report::{BUSY_SHARE, Percentiles, write_counts};
use crate::{BenchError, Progress};

/// Connections that are opened as fast as the server takes them.
#[derive(Clone, Debug)]
pub struct StormPlan {
    /// How many, to whom.
    pub crowd: Crowd,
    /// Processes of the server on this machine, whose processor time is read.
    pub pids: Vec<u32>,
}

/// How a server took a storm.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StormReport {
    /// `storm`.
    pub scenario: &'static str,
    /// Connections that were opened.
    pub opened: u64,
    /// Those that were not, by why.
    pub failed: BTreeMap<String, u64>,
    /// Connections that ended before all were open, by why.
    pub lost: BTreeMap<String, u64>,
    /// Until the last one was open, or had failed.
    pub seconds: f64,
    /// Opened by second.
    pub per_second: f64,
    /// From the first packet to the answer of the handshake, or to a node's welcome.
    pub opening: Percentiles,
    /// The generator itself.
    pub generator: StormGenerator,
    /// The processes that were to be watched.
    pub servers: Vec<StormServer>,
}

/// What the generator needed itself.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct StormGenerator {
    /// Its processes: more than one where there are more connections than one may have.
    pub processes: usize,
    /// Its threads.
    pub threads: usize,
    /// Processor time of its threads for each opened connection.
    pub cpu_us_per_connection: f64,
    /// For which share of the time its busiest thread ran.
    pub busiest_ran: f64,
    /// For which share of the time this thread could have run and had no core.
    pub busiest_waited: f64,
    /// Whether it could not have asked for much more.
    pub is_bottleneck: bool,
}

/// What a process of the server needed.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct StormServer {
    /// Its number.
    pub pid: u32,
    /// Processor time of all of its threads for each opened connection.
    pub cpu_us_per_connection: f64,
    /// Cores that it used.
    pub cores: f64,
}

/// Opens all, and tells how long that took. It blocks until that is done; then the connections end.
///
/// # Errors
/// See [`BenchError`]. That some connections did not open is none, unless it is all of them.
pub fn storm(plan: &StormPlan, watch: &mut dyn FnMut(Progress)) -> Result<StormReport, BenchError> {
    plan.crowd.check()?;
    let processes = plan.pids.iter().map(|pid| (*pid, ServerProcess::new(*pid)));
    let processes: Vec<_> = processes.collect();
    let before = cpu_of(&processes)?;
    let (opened, held) = plan.crowd.open(false, watch)?;
    let after = cpu_of(&processes)?;
    let lost = held.release()?;
    let seconds = opened.took as f64 / 1e9;
    let count = opened.times.count();
    let us_each = |nanos: u64| nanos as f64 / 1e3 / count as f64;
    let share = |nanos: u64| nanos as f64 / 1e9 / seconds;
    let servers = processes.iter().zip(before.into_iter().zip(after));
    let servers = servers.map(|((pid, _), (before, after))| {
        let spent = after.since(&before).ran;
        StormServer {
            pid: *pid,
            cpu_us_per_connection: us_each(spent),
            cores: share(spent),
        }
    });
    Ok(StormReport {
        scenario: "storm",
        opened: count,
        lost,
        seconds,
        per_second: count as f64 / seconds,
        opening: Percentiles::of(&opened.times),
        generator: StormGenerator::new(&plan.crowd, &opened),
        servers: servers.collect(),
        failed: opened.failed,
    })
}

impl StormGenerator {
    pub(crate) fn new(crowd: &Crowd, opened: &Opened) -> StormGenerator {
        let share = |nanos: u64| nanos as f64 / opened.took as f64;
        StormGenerator {
            processes: crowd.processes(),
            threads: opened.threads,
            cpu_us_per_connection: opened.cpu.ran as f64 / 1e3 / opened.times.count() as f64,
            busiest_ran: share(opened.busiest.ran),
            busiest_waited: share(opened.busiest.waited),
            is_bottleneck: share(opened.busiest.busy()) > BUSY_SHARE,
        }
    }
}

/// Lines for people.
impl fmt::Display for StormReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "storm: {} connections opened in {:.2} s, {:.0} a second",
            self.opened, self.seconds, self.per_second
        )?;
        writeln!(f, "opening: {}", self.opening)?;
        write_counts(f, "connections that did not open", &self.failed)?;
        write_counts(f, "connections lost", &self.lost)?;
        for server in &self.servers {
            writeln!(
                f,
                "server {}: {:.0} µs of CPU a connection, {:.2} cores",
                server.pid, server.cpu_us_per_connection, server.cores
            )?;
        }
        write!(f, "{}", self.generator)
    }
}

impl fmt::Display for StormGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "generator: {:.0} µs of CPU a connection, busiest of {} threads in {} processes ran {:.0} % and waited for a core {:.0} %",
            self.cpu_us_per_connection,
            self.threads,
            self.processes,
            self.busiest_ran * 100.0,
            self.busiest_waited * 100.0,
        )?;
        if self.is_bottleneck {
            write!(f, "\n{}", crate::report::BOTTLENECK)?;
        }
        Ok(())
    }
}
