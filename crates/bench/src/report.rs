use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::Plan;
use crate::conductor::Conducted;
use crate::distribution::Distribution;

/// A thread that is busy, or waits for a core, for this share of the time has none left to be asked for
/// more: what was measured is the generator.
pub(crate) const BUSY_SHARE: f64 = 0.9;

/// What is said where the generator was the limit.
pub(crate) const BOTTLENECK: &str = "The generator was at its own limit: the server may be faster than this. Give it more --threads, or cores of its own.";

/// What was measured.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// `echo`, `route` or `lookup`.
    pub scenario: &'static str,
    /// How long it was measured.
    pub seconds: f64,
    /// Messages that were answered in this time.
    pub answered: u64,
    /// The same by second.
    pub per_second: f64,
    /// What was asked for; none where answers set the pace.
    pub requested_per_second: Option<f64>,
    /// Messages that were meant to be sent before the end, and could not be: their connections had all that
    /// they may have in flight.
    pub overdue: u64,
    /// From when a message was meant to be sent until its answer came.
    pub latency: Percentiles,
    /// What became of the messages.
    pub outcomes: BTreeMap<String, u64>,
    /// Messages that receivers saw in this time.
    pub received: u64,
    /// Connections that ended, by why.
    pub lost: BTreeMap<String, u64>,
    /// The generator itself.
    pub generator: Generator,
    /// The processes that were to be watched.
    pub servers: Vec<Server>,
}

/// How durations are spread, in microseconds; three digits are right.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Percentiles {
    /// Half of them are no longer.
    pub p50_us: f64,
    /// Nine of ten are no longer.
    pub p90_us: f64,
    /// 99 of 100 are no longer.
    pub p99_us: f64,
    /// 999 of 1,000 are no longer.
    pub p99_9_us: f64,
    /// The longest.
    pub max_us: f64,
}

/// What the generator needed itself.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Generator {
    /// Its threads.
    pub threads: usize,
    /// Processor time of its threads for each answered message.
    pub cpu_ns_per_message: f64,
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
pub struct Server {
    /// Its number.
    pub pid: u32,
    /// Processor time of all of its threads for each answered message.
    pub cpu_ns_per_message: f64,
    /// Cores that it used.
    pub cores: f64,
}

impl Percentiles {
    pub(crate) fn of(distribution: &Distribution) -> Percentiles {
        let us = |share| distribution.quantile(share) as f64 / 1e3;
        Percentiles {
            p50_us: us(0.5),
            p90_us: us(0.9),
            p99_us: us(0.99),
            p99_9_us: us(0.999),
            max_us: distribution.max() as f64 / 1e3,
        }
    }
}

impl Report {
    pub(crate) fn new(plan: &Plan, threads: usize, conducted: &Conducted) -> Report {
        let tally = &conducted.tally;
        let seconds = plan.length.as_secs_f64();
        let answered = tally.latency.count();
        let each = |nanos: u64| nanos as f64 / answered.max(1) as f64;
        let share = |nanos: u64| nanos as f64 / 1e9 / seconds;
        let (ran, waited) = (share(tally.busiest.ran), share(tally.busiest.waited));
        let servers = conducted.servers.iter().map(|(pid, cpu)| Server {
            pid: *pid,
            cpu_ns_per_message: each(cpu.ran),
            cores: share(cpu.ran),
        });
        Report {
            scenario: plan.scenario.name(),
            seconds,
            answered,
            per_second: answered as f64 / seconds,
            requested_per_second: plan.rate,
            overdue: tally.overdue,
            latency: Percentiles::of(&tally.latency),
            outcomes: tally.outcomes.clone(),
            received: tally.received,
            lost: tally.lost.clone(),
            generator: Generator {
                threads,
                cpu_ns_per_message: each(tally.cpu.ran),
                busiest_ran: ran,
                busiest_waited: waited,
                lag: Percentiles::of(&tally.lag),
                is_bottleneck: ran + waited > BUSY_SHARE,
            },
            servers: servers.collect(),
        }
    }
}

/// A line for each reason, with how often it was.
pub(crate) fn write_counts(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    counts: &BTreeMap<String, u64>,
) -> fmt::Result {
    counts
        .iter()
        .try_for_each(|(why, count)| writeln!(f, "{what}: {count}: {why}"))
}

/// Lines for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scenario, rate) = (self.scenario, self.per_second);
        write!(f, "{scenario}: {rate:.0} messages/s")?;
        if let Some(requested) = self.requested_per_second {
            write!(f, " of {requested:.0} requested, {} overdue", self.overdue)?;
        }
        writeln!(f, ", {} in {:.1} s", self.answered, self.seconds)?;
        writeln!(f, "latency: {}", self.latency)?;
        for (outcome, count) in &self.outcomes {
            writeln!(f, "outcome {outcome}: {count}")?;
        }
        write_counts(f, "connections lost", &self.lost)?;
        for server in &self.servers {
            writeln!(
                f,
                "server {}: {:.0} ns of CPU a message, {:.2} cores",
                server.pid, server.cpu_ns_per_message, server.cores
            )?;
        }
        let generator = &self.generator;
        write!(
            f,
            "generator: {:.0} ns of CPU a message, busiest of {} threads ran {:.0} % and waited for a core {:.0} %, timers late by p99 {:.2} ms",
            generator.cpu_ns_per_message,
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

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = [
            self.p50_us,
            self.p90_us,
            self.p99_us,
            self.p99_9_us,
            self.max_us,
        ]
        .map(|us| us / 1e3);
        let [p50, p90, p99, p99_9, max] = ms;
        write!(
            f,
            "p50 {p50:.3} ms, p90 {p90:.3} ms, p99 {p99:.3} ms, p99.9 {p99_9:.3} ms, max {max:.3} ms"
        )
    }
}
