//! Every outcome is true.
//!
//! ARCHITECTURE, "What makes an outcome true". Delivered: received once, unless that client's socket or its node
//! ended first; and then nothing of the same sender that was delivered later is received either.
//! Did not: never received. Not found: there is no such connection. Node lost: the named node died
//! at the named index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use raftwire::{CloseCode, ConnectionId, Happened, Name, NodeId, OutboxPolicy, RouteOutcome};

use super::Violations;
use super::in_order_once::{Stream, stream};
use super::incarnations::Incarnations;
use crate::fact::{Closing, MessageId, Process, Sent};

const NAME: &str = "true outcomes";

#[derive(Debug)]
struct Fate {
    sent: Arc<Sent>,
    answer: Option<RouteOutcome>,
    is_received: bool,
}

/// One stream's messages that were called delivered and are not received yet, and the last that
/// was received; all by number.
#[derive(Debug, Default)]
struct Owed {
    delivered: BTreeSet<u64>,
    last_received: Option<u64>,
}

#[derive(Debug)]
struct Life {
    owner: Process,
    reads_at_once: bool,
    closed: Option<(Duration, Closing)>,
    opened: Duration,
}

/// What became of each message, and what its sender was told.
#[derive(Debug, Default)]
pub(super) struct TrueOutcomes {
    fates: BTreeMap<MessageId, Fate>,
    /// The messages for names, by the numbers of their frames: each goes to one name.
    named: BTreeMap<u64, MessageId>,
    owed: BTreeMap<Stream, Owed>,
    clients: BTreeMap<ConnectionId, Life>,
    ended: BTreeMap<Process, Duration>,
    /// Whether a full outbox closes its connection.
    full_closes: bool,
    /// When a connection was first said to be full.
    full: BTreeMap<ConnectionId, Duration>,
    /// Answers that can be judged at the end only.
    not_found: Vec<(Duration, ConnectionId)>,
    lost: Vec<(Duration, NodeId, u64)>,
}

impl TrueOutcomes {
    /// For clients whose outboxes do this when they are full.
    pub(super) fn new(policy: OutboxPolicy) -> TrueOutcomes {
        TrueOutcomes {
            full_closes: policy != OutboxPolicy::Refuse,
            ..TrueOutcomes::default()
        }
    }

    pub(super) fn opened(
        &mut self,
        at: Duration,
        owner: &Process,
        connection: ConnectionId,
        reads_at_once: bool,
    ) {
        let owner = owner.clone();
        self.clients.insert(
            connection,
            Life {
                opened: at,
                owner,
                reads_at_once,
                closed: None,
            },
        );
    }

    pub(super) fn closed(&mut self, at: Duration, connection: &ConnectionId, closing: Closing) {
        if let Some(life) = self.clients.get_mut(connection) {
            life.closed.get_or_insert((at, closing));
        }
    }

    pub(super) fn ended(&mut self, at: Duration, process: &Process) {
        self.ended.insert(process.clone(), at);
    }

    pub(super) fn sent(&mut self, sent: &Arc<Sent>) {
        let fate = Fate {
            sent: Arc::clone(sent),
            answer: None,
            is_received: false,
        };
        if let ConnectionId::Named(_) = sent.id.to {
            self.named.insert(sent.id.number, sent.id.clone());
        }
        self.fates.insert(sent.id.clone(), fate);
    }

    /// The message for a name whose frame has this number.
    pub(super) fn named(&self, number: u64) -> Option<&Arc<Sent>> {
        self.message(self.named.get(&number)?)
    }

    /// The message of this id.
    pub(super) fn message(&self, id: &MessageId) -> Option<&Arc<Sent>> {
        self.fates.get(id).map(|fate| &fate.sent)
    }

