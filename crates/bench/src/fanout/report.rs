use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::FanoutPlan;
use crate::Percentiles;
use crate::conductor::Conducted;
use crate::report::{BOTTLENECK, BUSY_SHARE, write_counts};

/// How a server took messages for many.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct FanoutReport {
    /// `fanout`.
    pub scenario: &'static str,
    /// How long it was measured.
    pub seconds: f64,
    /// How many receivers there were.
    pub receivers: usize,
    /// Messages that were written at once.
    pub burst: usize,
    /// Messages that were sent in this time.
    pub sent: u64,
    /// The same by second.
    pub sent_per_second: f64,
    /// What was asked for; none where arrivals set the pace.
    pub requested_per_second: Option<f64>,
    /// Messages that were meant to be sent before the end, and could not be: too many were in flight.
    pub overdue: u64,
    /// Messages that came to a receiver in this time, each receiver's counted.
    pub deliveries: u64,
    /// The same by second.
    pub deliveries_per_second: f64,
    /// From when a message was meant to be sent until a receiver had it, of every receiver.
    pub latency: Percentiles,
    /// From when a message was meant to be sent until the sender knew that the last receiver had it.
    pub completion: Percentiles,
    /// What the server says of the deliveries, by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Connections of receivers that ended, by why.
    pub lost: BTreeMap<String, u64>,
    /// The generator itself.
    pub generator: FanoutGenerator,
    /// The processes that were to be watched.
    pub servers: Vec<FanoutServer>,
}

/// What the generator needed itself.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct FanoutGenerator {
    /// Its threads.
    pub threads: usize,
    /// Processor time of its threads for each delivery.
    pub cpu_ns_per_delivery: f64,
    /// For which share of the time its busiest thread ran.
    pub busiest_ran: f64,
    /// For which share of the time this thread could have run and had no core.
    pub busiest_waited: f64,
    /// How late its timers were seen.
    pub lag: Percentiles,
    /// Whether it could not have asked for much more: then the figures are its own, not the server's.
    pub is_bottleneck: bool,
}

/// What a process of the server needed.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct FanoutServer {
    /// Its number.
    pub pid: u32,
    /// Processor time of all of its threads for each delivery, of all servers together.
    pub cpu_ns_per_delivery: f64,
    /// Cores that it used.
    pub cores: f64,
}

impl FanoutReport {
    pub(super) fn new(plan: &FanoutPlan, threads: usize, conducted: &Conducted) -> FanoutReport {
        let tally = &conducted.tally;
        let seconds = plan.length.as_secs_f64();
        let deliveries = tally.latency.count();
        let each = |nanos: u64| nanos as f64 / deliveries.max(1) as f64;
        let share = |nanos: u64| nanos as f64 / 1e9 / seconds;
        let (ran, waited) = (share(tally.busiest.ran), share(tally.busiest.waited));
        let servers = conducted.servers.iter().map(|(pid, cpu)| FanoutServer {
            pid: *pid,
            cpu_ns_per_delivery: each(cpu.ran),
            cores: share(cpu.ran),
        });
        FanoutReport {
            scenario: "fanout",
            seconds,
            receivers: plan.receivers,
            burst: plan.burst,
            sent: tally.sent,
            sent_per_second: tally.sent as f64 / seconds,
            requested_per_second: plan.rate,
            overdue: tally.overdue,
            deliveries,
            deliveries_per_second: deliveries as f64 / seconds,
            latency: Percentiles::of(&tally.latency),
            completion: Percentiles::of(&tally.completion),
            outcomes: tally.outcomes.clone(),
            lost: tally.lost.clone(),
            generator: FanoutGenerator {
                threads,
                cpu_ns_per_delivery: each(tally.cpu.ran),
                busiest_ran: ran,
                busiest_waited: waited,
                lag: Percentiles::of(&tally.lag),
                is_bottleneck: ran + waited > BUSY_SHARE,
            },
            servers: servers.collect(),
        }
    }
}

/// Lines for people.
impl fmt::Display for FanoutReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "fanout: {:.0} deliveries/s to {} receivers, {} in {:.1} s; {:.1} messages/s",
            self.deliveries_per_second,
            self.receivers,
            self.deliveries,
            self.seconds,
            self.sent_per_second,
        )?;
        if let Some(requested) = self.requested_per_second {
            write!(f, " of {requested:.1} requested, {} overdue", self.overdue)?;
        }
        writeln!(f, "\nlatency: {}", self.latency)?;
        writeln!(f, "the last receiver's: {}", self.completion)?;
        for (outcome, count) in &self.outcomes {
            writeln!(f, "outcome {outcome}: {count}")?;
        }
        write_counts(f, "connections lost", &self.lost)?;
        for server in &self.servers {
            writeln!(
                f,
                "server {}: {:.0} ns of CPU a delivery, {:.2} cores",
                server.pid, server.cpu_ns_per_delivery, server.cores
            )?;
        }
        let generator = &self.generator;
        write!(
            f,
            "generator: {:.0} ns of CPU a delivery, busiest of {} threads ran {:.0} % and waited for a core {:.0} %, timers late by p99 {:.2} ms",
            generator.cpu_ns_per_delivery,
            generator.threads,
            generator.busiest_ran * 100.0,
            generator.busiest_waited * 100.0,
            generator.lag.p99_us / 1e3,
        )?;
        if generator.is_bottleneck {
            write!(f, "\n{BOTTLENECK}")?;
        }
        Ok(())
    }
}
