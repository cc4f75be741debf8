use std::collections::BTreeMap;

use raftwire_bench::FanoutServer;
use serde::Serialize;

use crate::bottleneck::Usage;
use crate::case::Work;
use crate::figures::{Spread, ratio};
use crate::measure::{Measured, Outcome, Point};
use crate::system::System;

/// What a message may end as without being told of.
const GOOD_OUTCOMES: [&str; 4] = ["answered", "delivered", "echoed", "returned"];

/// One measurement in its round.
#[derive(Debug, Serialize)]
pub(crate) struct Round {
    pub(crate) round: usize,
    #[serde(flatten)]
    pub(crate) measured: Measured,
}

/// What all rounds say of one system in one case.
#[derive(Debug, Serialize)]
pub(crate) struct Row<'a> {
    #[serde(rename = "system", serialize_with = "by_name")]
    pub(crate) system: System,
    pub(crate) point: Point,
    /// By name, with its unit at the end.
    pub(crate) figures: BTreeMap<&'static str, Spread>,
    /// What its main figure is of the limit's, round by round.
    pub(crate) of_limit: Option<f64>,
    /// The same of Raftwire's.
    pub(crate) of_raftwire: Option<f64>,
    /// Of the round in the middle.
    pub(crate) bottleneck: Option<String>,
    /// What must not be overlooked.
    pub(crate) remarks: Vec<String>,
    pub(crate) rounds: Vec<&'a Round>,
}

fn by_name<S: serde::Serializer>(system: &System, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(system.name())
}

/// The figure that systems are compared by.
pub(crate) fn main_figure(work: Work) -> &'static str {
    match work {
        Work::Echo(_) | Work::Route(_) | Work::Fanout(_) | Work::Storm => "per_second",
        Work::Latency(_) => "p99_us",
        Work::Idle => "bytes_per_connection",
    }
}

impl<'a> Row<'a> {
    /// Of the rounds of one system, all at the same point. `of` finds those of another system.
    pub(crate) fn new(
        work: Work,
        system: System,
        point: Point,
        rounds: Vec<&'a Round>,
        of: impl Fn(System) -> Vec<&'a Round>,
        cores: Option<usize>,
    ) -> Row<'a> {
        let mut values: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        for round in &rounds {
            for (name, value) in figures(&round.measured.outcome) {
                values.entry(name).or_default().push(value);
            }
        }
        let spreads = values.into_iter();
        let spreads = spreads.filter_map(|(name, values)| Some((name, Spread::of(values)?)));
        let main = main_figure(work);
        let beside = |other: System| {
            let is_itself = other == system;
            (!is_itself).then(|| ratio(&series(&rounds, main), &series(&of(other), main)))?
        };
        Row {
            system,
            point,
            figures: spreads.collect(),
            of_limit: beside(System::Limit),
            of_raftwire: beside(System::Raftwire),
            bottleneck: middle(&rounds, main).and_then(|round| bottleneck(round, cores)),
            remarks: remarks(&rounds),
            rounds,
        }
    }

    pub(crate) fn figure(&self, name: &str) -> Option<Spread> {
        self.figures.get(name).copied()
    }
}