    /// A sender was told what became of its message. `may_lose`: as in [`received`](Self::received).
    pub(super) fn answered(
        &mut self,
        at: Duration,
        id: &MessageId,
        outcome: &RouteOutcome,
        may_lose: bool,
        violations: &mut Violations,
    ) {
        let Some(fate) = self.fates.get_mut(id) else {
            return;
        };
        let sent = Arc::clone(&fate.sent);
        fate.answer = Some(outcome.clone());
        let is_received = fate.is_received;
        let was_over = self.was_over(&sent);
        let mut lie = |why: &str| {
            let what = format!("{id} of {}: {outcome:?}, {why}", sent.process);
            violations.add(at, NAME, what);
        };
        match outcome.happened() {
            Happened::No if is_received => lie("but it was received"),
            Happened::Yes if was_over => lie("but the connection had ended before it was sent"),
            Happened::Yes if !is_received => {
                if *outcome == RouteOutcome::Written {
                    lie("but the client has not received it");
                }
                let owed = self.owed.entry(stream(&sent)).or_default();
                if owed.last_received > Some(sent.sequence) && !may_lose {
                    lie("but only a later one was received");
                } else {
                    owed.delivered.insert(sent.sequence);
                }
            }
            Happened::Yes | Happened::No | Happened::Unknown => {}
        }
        let owner = self.clients.get(&sent.id.to).map(|life| &life.owner.node);
        match outcome {
            // That names were not found is judged with their histories.
            RouteOutcome::NotFound => self.not_found.push((at, sent.id.to.clone())),
            RouteOutcome::SlowConsumer
                if self.full_closes && matches!(sent.id.to, ConnectionId::Minted(_)) =>
            {
                self.full.entry(sent.id.to.clone()).or_insert(at);
            }
            RouteOutcome::NodeLost { node, index } => self.lost.push((at, node.clone(), *index)),
            RouteOutcome::NodeDown { node } if owner.is_some_and(|owner| owner != node) => {
                lie("but another node owns the connection");
            }
            RouteOutcome::Delivered | RouteOutcome::Written
                if owner.is_none() && matches!(sent.id.to, ConnectionId::Minted(_)) =>
            {
                lie("but there never was such a connection");
            }
            _ => {}
        }
    }

    /// A client received a message that was for it. `may_lose`: it is for a name that a connection had
    /// which has ended, with what was delivered to it.
    pub(super) fn received(
        &mut self,
        at: Duration,
        id: &MessageId,
        may_lose: bool,
        violations: &mut Violations,
    ) {
        let Some(fate) = self.fates.get_mut(id) else {
            return;
        };
        let sent = &fate.sent;
        if fate.is_received {
            let what = format!("{id} of {} was received twice", sent.process);
            violations.add(at, NAME, what);
        }
        fate.is_received = true;
        if let Some(outcome) = &fate.answer
            && outcome.happened() == Happened::No
        {
            let what = format!("{id} of {}: {outcome:?}, then received", sent.process);
            violations.add(at, NAME, what);
        }
        let owed = self.owed.entry(stream(sent)).or_default();
        owed.delivered.remove(&sent.sequence);
        owed.last_received = owed.last_received.max(Some(sent.sequence));
        if let Some(missing) = owed
            .delivered
            .first()
            .filter(|missing| **missing < sent.sequence && !may_lose)
        {
            let what = format!(
                "{} received number {} of {} without number {missing}, which was delivered",
                sent.id.to, sent.sequence, sent.process
            );
            violations.add(at, NAME, what);
        }
    }

