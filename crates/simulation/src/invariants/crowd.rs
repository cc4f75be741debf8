//! What is sent to a user, a group or everyone reaches those who belong to it, once, in the order of its
//! sender, and the counts are true: no fewer than received it, and no more than received it or ended before
//! they could. What a connection that is settled in a group was sent and not reported for has
//! been received; so has what everyone was sent, and all that was sent when everything had come to rest.
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
    at_rest: bool,
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

/// Since when a connection belongs to an audience, and, if it left it again, until when.
#[derive(Clone, Copy, Debug)]
struct Belonging {
    since: Moment,
    until: Option<Moment>,
}

/// The crowd's history.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    now: Moment,
    fans: BTreeMap<u64, Fan>,
    /// The last time that each connection belonged to each audience.
    members: BTreeMap<(ConnectionId, Audience), Belonging>,
    /// Where each connection lives.
    nodes: BTreeMap<ConnectionId, NodeId>,
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
            CrowdEvent::Came(process, connection) => {
                self.nodes.insert(connection.clone(), process.node);
                self.join(connection, Audience::Everyone);
            }
            CrowdEvent::Joined(connection, audience) => self.join(connection, audience),
            CrowdEvent::Left(connection, audience) => {
                if let Some(belonging) = self.members.get_mut(&(connection, audience)) {
                    belonging.until = Some(now);
                }
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
                at_rest,
            } => {
                let fan = Fan {
                    process,
                    audience,
                    living,
                    at_rest,
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

    fn join(&mut self, connection: ConnectionId, audience: Audience) {
        let belonging = Belonging {
            since: self.now,
            until: None,
        };
        self.members.insert((connection, audience), belonging);
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
            Some(belonging) if belonging.until.is_some_and(|left| left < fan.at) => {
                wrong("after it had left");
            }
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
            let what = match &fan.outcome {
                Some(outcome) => self.judge(fan, outcome),
                None if fan.at_rest => vec!["it was not answered".to_owned()],
                None => continue,
            };
            for what in what {
                let answer = fan.outcome.as_ref();
                let answer = answer.map_or("no answer".to_owned(), ToString::to_string);
                let Fan {
                    process, audience, ..
                } = fan;
                let what = format!("{number} of {process} to {audience}, {answer}: {what}");
                violations.add(at, NAME, what);
            }
        }
    }

    /// What is wrong with what a sender was told.
    fn judge(&self, fan: &Fan, outcome: &FanOutcome) -> Vec<String> {
        let mut wrong = Vec::new();
        let received = fan.received.iter();
        let missed = received
            .clone()
            .find(|(_, node)| outcome.missed.contains_key(*node));
        if let Some((connection, node)) = missed {
            wrong.push(format!("{connection} of {node} received it"));
        }
        let is_known = |node: &NodeId| !outcome.unknown.contains_key(node);
        let received = received.filter(|(_, node)| is_known(node)).count() as u64;
        let delivered = outcome.counts.delivered;
        if received > delivered {
            wrong.push(format!("{received} received it"));
        }
        let lost = self.may_have_lost(fan, outcome);
        if delivered > received + lost {
            let what = format!("{received} received it, and {lost} ended before they could");
            wrong.push(what);
        }
        if fan.at_rest && (!outcome.is_complete() || outcome.counts.total() > delivered) {
            wrong.push("not everybody was reached at rest".to_owned());
        }
        if outcome.counts.total() > delivered {
            // Nobody says which of them were not reached.
            return wrong;
        }
        let mut due = self.due(fan, outcome);
        due.retain(|connection| !fan.received.contains_key(*connection));
        if !due.is_empty() {
            wrong.push(format!("{due:?} were to receive it and did not"));
        }
        wrong
    }

    /// Whether a connection has ended, or its node's process, after this moment.
    fn has_ended_since(&self, connection: &ConnectionId, node: &NodeId, since: Moment) -> bool {
        let after = |ended: Option<&Moment>| ended.is_some_and(|ended| *ended > since);
        after(self.gone.get(connection)) || after(self.ended.get(node))
    }

    /// How many may have been delivered to that did not read it.
    fn may_have_lost(&self, fan: &Fan, outcome: &FanOutcome) -> u64 {
        let of_audience = self
            .members
            .keys()
            .filter(|(_, audience)| *audience == fan.audience);
        let lost = of_audience.filter(|(connection, _)| {
            self.nodes.get(connection).is_some_and(|node| {
                !fan.received.contains_key(connection)
                    && !outcome.unknown.contains_key(node)
                    && self.has_ended_since(connection, node, fan.at)
            })
        });
        lost.count() as u64
    }

    /// Who must have received it.
    fn due(&self, fan: &Fan, outcome: &FanOutcome) -> BTreeSet<&ConnectionId> {
        let answered = |node: &NodeId| {
            !outcome.unknown.contains_key(node) && !outcome.missed.contains_key(node)
        };
        let settled = self.settled.iter().filter(|settling| {
            settling.audience == fan.audience
                && settling.at < fan.at
                && fan.living.get(&settling.node) == Some(&settling.incarnation)
                && answered(&settling.node)
                && !self.gone.contains_key(&settling.connection)
                && !self.has_ended_since(&settling.connection, &settling.node, settling.at)
        });
        let settled = settled.map(|settling| &settling.connection);
        // Of everyone nobody has to hear first; at rest, everybody has heard of all.
        let everybody = fan.at_rest || fan.audience == Audience::Everyone;
        let members = self.members.iter().filter(|((_, audience), belonging)| {
            everybody
                && *audience == fan.audience
                && belonging.until.is_none()
                && belonging.since < fan.at
        });
        let members = members.filter(|((connection, _), belonging)| {
            self.nodes.get(connection).is_some_and(|node| {
                fan.living.contains_key(node)
                    && answered(node)
                    && !self.gone.contains_key(connection)
                    && !self.has_ended_since(connection, node, belonging.since)
            })
        });
        settled
            .chain(members.map(|((connection, _), _)| connection))
            .collect()
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
            at_rest: false,
        }
    }

    fn sent_to(number: u64, audience: Audience, at_rest: bool) -> CrowdEvent {
        CrowdEvent::Sent {
            number,
            process: process(1),
            audience,
            living: BTreeMap::from([(process(2).node, Incarnation::new(2))]),
            at_rest,
        }
    }

    fn came() -> CrowdEvent {
        CrowdEvent::Came(process(2), connection(2))
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

    #[test]
    fn a_count_that_is_too_large_is_found_unless_somebody_ended_before_reading() {
        let events = [came(), joined(), sent(1), received(1), answered(1, 2)];
        assert_eq!(judge(&events), 1);
        let events = [came(), joined(), sent(1), answered(1, 1)];
        assert_eq!(judge(&events), 1);
        let gone = CrowdEvent::Gone(connection(2));
        assert_eq!(judge(&[&events[..], &[gone]].concat()), 0);
    }

    #[test]
    fn a_broadcast_that_a_connection_misses_is_found() {
        let everyone = || sent_to(1, Audience::Everyone, false);
        assert_eq!(judge(&[came(), everyone(), received(1), answered(1, 1)]), 0);
        assert_eq!(judge(&[came(), everyone(), answered(1, 0)]), 1);
        assert_eq!(judge(&[everyone(), came(), answered(1, 0)]), 0);
    }

    #[test]
    fn at_rest_a_member_that_did_not_settle_is_due_as_well() {
        for (at_rest, found) in [(false, 0), (true, 1)] {
            let sent = sent_to(1, group(), at_rest);
            assert_eq!(judge(&[came(), joined(), sent, answered(1, 0)]), found);
        }
        assert_eq!(judge(&[came(), joined(), sent_to(1, group(), true)]), 1);
    }
}
