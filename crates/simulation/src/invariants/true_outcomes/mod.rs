//! Every outcome is true.
//!
//! ARCHITECTURE, "What makes an outcome true". Delivered: received once, unless that client's socket or its node
//! ended first; and then nothing of the same sender that was delivered later is received either.
//! Did not: never received. Not found: there is no such connection. Node lost: the named node died
//! at the named index.

mod lives;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use raftwire::{ConnectionId, Happened, Name, NodeId, OutboxPolicy, RouteOutcome};

use self::lives::Lives;
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

/// What became of each message, and what its sender was told.
#[derive(Debug, Default)]
pub(super) struct TrueOutcomes {
    fates: BTreeMap<MessageId, Fate>,
    /// The messages for names, by the numbers of their frames: each goes to one name.
    named: BTreeMap<u64, MessageId>,
    owed: BTreeMap<Stream, Owed>,
    lives: Lives,
    /// Answers that can be judged at the end only.
    not_found: Vec<(Duration, ConnectionId)>,
    lost: Vec<(Duration, NodeId, u64)>,
}

impl TrueOutcomes {
    /// For clients whose outboxes do this when they are full.
    pub(super) fn new(policy: OutboxPolicy) -> TrueOutcomes {
        TrueOutcomes {
            lives: Lives::new(policy),
            ..TrueOutcomes::default()
        }
    }

    pub(super) fn opened(
        &mut self,
        owner: &Process,
        connection: ConnectionId,
        reads_at_once: bool,
    ) {
        self.lives.opened(owner, connection, reads_at_once);
    }

    pub(super) fn closed(&mut self, at: Duration, connection: &ConnectionId, closing: Closing) {
        self.lives.closed(at, connection, closing);
    }

    pub(super) fn ended(&mut self, at: Duration, process: &Process) {
        self.lives.ended(at, process);
    }

    /// See [`Lives::may_lose`].
    pub(super) fn may_lose(&self, connection: &ConnectionId) -> bool {
        self.lives.may_lose(connection)
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
        let was_over = self.lives.was_over(&sent);
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
        let owner = self.lives.owner(&sent.id.to);
        match outcome {
            // That names were not found is judged with their histories.
            RouteOutcome::NotFound => self.not_found.push((at, sent.id.to.clone())),
            RouteOutcome::SlowConsumer => self.lives.full(at, &sent.id.to),
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
            impl Fn(&ConnectionId, Duration) -> bool,
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
            let is_removed = was_removed(connection, *said_at);
            if self.lives.was_there(connection, *said_at) && !is_removed {
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
}
