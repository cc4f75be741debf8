use std::fmt;
use std::time::Duration;

use raftwire_bench::{
    AddressError, BenchError, Crowd, FanoutPlan, FanoutReport, FanoutServerKind, IdlePlan,
    IdleReport, Plan, Report, Scenario, ServerKind, StormPlan, StormReport, idle, run, storm,
};
use serde::Serialize;

use crate::affinity::{Affinity, Runner};
use crate::case::{Fanout, Work};
use crate::flags::Flags;
use crate::process::{Process, StartError};
use crate::start::{Running, Target, start};
use crate::system::System;

/// Connections of a storm that are on their way at a time: less than any server's queue.
const AT_ONCE: usize = 256;
/// For how long a system is warmed up and measured whose answers take longer than the usual warm-up: with many in
/// flight the slowest peers need some seconds for each.
const SLOW_LENGTH: Duration = Duration::from_secs(12);

/// What one measurement has found.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) point: Point,
    /// The servers' processes by name.
    pub(crate) servers: Vec<Named>,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Serialize)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) pid: u32,
}

/// At which rate a system is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Point {
    /// As fast as it answers.
    Top,
    /// At a quarter of that.
    Quarter,
    /// At half of it.
    Half,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Load(Report),
    Storm(StormReport),
    Idle(IdleReport),
    Fanout(FanoutReport),
    /// Nothing was measured.
    Failed(String),
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
enum MeasureError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Bench(#[from] BenchError),
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("this system has no server for this work")]
    Target,
}

/// Starts a system, measures it, and ends it.
pub(crate) fn measure(
    system: System,
    work: Work,
    flags: &Flags,
    affinity: &Affinity,
) -> Vec<Measured> {
    let apart = |runner| work.has_one_server().then_some(runner);
    let started = affinity.on(apart(Runner::Server), || start(system, work));
    let running = match started {
        Ok(running) => running,
        Err(error) => return vec![Measured::failed(Point::Top, error.into())],
    };
    affinity.on(apart(Runner::Generator), || running.measure(work, flags))
}

impl Running {
    fn measure(&self, work: Work, flags: &Flags) -> Vec<Measured> {
        let top = match work {
            Work::Echo(_) | Work::Route(_) | Work::Latency(_) => self.load(work, flags, None),
            Work::Fanout(fanout) => self.fanout(fanout, flags),
            Work::Storm => self.storm(flags),
            Work::Idle => self.idle(flags),
        };
        let mut measured = vec![self.measured(Point::Top, top)];
        let Work::Latency(_) = work else {
            return measured;
        };
        if let Outcome::Load(report) = &measured[0].outcome {
            let top = report.per_second;
            for (point, share) in [(Point::Quarter, 0.25), (Point::Half, 0.5)] {
                let loaded = self.load(work, flags, Some(top * share));
                measured.push(self.measured(point, loaded));
            }
        }
        measured
    }

    fn measured(&self, point: Point, outcome: Result<Outcome, MeasureError>) -> Measured {
        let servers = self.servers.iter().map(|server| Named {
            name: server.name.clone(),
            pid: server.pid(),
        });
        match outcome {
            Ok(outcome) => Measured {
                point,
                servers: servers.collect(),
                outcome,
            },
            Err(error) => Measured::failed(point, error),
        }
    }

    fn pids(&self) -> Vec<u32> {
        self.servers.iter().map(Process::pid).collect()
    }

    fn load(&self, work: Work, flags: &Flags, rate: Option<f64>) -> Result<Outcome, MeasureError> {
        let mut plan = Plan {
            scenario: self.scenario(work)?,
            trust: None,
            warm_up: flags.warm_up,
            length: flags.length,
            threads: None,
            rate,
            pids: self.pids(),
        };
        let mut report = run(&plan, &mut |_| {})?;
        let usual = Duration::from_secs_f64(report.latency.p50_us / 1e6);
        if report.answered == 0 || usual > flags.warm_up {
            (plan.warm_up, plan.length) = (SLOW_LENGTH, SLOW_LENGTH);
            report = run(&plan, &mut |_| {})?;
        }
        Ok(Outcome::Load(report))
    }