    /// The run is over, and all clients have read what there was for them.
    pub(super) fn at_end(
        &self,
        at: Duration,
        incarnations: &Incarnations,
        (was_removed, is_removal): (
            impl Fn(&NodeId, Duration, Duration) -> bool,
            impl Fn(&NodeId, u64) -> bool,
        ),
        holders: impl Fn(&Name) -> Vec<ConnectionId>,
        violations: &mut Violations,
    ) {
        for ((sender, _, connection), owed) in &self.owed {
            let missing = owed.delivered.len();
            let may_lose = match connection {
                ConnectionId::Named(name) => {
                    let mut holders = holders(name).into_iter();
                    holders.any(|holder| self.may_lose(&holder))
                }
                ConnectionId::Minted(_) => self.may_lose(connection),
            };
            if missing > 0 && !may_lose {
                let what = format!(
                    "{connection} never received {missing} messages of {sender} that were \
                     delivered, and nothing of it had ended: {:?}",
                    owed.delivered
                );
                violations.add(at, NAME, what);
            }
        }
        for (said_at, connection) in &self.not_found {
            // A node that was removed is nobody, and so is what is connected to it while it has not heard.
            let is_removed = self
                .clients
                .get(connection)
                .is_some_and(|life| was_removed(&life.owner.node, life.opened, *said_at));
            if self.was_there(connection, *said_at) && !is_removed {
                let what = format!("{connection} was not found, and was there");
                violations.add(*said_at, NAME, what);
            }
        }
        for (said_at, node, index) in &self.lost {
            // Whoever saw the removal without the death tells of that.
            if !incarnations.is_death(node, *index) && !is_removal(node, *index) {
                let what = format!("{node} was said to have died at index {index}: it had not");
                violations.add(*said_at, NAME, what);
            }
        }
    }

    /// Whether the client's connection had ended when this message was sent to it.
    fn was_over(&self, sent: &Sent) -> bool {
        let closed = self.clients.get(&sent.id.to).and_then(|life| life.closed);
        let closed = closed.map(|(at, _)| at);
        let full = self.full.get(&sent.id.to).copied();
        [closed, full]
            .into_iter()
            .flatten()
            .any(|ended| ended < sent.at)
    }

    /// Whether the client's socket or its node ended, so that delivered messages may be lost.
    pub(super) fn may_lose(&self, connection: &ConnectionId) -> bool {
        let Some(life) = self.clients.get(connection) else {
            return false;
        };
        match life.closed {
            Some((_, Closing::HungUp)) => true,
            Some((_, Closing::Told(code))) => code == CloseCode::SLOW_CONSUMER,
            None => self.ended.contains_key(&life.owner),
        }
    }

