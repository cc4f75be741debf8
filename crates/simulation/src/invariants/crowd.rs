//! What is sent to a user or a group reaches those who belong to it, once, in the order of its sender, and
//! the counts are true. What a node that is settled in a group was sent and not reported for has
//! been received.
//!
//! ARCHITECTURE, "A message for many".

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use raftwire::{Audience, ConnectionId, FanOutcome, Incarnation, NodeId};

use super::Violations;
use crate::crowd::CrowdEvent;
use crate::fact::Process;

const NAME: &str = "messages for many";

/// Where in the history something happened.
type Moment = u64;

#[derive(Debug)]
struct Fan {
    process: Process,
    audience: Audience,
    living: BTreeMap<NodeId, Incarnation>,
    at: Moment,
    outcome: Option<FanOutcome>,
    received: BTreeMap<ConnectionId, NodeId>,
}

#[derive(Debug)]
struct Settling {
    node: NodeId,
    incarnation: Incarnation,
    connection: ConnectionId,
    audience: Audience,
    at: Moment,
}

/// The crowd's history.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    now: Moment,
    fans: BTreeMap<u64, Fan>,
    /// `None`: it belongs to it; else when it left.
    members: BTreeMap<(ConnectionId, Audience), Option<Moment>>,
    gone: BTreeMap<ConnectionId, Moment>,
    settled: Vec<Settling>,
    /// The last message of each sender to each connection.
    last: BTreeMap<(Process, ConnectionId), u64>,
    /// Nodes one of whose processes has ended: when. What was in its outboxes is gone.
    ended: BTreeMap<NodeId, Moment>,
}

impl Crowd {
    pub(super) fn ended(&mut self, process: &Process) {
        self.now += 1;
        self.ended.insert(process.node.clone(), self.now);
    }

    pub(super) fn happened(
        &mut self,
        at: Duration,
        event: &CrowdEvent,
        violations: &mut Violations,
    ) {
        self.now += 1;
        let now = self.now;
        match event.clone() {
            CrowdEvent::Joined(connection, audience) => {
                self.members.insert((connection, audience), None);
            }
            CrowdEvent::Left(connection, audience) => {
                self.members.insert((connection, audience), Some(now));
            }
            CrowdEvent::Gone(connection) => {
                self.gone.insert(connection, now);
            }
            CrowdEvent::Settled {
                node,
                incarnation,
                connection,
                audience,
            } => self.settled.push(Settling {
                node,
                incarnation,
                connection,
                audience,
                at: now,
            }),
            CrowdEvent::Sent {
                number,
                process,
                audience,
                living,
            } => {
                let fan = Fan {
                    process,
                    audience,
                    living,
                    at: now,
                    outcome: None,
                    received: BTreeMap::new(),
                };
                self.fans.insert(number, fan);
            }
            CrowdEvent::Answered(number, outcome) => {
                if let Some(fan) = self.fans.get_mut(&number) {
                    fan.outcome = Some(outcome);
                }
            }
            CrowdEvent::Received {
                number,
                node,
                connection,
            } => self.received(at, number, node, connection, violations),
        }
    }

    fn received(
        &mut self,
        at: Duration,
        number: u64,
        node: NodeId,
        connection: ConnectionId,
        violations: &mut Violations,
    ) {
        let mut wrong = |what: &str| {
            let what = format!("{connection} of {node} received {number} {what}");
            violations.add(at, NAME, what);
        };
        let Some(fan) = self.fans.get_mut(&number) else {
            wrong("that nobody sent to many");
            return;
        };
        match self
            .members
            .get(&(connection.clone(), fan.audience.clone()))
        {
            None => wrong("and never belonged to its audience"),
            Some(Some(left)) if *left < fan.at => wrong("after it had left"),
            Some(_) => {}
        }
        let stream = (fan.process.clone(), connection.clone());
        let last = self.last.insert(stream, number);
        if last.is_some_and(|last| last >= number) {
            wrong(&format!("after {}", last.unwrap_or(0)));
        }
        if fan
            .received
            .insert(connection.clone(), node.clone())
            .is_some()
        {
            wrong("again");
        }
    }

    /// The run is over, and everything was read.
    pub(super) fn at_end(&self, at: Duration, violations: &mut Violations) {
        for (number, fan) in &self.fans {
            if let Some(outcome) = &fan.outcome {
                self.judge(at, *number, fan, outcome, violations);
            }
        }
    }