    fn scenario(&self, work: Work) -> Result<Scenario, MeasureError> {
        match (&self.target, work) {
            (Target::Nodes(protocol, nodes), Work::Route(route) | Work::Latency(route)) => {
                let mut nodes = nodes.iter().map(|node| node.parse());
                Ok(Scenario::Route {
                    protocol: *protocol,
                    senders_at: nodes.next().ok_or(MeasureError::Target)??,
                    receivers_at: nodes.collect::<Result<_, _>>()?,
                    senders: route.senders,
                    in_flight: route.in_flight,
                    bytes: route.bytes,
                    answer: route.answer,
                })
            }
            (Target::Single(server), Work::Echo(echo)) => Ok(Scenario::Echo {
                server: server.parse()?,
                connections: echo.connections,
                in_flight: echo.in_flight,
                bytes: echo.bytes,
            }),
            _ => Err(MeasureError::Target),
        }
    }

    fn crowd(&self, flags: &Flags) -> Result<Crowd, MeasureError> {
        let Target::Single(server) = &self.target else {
            return Err(MeasureError::Target);
        };
        Ok(Crowd {
            servers: vec![server.parse()?],
            kind: ServerKind::Echo,
            trust: None,
            helper: None,
            name_prefix: None,
            connections: flags.crowd,
            at_once: AT_ONCE,
            threads: None,
        })
    }

    fn fanout(&self, fanout: Fanout, flags: &Flags) -> Result<Outcome, MeasureError> {
        let (kind, servers) = match &self.target {
            Target::Single(server) => (FanoutServerKind::Plain, std::slice::from_ref(server)),
            Target::Nodes(_, servers) => (FanoutServerKind::Node, servers.as_slice()),
        };
        let servers: Result<Vec<_>, _> = servers.iter().map(|server| server.parse()).collect();
        let plan = FanoutPlan {
            servers: servers?,
            kind,
            trust: None,
            receivers: fanout.receivers,
            burst: fanout.burst,
            in_flight: 1,
            bytes: fanout.bytes,
            warm_up: flags.warm_up,
            length: flags.length,
            threads: None,
            rate: None,
            pids: self.pids(),
        };
        Ok(Outcome::Fanout(raftwire_bench::fanout(&plan, &mut |_| {})?))
    }

    fn storm(&self, flags: &Flags) -> Result<Outcome, MeasureError> {
        let plan = StormPlan {
            crowd: self.crowd(flags)?,
            pids: self.pids(),
        };
        Ok(Outcome::Storm(storm(&plan, &mut |_| {})?))
    }

    fn idle(&self, flags: &Flags) -> Result<Outcome, MeasureError> {
        let plan = IdlePlan {
            crowd: self.crowd(flags)?,
            hold: flags.length,
            pids: self.pids(),
        };
        Ok(Outcome::Idle(idle(&plan, &mut |_| {})?))
    }
}

impl Measured {
    fn failed(point: Point, error: MeasureError) -> Measured {
        Measured {
            point,
            servers: Vec::new(),
            outcome: Outcome::Failed(error.to_string()),
        }
    }
}

/// A line for who watches.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Load(report) => write!(
                f,
                "{:?}: {:.0} messages/s, p99 {:.2} ms",
                self.point,
                report.per_second,
                report.latency.p99_us / 1e3
            ),
            Outcome::Storm(report) => write!(f, "{:.0} connections/s", report.per_second),
            Outcome::Fanout(report) => write!(
                f,
                "{:.0} deliveries/s, p99 {:.2} ms",
                report.deliveries_per_second,
                report.latency.p99_us / 1e3
            ),
            Outcome::Idle(report) => {
                let server = report.servers.first();
                let bytes = server.map_or(0.0, |server| server.bytes_per_connection);
                write!(f, "{bytes:.0} bytes a connection")
            }
            Outcome::Failed(why) => write!(f, "{:?}: failed: {why}", self.point),
        }
    }
}
