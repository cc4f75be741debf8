//! What must hold in every run, whatever goes wrong: one file each, with its source.

mod committed_entries;
mod crowd;
mod down_nodes;
mod election_safety;
mod fact_copies;
mod fencing;
mod in_order_once;
mod incarnations;
mod leases;
mod log_matching;
mod members;
mod name_rows;
mod names;
mod route_deadlines;
mod single_vote;
mod sockets;
mod state_agreement;
mod true_events;
mod true_outcomes;
mod trust;
mod violation;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use raftwire::{ClusterEvent, ConnectionId, DownReason, NodeId, RouteOutcome};
use raftwire_consensus::{ClusterState, Inspection};

use crate::crowd::CrowdEvent;
use crate::fact::{Event, Fact, MessageId, Process, Received, Removal};
use crate::scenario::{Carrier, Scenario};
use crate::view::View;

pub use self::violation::{Violation, Violations};

/// All invariants of a run, with what they remember.
#[derive(Debug, Default)]
pub struct Invariants {
    election_safety: election_safety::ElectionSafety,
    single_vote: single_vote::SingleVote,
    log_matching: log_matching::LogMatching,
    members: members::Members,
    names: names::Names,
    name_rows: name_rows::NameRows,
    sockets: sockets::Sockets,
    committed_entries: committed_entries::CommittedEntries,
    state_agreement: state_agreement::StateAgreement,
    incarnations: incarnations::Incarnations,
    fencing: fencing::Fencing,
    down_nodes: down_nodes::DownNodes,
    in_order_once: in_order_once::InOrderOnce,
    true_events: true_events::TrueEvents,
    true_outcomes: true_outcomes::TrueOutcomes,
    route_deadlines: route_deadlines::RouteDeadlines,
    crowd: crowd::Crowd,
    fact_copies: fact_copies::FactCopies,
    /// The last state that each node showed.
    states: BTreeMap<NodeId, Arc<ClusterState>>,
    /// Whether packets never wait for room on the wire: time that they wait there is not taken off
    /// what is left of their messages' time.
    is_queueless: bool,
    /// What was answered to operators in the last step: the state that they were told of may be newer than
    /// what the nodes showed in it.
    removals: Vec<(Duration, Removal)>,
    /// The last look inside each node.
    seen: BTreeMap<NodeId, Arc<Inspection>>,
    violations: Violations,
}

impl Invariants {
    /// Of this scenario.
    pub fn new(scenario: &Scenario) -> Invariants {
        let names = (0..scenario.load.names).map(crate::load::namer::name);
        Invariants {
            name_rows: name_rows::NameRows::new(names),
            true_outcomes: true_outcomes::TrueOutcomes::new(scenario.load.outbox_policy),
            is_queueless: scenario.carrier == Carrier::Memory,
            ..Invariants::default()
        }
    }

    /// Judges a step: what happened in it, in order, and how the nodes see themselves after it.
    pub fn after_step(&mut self, at: Duration, facts: &[Fact], views: &BTreeMap<NodeId, View>) {
        for view in views.values() {
            self.view(at, view);
        }
        for (at, removal) in std::mem::take(&mut self.removals) {
            self.members.removal(at, &removal, &mut self.violations);
        }
        for fact in facts {
            self.fact(fact);
        }
        leases::check(at, views, &self.incarnations, &mut self.violations);
        self.route_deadlines.check(at, &mut self.violations);
        self.down_nodes.check(at, &mut self.violations);
        self.true_events
            .check(at, &self.incarnations, &mut self.violations);
    }

    fn view(&mut self, at: Duration, view: &View) {
        self.fencing.view(at, view);
        self.down_nodes.view(at, view);
        self.names.view(at, view);
        self.fact_copies.view(at, view, &mut self.violations);
        let node = &view.process.node;
        if self
            .states
            .get(node)
            .is_some_and(|known| Arc::ptr_eq(known, &view.state))
        {
            return;
        }
        self.states.insert(node.clone(), Arc::clone(&view.state));
        self.fencing.state(at, view);
        self.state_agreement.state(at, view, &mut self.violations);
        self.members.state(at, view, &mut self.violations);
        self.name_rows.state(at, view, &mut self.violations);
        self.incarnations.state(at, view, &mut self.violations);
    }

    fn fact(&mut self, fact: &Fact) {
        let (at, violations) = (fact.at, &mut self.violations);
        match &fact.event {
            Event::Told(process, event) => {
                self.true_events.told(at, process, event, violations);
                if let ClusterEvent::NodeDown {
                    node,
                    incarnation,
                    index,
                    reason,
                } = event
                {
                    self.down_nodes.told(at, process, node);
                    if *reason == DownReason::Removed {
                        let told = (node, *incarnation, *index);
                        self.members.told(at, told, violations);
                    }
                }
            }
            Event::Inspected(process, seen) => self.inspected(at, process, seen),
            Event::Opened(process, connection, at_once) => {
                self.incarnations.opened(at, connection, violations);
                self.crowd(at, &CrowdEvent::Came(process.clone(), connection.clone()));
                self.true_outcomes
                    .opened(process, connection.clone(), *at_once);
            }
            Event::Closed(connection, closing) => {
                self.true_outcomes.closed(at, connection, *closing);
                self.names.closed(at, connection);
                self.crowd(at, &CrowdEvent::Gone(connection.clone()));
            }
            Event::Ended(process, _) => {
                self.true_outcomes.ended(at, process);
                self.route_deadlines.ended(process);
                self.fencing.ended(process);
                self.down_nodes.ended(at, process);
                self.names.ended(at, process);
                self.crowd.ended(process);
                self.sockets.process_ended(at, process);
                // The next process reads its state from the disk.
                self.states.remove(&process.node);
            }
            Event::Sent(sent) => {
                self.true_outcomes.sent(sent);
                self.route_deadlines.sent(sent);
                self.fencing.sent(sent);
            }
            Event::Answered(id, outcome) => {
                self.route_deadlines.answered(at, id, violations);
                self.fencing.answered(id);
                if let RouteOutcome::NodeDown { node } = outcome {
                    let sent = self.true_outcomes.message(id);
                    self.down_nodes.answered(at, sent, node);
                }
                if let (RouteOutcome::NotFound, ConnectionId::Named(name)) = (outcome, &id.to)
                    && let Some(sent) = self.true_outcomes.message(id)
                {
                    self.names.not_found(name, sent.at, at);
                }
                let may_lose = may_lose(&self.names, &self.true_outcomes, &id.to);
                self.true_outcomes
                    .answered(at, id, outcome, may_lose, violations);
            }
            Event::NameAsked(number, question) => self.names.asked(at, *number, question),
            Event::NameAnswered(number, answer) => self.names.answered(at, *number, answer),
            Event::Received(received) => self.received(at, received),
            Event::Removal(removal) => self.removals.push((at, removal.clone())),
            Event::Distrusted(process, counted) => trust::check(at, process, counted, violations),
            Event::Crowd(event) => self.crowd(at, event),
            Event::Started(_) | Event::Failed(..) | Event::Note(_) => {}
        }
    }

