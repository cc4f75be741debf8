//! Runs a scenario from its beginning to its verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use raftwire::NodeId;
use raftwire_transport::memory::MemoryStatistics;

use crate::board::Phase;
use crate::cluster::Cluster;
use crate::fact::{Event, Fact};
use crate::invariants::{Invariants, Violation};
use crate::recovery::{RECOVERY_MAX, disagreement, missing};
use crate::scenario::{Fault, Scenario};
use crate::trace::{Lines, Trace, TraceHash};

/// How long the last routes may take once nothing more is sent: longer than any deadline.
const SETTLING_MAX: Duration = Duration::from_secs(6);

/// How long clients have to read what is left, at once.
const EMPTYING: Duration = Duration::from_millis(600);

/// How long a node may be behind the leader once nothing more is asked of it. The leader tries one that did not
/// answer, because its disk hung, again after up to half a second; twice in vain at most.
const CATCHING_UP_MAX: Duration = Duration::from_secs(2);

/// How long the roll call takes at least: each node begins with it within 20 ms.
const ROLL_CALL_MIN: Duration = Duration::from_millis(100);

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed of its scenario.
    pub seed: u64,
    /// How long it took, in simulated time.
    pub simulated: Duration,
    /// How long the cluster took to recover after all was put right; none if it did not come to
    /// that.
    pub recovery: Option<Duration>,
    /// Frames that were sent.
    pub messages: u64,
    /// The highest term that had a leader.
    pub last_term: u64,
    /// What senders were told, by the outcomes' names, and how often.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Nodes that were lost for an operator to remove them.
    pub removals_begun: usize,
    /// Those of them that were removed, before they came back or later.
    pub removals_done: usize,
    /// The longest time in which nobody acted as the leader, from the first leader on.
    pub longest_leaderless: Duration,
    /// What became of packets.
    pub packets: MemoryStatistics,
    /// The hash of the trace.
    pub trace: TraceHash,
    /// What must never happen, and did.
    pub violations: Vec<Violation>,
}

/// Runs a scenario. It ends with the first step that violates an invariant.
pub fn run<'a>(scenario: &'a Scenario, lines: Lines<'a>) -> Report {
    let mut run = Run {
        scenario,
        cluster: Cluster::new(scenario),
        invariants: Invariants::new(scenario),
        trace: Trace::new(lines),
        recovery: None,
        outcomes: BTreeMap::new(),
        removals: Vec::new(),
        leaderless: Leaderless::default(),
    };
    run.trace.line(&scenario.to_string());
    run.all();
    run.report()
}

struct Run<'a> {
    scenario: &'a Scenario,
    cluster: Cluster<'a>,
    invariants: Invariants,
    trace: Trace<'a>,
    recovery: Option<Duration>,
    outcomes: BTreeMap<&'static str, u64>,
    /// Whether the nodes that were lost so far have been removed.
    removals: Vec<bool>,
    leaderless: Leaderless,
}

/// How long nobody has acted as the leader.
#[derive(Debug, Default)]
struct Leaderless {
    last_led: Option<Duration>,
    longest: Duration,
}

impl Leaderless {
    fn observe(&mut self, at: Duration, is_led: bool) {
        if is_led {
            self.last_led = Some(at);
        } else if let Some(last) = self.last_led {
            self.longest = self.longest.max(at.saturating_sub(last));
        }
    }
}

