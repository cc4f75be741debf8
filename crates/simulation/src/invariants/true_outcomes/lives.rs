//! How long each connection lived, for all that can be known.

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire::{CloseCode, ConnectionId, NodeId, OutboxPolicy};

use crate::fact::{Closing, Process, Sent};

/// What is known of one connection.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) owner: Process,
    reads_at_once: bool,
    closed: Option<(Duration, Closing)>,
}

/// The connections of clients and the processes that hold them: what has ended, and when.
#[derive(Debug, Default)]
pub(super) struct Lives {
    clients: BTreeMap<ConnectionId, Life>,
    ended: BTreeMap<Process, Duration>,
    /// Whether a full outbox closes its connection.
    full_closes: bool,
    /// When a connection was first said to be full.
    full: BTreeMap<ConnectionId, Duration>,
}

impl Lives {
    /// For clients whose outboxes do this when they are full.
    pub(super) fn new(policy: OutboxPolicy) -> Lives {
        Lives {
            full_closes: policy != OutboxPolicy::Refuse,
            ..Lives::default()
        }
    }

    pub(super) fn opened(
        &mut self,
        owner: &Process,
        connection: ConnectionId,
        reads_at_once: bool,
    ) {
        let owner = owner.clone();
        self.clients.insert(
            connection,
            Life {
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

    /// A sender was told that this connection's outbox is full.
    pub(super) fn full(&mut self, at: Duration, connection: &ConnectionId) {
        if self.full_closes && matches!(connection, ConnectionId::Minted(_)) {
            self.full.entry(connection.clone()).or_insert(at);
        }
    }

    pub(super) fn get(&self, connection: &ConnectionId) -> Option<&Life> {
        self.clients.get(connection)
    }

    /// Which node holds the connection, or held it.
    pub(super) fn owner(&self, connection: &ConnectionId) -> Option<&NodeId> {
        self.get(connection).map(|life| &life.owner.node)
    }

    /// Whether the client's connection had ended when this message was sent to it.
    pub(super) fn was_over(&self, sent: &Sent) -> bool {
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
    pub(super) fn was_there(&self, connection: &ConnectionId, at: Duration) -> bool {
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