    fn judge(
        &self,
        at: Duration,
        number: u64,
        fan: &Fan,
        outcome: &FanOutcome,
        violations: &mut Violations,
    ) {
        let mut wrong = |what: String| {
            let what = format!("{number} of {}, {outcome}: {what}", fan.process);
            violations.add(at, NAME, what);
        };
        let missed = fan
            .received
            .iter()
            .find(|(_, node)| outcome.missed.contains_key(*node));
        if let Some((connection, node)) = missed {
            wrong(format!("{connection} of {node} received it"));
        }
        let is_known = |node: &NodeId| !outcome.unknown.contains_key(node);
        let received = fan.received.values().filter(|node| is_known(node)).count() as u64;
        if received > outcome.counts.delivered {
            wrong(format!("{received} received it"));
        }
        if outcome.counts.total() > outcome.counts.delivered {
            return;
        }
        let is_over = |settling: &Settling| {
            let has_ended = self.ended.get(&settling.node);
            let gone = self.gone.get(&settling.connection);
            has_ended.is_some_and(|ended| *ended > settling.at) || gone.is_some()
        };
        let due = self.settled.iter().filter(|settling| {
            settling.audience == fan.audience
                && settling.at < fan.at
                && fan.living.get(&settling.node) == Some(&settling.incarnation)
                && is_known(&settling.node)
                && !outcome.missed.contains_key(&settling.node)
                && !is_over(settling)
        });
        let unreached: BTreeSet<&ConnectionId> = due
            .map(|settling| &settling.connection)
            .filter(|connection| !fan.received.contains_key(*connection))
            .collect();
        if !unreached.is_empty() {
            wrong(format!("{unreached:?} were settled and did not receive it"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::samples::{at, connection, process};

    fn group() -> Audience {
        Audience::Group("group".parse().expect("a group"))
    }

    fn sent(number: u64) -> CrowdEvent {
        CrowdEvent::Sent {
            number,
            process: process(1),
            audience: group(),
            living: BTreeMap::from([(process(2).node, Incarnation::new(2))]),
        }
    }

    fn received(number: u64) -> CrowdEvent {
        CrowdEvent::Received {
            number,
            node: process(2).node,
            connection: connection(2),
        }
    }

    fn joined() -> CrowdEvent {
        CrowdEvent::Joined(connection(2), group())
    }

    fn settled() -> CrowdEvent {
        CrowdEvent::Settled {
            node: process(2).node,
            incarnation: Incarnation::new(2),
            connection: connection(2),
            audience: group(),
        }
    }

    fn answered(number: u64, delivered: u64) -> CrowdEvent {
        let mut outcome = FanOutcome::default();
        outcome.counts.delivered = delivered;
        CrowdEvent::Answered(number, outcome)
    }

    fn judge(events: &[CrowdEvent]) -> usize {
        let (mut crowd, mut violations) = (Crowd::default(), Violations::default());
        for event in events {
            crowd.happened(at(1), event, &mut violations);
        }
        crowd.at_end(at(2), &mut violations);
        violations.into_vec().len()
    }

    #[test]
    fn what_a_member_receives_once_and_was_counted_is_right() {
        let events = [joined(), settled(), sent(1), received(1), answered(1, 1)];
        assert_eq!(judge(&events), 0);
    }

    #[test]
    fn what_comes_twice_late_or_out_of_order_is_found() {
        assert_eq!(judge(&[joined(), sent(1), received(1), received(1)]), 2);
        assert_eq!(
            judge(&[joined(), sent(1), sent(2), received(2), received(1)]),
            1
        );
        let left = CrowdEvent::Left(connection(2), group());
        assert_eq!(judge(&[joined(), left, sent(1), received(1)]), 1);
        assert_eq!(judge(&[sent(1), received(1)]), 1);
    }

    #[test]
    fn a_count_that_is_too_small_is_found() {
        assert_eq!(judge(&[joined(), sent(1), received(1), answered(1, 0)]), 1);
    }

    #[test]
    fn a_settled_member_that_was_missed_is_found_unless_it_has_gone() {
        let events = [joined(), settled(), sent(1), answered(1, 0)];
        assert_eq!(judge(&events), 1);
        let gone = CrowdEvent::Gone(connection(2));
        assert_eq!(judge(&[&events[..], &[gone]].concat()), 0);
    }
}