    fn crowd(&mut self, at: Duration, event: &CrowdEvent) {
        self.sockets.crowd(at, event);
        self.crowd.happened(at, event, &mut self.violations);
    }

    fn inspected(&mut self, at: Duration, process: &Process, seen: &Arc<Inspection>) {
        let violations = &mut self.violations;
        self.seen.insert(process.node.clone(), Arc::clone(seen));
        self.election_safety
            .inspected(at, process, seen, violations);
        self.single_vote.inspected(at, process, seen, violations);
        self.log_matching.inspected(at, process, seen, violations);
        self.committed_entries
            .inspected(at, process, seen, violations);
    }

    fn received(&mut self, at: Duration, received: &Received) {
        let violations = &mut self.violations;
        let number = received.frame.as_ref().ok();
        let sent = number.and_then(|number| {
            let to = received.connection.clone();
            let by_id = MessageId {
                number: *number,
                to,
            };
            let outcomes = &self.true_outcomes;
            outcomes
                .message(&by_id)
                .or_else(|| outcomes.named(*number))
                .cloned()
        });
        self.in_order_once
            .received(at, received, sent.as_ref(), violations);
        if let Some(sent) = sent {
            self.fencing.received(at, received, &sent, violations);
            if received.at_once && self.is_queueless {
                route_deadlines::RouteDeadlines::received(at, &sent, violations);
            }
            let may_lose = may_lose(&self.names, &self.true_outcomes, &sent.id.to);
            self.true_outcomes
                .received(at, &sent.id, may_lose, violations);
        }
    }

    /// The disk of a node has failed: what it has not answered for may be gone.
    pub fn disk_failed(&mut self, node: &NodeId) {
        if let Some(seen) = self.seen.get(node) {
            self.single_vote.disk_failed(seen.raft_id);
        }
    }

    /// Everything has come to rest, and every node runs.
    pub fn at_rest(&mut self, at: Duration, views: &BTreeMap<NodeId, View>) {
        let shown: Vec<_> = views.values().map(sockets::Shown::from).collect();
        self.sockets.at_rest(at, &shown, &mut self.violations);
        let (sockets, violations) = (&self.sockets, &mut self.violations);
        self.name_rows
            .at_rest(at, views.values(), sockets, violations);
    }

    /// The run is over, and all clients have read what there was for them.
    pub fn at_end(&mut self, at: Duration) {
        self.crowd.at_end(at, &mut self.violations);
        let shown = self.states.iter().flat_map(|(by, state)| {
            let members = state.members.iter();
            members.map(move |(node, member)| (by, node, member.incarnation))
        });
        self.members.at_end(at, shown, &mut self.violations);
        let names = &self.names;
        let holders = |name: &_| names.holders_of(name).cloned().collect();
        let members = &self.members;
        let was_removed = |connection: &_, until| members.was_removed(connection, until);
        let is_removal = |node: &_, index| members.is_removal(node, index);
        self.true_outcomes.at_end(
            at,
            &self.incarnations,
            (was_removed, is_removal),
            holders,
            &mut self.violations,
        );
        self.names.at_end(at, &mut self.violations);
    }

    /// Notes something that another part of the simulation has found.
    pub fn violated(&mut self, at: Duration, invariant: &'static str, what: String) {
        self.violations.add(at, invariant, what);
    }

    /// The last look inside a node.
    pub fn last_seen(&self, node: &NodeId) -> Option<&Inspection> {
        self.seen.get(node).map(Arc::as_ref)
    }

    /// How many routes are under way.
    pub fn routes_under_way(&self) -> usize {
        self.route_deadlines.len()
    }

    /// The highest term that had a leader.
    pub fn last_term(&self) -> u64 {
        self.election_safety.last_term()
    }

    /// Whether nothing was violated so far.
    pub fn hold(&self) -> bool {
        self.violations.is_empty()
    }

    /// What was violated.
    pub fn into_violations(self) -> Vec<Violation> {
        self.violations.into_vec()
    }
}

/// Whether the target is a name that a connection had which has ended, with what was delivered to it.
fn may_lose(
    names: &names::Names,
    outcomes: &true_outcomes::TrueOutcomes,
    to: &ConnectionId,
) -> bool {
    let ConnectionId::Named(name) = to else {
        return false;
    };
    let mut holders = names.holders_of(name);
    holders.any(|holder| outcomes.may_lose(holder))
}