impl Run<'_> {
    fn all(&mut self) {
        self.faults();
        if self.invariants.hold() {
            self.recover();
        }
        if self.invariants.hold() {
            self.settle();
        }
    }

    fn now(&self) -> Duration {
        self.cluster.now()
    }

    /// Goes on by one tick and judges it; whether all invariants hold.
    fn step(&mut self) -> bool {
        let result = self.cluster.step();
        let facts = self.cluster.take_facts();
        for fact in &facts {
            self.trace.fact(fact);
            self.judge_start(fact);
            match &fact.event {
                Event::Answered(_, outcome) => {
                    *self.outcomes.entry(outcome.name()).or_default() += 1;
                }
                Event::Removal(removal) if removal.answer.is_ok() => {
                    if let Some(is_done) = self.removals.last_mut() {
                        *is_done = true;
                    }
                }
                _ => {}
            }
        }
        let (at, views) = (self.now(), self.cluster.views());
        self.leaderless
            .observe(at, views.values().any(|view| view.is_leader));
        self.invariants.after_step(at, &facts, &views);
        for plan in &self.scenario.nodes {
            if self.cluster.is_disk_bad(&plan.node) {
                self.invariants.disk_failed(&plan.node);
            }
        }
        if let Err(panic) = result {
            self.invariants.violated(at, "no panic", panic);
        }
        self.invariants.hold()
    }

    /// A node starts, stops and answers as it was told, unless its disk has failed.
    fn judge_start(&mut self, fact: &Fact) {
        if let Event::Failed(process, why) = &fact.event
            && !self.cluster.is_disk_bad(&process.node)
        {
            self.invariants.violated(
                fact.at,
                "nodes do as they are told",
                format!("{process}: {why}"),
            );
        }
    }

    /// Lets happen what is planned, until all is put right.
    fn faults(&mut self) {
        let mut planned = self.scenario.faults.iter().enumerate().peekable();
        let mut under_way: BTreeMap<usize, Duration> = BTreeMap::new();
        while self.now() < self.scenario.heals_at {
            let now = self.now();
            for (number, _) in under_way.extract_if(.., |_, ends| *ends <= now) {
                self.cluster
                    .end(number, &self.scenario.faults[number].fault);
            }
            while let Some((number, fault)) = planned.next_if(|(_, fault)| fault.at <= now) {
                self.cluster.begin(number, &fault.fault);
                if matches!(fault.fault, Fault::Remove(..)) {
                    self.removals.push(false);
                }
                under_way.insert(number, fault.at + fault.lasts);
            }
            self.cluster.rotate();
            if !self.step() {
                return;
            }
        }
        for number in under_way.into_keys() {
            self.cluster
                .end(number, &self.scenario.faults[number].fault);
        }
        self.cluster.heal();
    }

    /// Waits until the cluster serves again.
    fn recover(&mut self) {
        let nodes: BTreeSet<NodeId> = self
            .scenario
            .nodes
            .iter()
            .map(|plan| plan.node.clone())
            .collect();
        let healed_at = self.now();
        self.cluster.set_phase(Phase::Recovering);
        while self.step() {
            let took = self.now().saturating_sub(healed_at);
            let missing = missing(&self.cluster, &self.invariants, &nodes, healed_at);
            let Some(missing) = missing else {
                self.recovery = Some(took);
                return;
            };
            if took > RECOVERY_MAX {
                let what = format!("not within {RECOVERY_MAX:?}: {missing}");
                self.invariants
                    .violated(self.cluster.now(), "recovery", what);
                return;
            }
        }
    }

    /// Sends nothing more, and waits until everything that was sent is answered and read.
    fn settle(&mut self) {
        self.cluster.set_phase(Phase::Settling);
        let since = self.now();
        while self.step() {
            let took = self.now().saturating_sub(since);
            if took > SETTLING_MAX || (self.invariants.routes_under_way() == 0 && !took.is_zero()) {
                break;
            }
        }
        self.cluster.set_phase(Phase::Emptying);
        let since = self.now();
        while self.invariants.hold() && self.now().saturating_sub(since) < EMPTYING {
            self.step();
        }
        self.catch_up();
        if self.invariants.hold() {
            self.rest();
        }
        if self.invariants.hold() {
            self.invariants.at_end(self.cluster.now());
        }
    }

    /// Waits until every node has applied what the leader has.
    fn catch_up(&mut self) {
        let since = self.now();
        while self.invariants.hold()
            && let Some(why) = disagreement(&self.cluster.views())
        {
            if self.now().saturating_sub(since) > CATCHING_UP_MAX {
                let what = format!("not at rest after {CATCHING_UP_MAX:?}: {why}");
                self.invariants.violated(self.now(), "recovery", what);
            }
            self.step();
        }
    }

    /// Compares what the nodes know with what there is, and lets every node speak to every audience.
    fn rest(&mut self) {
        self.invariants.at_rest(self.now(), &self.cluster.views());
        self.cluster.set_phase(Phase::Resting);
        let since = self.now();
        while self.invariants.hold() {
            let took = self.now().saturating_sub(since);
            let is_called = took > ROLL_CALL_MIN && !self.cluster.has_routes();
            if is_called || took > SETTLING_MAX {
                return;
            }
            self.step();
        }
    }

    fn report(mut self) -> Report {
        let (messages, packets) = (self.cluster.messages(), self.cluster.packets());
        self.trace.line(&format!("{packets:?}"));
        Report {
            seed: self.scenario.seed,
            simulated: self.cluster.now(),
            recovery: self.recovery,
            messages,
            last_term: self.invariants.last_term(),
            outcomes: self.outcomes,
            removals_begun: self.removals.len(),
            removals_done: self.removals.iter().filter(|done| **done).count(),
            longest_leaderless: self.leaderless.longest,
            packets,
            trace: self.trace.hash(),
            violations: self.invariants.into_violations(),
        }
    }
}