/// What is told of an outcome, by name.
fn figures(outcome: &Outcome) -> Vec<(&'static str, f64)> {
    match outcome {
        Outcome::Load(report) => {
            let cpu: f64 = report
                .servers
                .iter()
                .map(|server| server.cpu_ns_per_message)
                .sum();
            let latency = report.latency;
            vec![
                ("per_second", report.per_second),
                ("server_cpu_ns", cpu),
                ("p50_us", latency.p50_us),
                ("p99_us", latency.p99_us),
                ("p99_9_us", latency.p99_9_us),
                ("max_us", latency.max_us),
            ]
        }
        Outcome::Storm(report) => {
            let cpu: f64 = report
                .servers
                .iter()
                .map(|server| server.cpu_us_per_connection)
                .sum();
            vec![
                ("per_second", report.per_second),
                ("server_cpu_us", cpu),
                ("p50_us", report.opening.p50_us),
                ("p99_us", report.opening.p99_us),
                ("max_us", report.opening.max_us),
            ]
        }
        Outcome::Fanout(report) => {
            let each = |server: &FanoutServer| server.cpu_ns_per_delivery;
            let cpu: f64 = report.servers.iter().map(each).sum();
            vec![
                ("per_second", report.deliveries_per_second),
                ("server_cpu_ns", cpu),
                ("p50_us", report.latency.p50_us),
                ("p99_us", report.latency.p99_us),
                ("last_p50_us", report.completion.p50_us),
                ("last_p99_us", report.completion.p99_us),
            ]
        }
        Outcome::Idle(report) => report.servers.first().map_or_else(Vec::new, |server| {
            vec![
                ("bytes_per_connection", server.bytes_per_connection),
                (
                    "server_cpu_us_per_second",
                    server.cpu_us_per_second_per_connection,
                ),
            ]
        }),
        Outcome::Failed(_) => Vec::new(),
    }
}

fn figure(round: &Round, name: &str) -> Option<f64> {
    let figures = figures(&round.measured.outcome).into_iter();
    let mut named = figures.filter(|(figure, _)| *figure == name);
    named.next().map(|(_, value)| value)
}

fn series(rounds: &[&Round], name: &str) -> Vec<(usize, f64)> {
    let series = rounds.iter();
    let series = series.filter_map(|round| Some((round.round, figure(round, name)?)));
    series.collect()
}

/// The round with the median, or the one below it.
fn middle<'a>(rounds: &[&'a Round], name: &str) -> Option<&'a Round> {
    let mut known: Vec<_> = rounds
        .iter()
        .filter_map(|round| Some((figure(round, name)?, *round)))
        .collect();
    known.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let middle = known.len().saturating_sub(1) / 2;
    known.get(middle).map(|(_, round)| *round)
}

/// `cores`: all share so many; `None`: the server and the generator have their own.
fn bottleneck(round: &Round, cores: Option<usize>) -> Option<String> {
    let names = &round.measured.servers;
    let usage = match &round.measured.outcome {
        Outcome::Load(report) => Usage::of_load(report, names),
        Outcome::Storm(report) => Usage::of_storm(report, names),
        Outcome::Fanout(report) => Usage::of_fanout(report, names),
        Outcome::Idle(_) | Outcome::Failed(_) => return None,
    };
    Some(usage.bottleneck(cores))
}

fn remarks(rounds: &[&Round]) -> Vec<String> {
    let mut remarks = Vec::new();
    for round in rounds {
        let mut say = |what: String| remarks.push(format!("round {}: {what}", round.round));
        match &round.measured.outcome {
            Outcome::Fanout(report) => {
                for (outcome, count) in &report.outcomes {
                    if !GOOD_OUTCOMES.contains(&outcome.as_str()) {
                        say(format!("{count} deliveries ended as {outcome}"));
                    }
                }
                for (why, count) in &report.lost {
                    say(format!("{count} connections were lost: {why}"));
                }
            }
            Outcome::Load(report) => {
                for (outcome, count) in &report.outcomes {
                    if !GOOD_OUTCOMES.contains(&outcome.as_str()) {
                        say(format!("{count} messages ended as {outcome}"));
                    }
                }
                for (why, count) in &report.lost {
                    say(format!("{count} connections were lost: {why}"));
                }
                if report.overdue > 0 {
                    say(format!(
                        "{} messages were overdue at the end",
                        report.overdue
                    ));
                }
            }
            Outcome::Storm(report) => {
                for (why, count) in report.failed.iter().chain(&report.lost) {
                    say(format!("{count} connections failed: {why}"));
                }
            }
            Outcome::Idle(report) => {
                for (why, count) in &report.lost {
                    say(format!("{count} connections were lost: {why}"));
                }
            }
            Outcome::Failed(why) => say(why.clone()),
        }
    }
    remarks
}
