use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::conductor::cpu_of;
use crate::crowd::Crowd;
use crate::idle::{SETTLE, memory_of};
use crate::machine::{Nanos, ServerProcess, random_u64, sleep_until};
use crate::report::{Percentiles, write_counts};
use crate::run::check;
use crate::storm::StormGenerator;
use crate::{Address, BenchError, Plan, Progress, Report, Scenario, run};

/// Connections that each register a name, and messages to these names.
#[derive(Clone, Debug)]
pub struct NamesPlan {
    /// How many, to whom. Nodes that believe what a client says of itself (`client.identity_in_query`); the
    /// names are drawn.
    pub crowd: Crowd,
    /// What is sent to the names when all are registered; `None`: nothing.
    pub lookups: Option<LookupPlan>,
    /// Processes of the servers on this machine, whose memory and processor time are read.
    pub pids: Vec<u32>,
}

/// Messages to one name after the other, each of which the node has to find.
#[derive(Clone, Debug)]
pub struct LookupPlan {
    /// The node that is asked.
    pub at: Address,
    /// How many senders.
    pub senders: usize,
    /// Messages of each sender that wait for their result.
    pub in_flight: usize,
    /// The length of a message.
    pub bytes: usize,
    /// How long is sent.
    pub length: Duration,
}

/// How names were registered.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct NamesReport {
    /// `names`.
    pub scenario: &'static str,
    /// Names that were registered, each with its connection.
    pub registered: u64,
    /// Connections that did not open, by why.
    pub failed: BTreeMap<String, u64>,
    /// Connections that ended before they were let go, by why.
    pub lost: BTreeMap<String, u64>,
    /// Until the last one was registered, or had failed.
    pub seconds: f64,
    /// Registered by second.
    pub per_second: f64,
    /// From the first packet to the node's welcome, which comes when the name is registered.
    pub registering: Percentiles,
    /// What became of messages to the names, if any were sent: as of a route.
    pub lookups: Option<Report>,
    /// The generator itself, while names were registered.
    pub generator: StormGenerator,
    /// The processes that were to be watched.
    pub servers: Vec<NamesServer>,
}

/// What names cost a server's process.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct NamesServer {
    /// Its number.
    pub pid: u32,
    /// Its own resident memory (`RssAnon`, no file's and no kernel's) before the first connection.
    pub memory_bytes_before: u64,
    /// The same a second after the last one, before messages are sent.
    pub memory_bytes_after: u64,
    /// What it grew by, for each name of all, whichever node has its connection.
    pub bytes_per_name: f64,
    /// Processor time while names were registered, for each name of all.
    pub cpu_us_per_name: f64,
    /// Cores that it used meanwhile.
    pub cores: f64,
}

/// Registers, sends, and tells what that costs. It blocks until that is done; then the connections end.
///
/// # Errors
/// See [`BenchError`]. That some names were not registered is none, unless it is all of them.
pub fn names(plan: &NamesPlan, watch: &mut dyn FnMut(Progress)) -> Result<NamesReport, BenchError> {
    let prefix = format!("bench-{:08x}-", random_u64() as u32);
    let mut crowd = plan.crowd.clone();
    crowd.name_prefix = Some(prefix.clone());
    crowd.check()?;
    let lookups = plan.lookups.as_ref();
    let lookups = lookups.map(|lookups| lookups.plan(&crowd, prefix, &plan.pids));
    if let Some(lookups) = &lookups {
        check(lookups)?;
    }
    let processes = plan.pids.iter().map(|pid| (*pid, ServerProcess::new(*pid)));
    let processes: Vec<_> = processes.collect();
    let (memory_before, cpu_before) = (memory_of(&processes)?, cpu_of(&processes)?);
    let (opened, held) = crowd.open(false, watch)?;
    let cpu_after = cpu_of(&processes)?;
    sleep_until(Nanos::now().after(SETTLE));
    let memory_after = memory_of(&processes)?;
    let lookups = lookups.map(|lookups| run(&lookups, watch)).transpose()?;
    let lost = held.release()?;

    let seconds = opened.took as f64 / 1e9;
    let count = opened.times.count();
    let servers = processes.iter().enumerate().map(|(nth, (pid, _))| {
        let (before, after) = (memory_before[nth], memory_after[nth]);
        let ran = cpu_after[nth].since(&cpu_before[nth]).ran as f64;
        NamesServer {
            pid: *pid,
            memory_bytes_before: before,
            memory_bytes_after: after,
            bytes_per_name: (after as f64 - before as f64) / count as f64,
            cpu_us_per_name: ran / 1e3 / count as f64,
            cores: ran / 1e9 / seconds,
        }
    });
    Ok(NamesReport {
        scenario: "names",
        registered: count,
        lost,
        seconds,
        per_second: count as f64 / seconds,
        registering: Percentiles::of(&opened.times),
        lookups,
        servers: servers.collect(),
        generator: StormGenerator::new(&crowd, &opened),
        failed: opened.failed,
    })
}

impl LookupPlan {
    fn plan(&self, crowd: &Crowd, prefix: String, pids: &[u32]) -> Plan {
        Plan {
            scenario: Scenario::Lookup {
                at: self.at.clone(),
                prefix,
                names: crowd.connections,
                senders: self.senders,
                in_flight: self.in_flight,
                bytes: self.bytes,
            },
            trust: crowd.trust.clone(),
            warm_up: Duration::ZERO,
            length: self.length,
            threads: crowd.threads,
            rate: None,
            pids: pids.to_vec(),
        }
    }
}

/// Lines for people.
impl fmt::Display for NamesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "names: {} registered in {:.2} s, {:.0} a second",
            self.registered, self.seconds, self.per_second
        )?;
        writeln!(f, "registering: {}", self.registering)?;
        write_counts(f, "connections that did not open", &self.failed)?;
        write_counts(f, "connections lost", &self.lost)?;
        for server in &self.servers {
            writeln!(
                f,
                "server {}: {:.0} bytes a name ({} before, {} after), {:.0} µs of CPU a name, {:.2} cores",
                server.pid,
                server.bytes_per_name,
                server.memory_bytes_before,
                server.memory_bytes_after,
                server.cpu_us_per_name,
                server.cores
            )?;
        }
        write!(f, "{}", self.generator)?;
        if let Some(lookups) = &self.lookups {
            write!(f, "\n{lookups}")?;
        }
        Ok(())
    }
}