    /// Whether a connection was open at this time, for all that anybody could know. One that its
    /// node has closed since may have been closed then: its client learns it later, and not at all
    /// if it did not read again before its node ended.
    fn was_there(&self, connection: &ConnectionId, at: Duration) -> bool {
        let Some(life) = self.clients.get(connection) else {
            return false;
        };
        let ended = self.ended.get(&life.owner);
        let is_open = match life.closed {
            Some((closed_at, Closing::HungUp)) => closed_at > at,
            Some((_, Closing::Told(_))) => false,
            None => ended.is_none() || life.reads_at_once,
        };
        is_open && ended.is_none_or(|ended| *ended > at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::samples::{at, connection, process, sent};

    /// Two messages to an open connection, and what `then` makes of them.
    fn judge(then: impl FnOnce(&mut TrueOutcomes, &mut Violations)) -> Vec<String> {
        let (mut invariant, mut violations) = (TrueOutcomes::default(), Violations::default());
        invariant.opened(at(0), &process(2), connection(2), true);
        invariant.sent(&sent(0));
        invariant.sent(&sent(1));
        then(&mut invariant, &mut violations);
        let nobody = |_: &Name| Vec::new();
        let removed = (|_: &NodeId, _, _| false, |_: &NodeId, _| false);
        invariant.at_end(
            at(9),
            &Incarnations::default(),
            removed,
            nobody,
            &mut violations,
        );
        violations
            .into_vec()
            .into_iter()
            .map(|violation| violation.what)
            .collect()
    }

    #[test]
    fn delivered_and_received_is_true() {
        let found = judge(|it, violations| {
            it.answered(
                at(1),
                &sent(0).id,
                &RouteOutcome::Delivered,
                false,
                violations,
            );
            it.received(at(2), &sent(0).id, false, violations);
        });

        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn delivered_and_never_received_is_found() {
        let found = judge(|it, violations| {
            it.answered(
                at(1),
                &sent(0).id,
                &RouteOutcome::Delivered,
                false,
                violations,
            );
        });

        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn delivered_may_be_lost_with_the_socket_or_the_node() {
        let with_socket = judge(|it, violations| {
            it.answered(
                at(1),
                &sent(0).id,
                &RouteOutcome::Delivered,
                false,
                violations,
            );
            it.closed(at(2), &connection(2), Closing::HungUp);
        });
        let with_node = judge(|it, violations| {
            it.answered(
                at(1),
                &sent(0).id,
                &RouteOutcome::Delivered,
                false,
                violations,
            );
            it.ended(at(2), &process(2));
        });

        assert!(with_socket.is_empty() && with_node.is_empty());
    }

    #[test]
    fn a_gap_in_what_was_delivered_is_found_whatever_ended() {
        let found = judge(|it, violations| {
            it.answered(
                at(1),
                &sent(0).id,
                &RouteOutcome::Delivered,
                false,
                violations,
            );
            it.received(at(2), &sent(1).id, false, violations);
            it.ended(at(3), &process(2));
        });

        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn delivered_to_a_connection_that_had_ended_is_found() {
        let late = |number| {
            let sent = Sent {
                at: at(5),
                ..sent(number).as_ref().clone()
            };
            Arc::new(sent)
        };
        let hung_up = judge(|it, violations| {
            it.closed(at(2), &connection(2), Closing::HungUp);
            it.sent(&late(2));
            it.answered(
                at(6),
                &sent(2).id,
                &RouteOutcome::Delivered,
                false,
                violations,
            );
        });
        let was_full = judge(|it, violations| {
            it.full_closes = true;
            it.answered(
                at(2),
                &sent(0).id,
                &RouteOutcome::SlowConsumer,
                false,
                violations,
            );
            it.sent(&late(2));
            it.answered(
                at(6),
                &sent(2).id,
                &RouteOutcome::Delivered,
                false,
                violations,
            );
            it.closed(at(7), &connection(2), Closing::HungUp);
        });

        assert_eq!(
            (hung_up.len(), was_full.len()),
            (1, 1),
            "{hung_up:?} {was_full:?}"
        );
    }

    #[test]
    fn did_not_and_received_is_found_in_either_order() {
        let outcome = RouteOutcome::Deadline { transmitted: false };
        let before = judge(|it, violations| {
            it.answered(at(1), &sent(0).id, &outcome, false, violations);
            it.received(at(2), &sent(0).id, false, violations);
        });
        let after = judge(|it, violations| {
            it.received(at(1), &sent(0).id, false, violations);
            it.answered(at(2), &sent(0).id, &outcome, false, violations);
        });

        assert_eq!((before.len(), after.len()), (1, 1));
    }

    #[test]
    fn written_before_it_was_received_is_found() {
        let found = judge(|it, violations| {
            it.answered(
                at(1),
                &sent(0).id,
                &RouteOutcome::Written,
                false,
                violations,
            );
            it.received(at(2), &sent(0).id, false, violations);
        });

        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn not_found_is_a_lie_while_the_connection_is_open() {
        let found = judge(|it, violations| {
            it.answered(
                at(1),
                &sent(0).id,
                &RouteOutcome::NotFound,
                false,
                violations,
            );
            it.closed(at(2), &connection(2), Closing::HungUp);
            it.answered(
                at(3),
                &sent(1).id,
                &RouteOutcome::NotFound,
                false,
                violations,
            );
        });

        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_death_that_never_was_is_found() {
        let node = process(2).node;
        let found = judge(|it, violations| {
            let outcome = RouteOutcome::NodeLost { node, index: 7 };
            it.answered(at(1), &sent(0).id, &outcome, false, violations);
        });

        assert_eq!(found.len(), 1, "{found:?}");
    }
}
