//! What a message of another node does.

use std::time::Instant;

use crate::TransportEvent;
use bytes::Bytes;
use raftwire_protocol::NodeId;

use super::super::entry::{Agreement, Entry};
use super::super::outgoing::Key;
use super::{LaneState, SESSIONS_PER_PEER_MAX};
use crate::broker::envelope::{Address, Body, Envelope};

impl LaneState {
    pub(crate) fn malformed(&mut self) {
        self.statistics.malformed += 1;
    }

    /// Takes in a message.
    pub(crate) fn handle(&mut self, envelope: Envelope, now: Instant) {
        let Envelope { sender, body } = envelope;
        if sender.session == self.local.session {
            return;
        }
        if sender.node == self.local.node {
            self.statistics.namesakes += 1;
            return;
        }
        let key = (sender.node, sender.session);
        if !self.is_known(&key, sender.epoch, &body, now) {
            return;
        }
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.heard_at = now;
        }
        match body {
            Body::Hello => self.wish(&key, now),
            Body::Goodbye => {
                self.end(&key, "the peer has stopped");
                self.entries.remove(&key);
            }
            Body::Broadcast(packet) => {
                self.wish(&key, now);
                self.deliver(&key, packet);
            }
            Body::State {
                address,
                sent,
                taken,
            } => self.state(&key, &address, sent, taken, now),
            Body::Packet {
                address,
                sent,
                packet,
            } => self.packet(&key, &address, sent, packet, now),
            Body::Close { address, reason } => self.closed(&key, &address, &reason, now),
        }
    }

    /// Finds the sender's entry, or makes one; false when the message is to be dropped.
    fn is_known(&mut self, key: &Key, epoch: u64, body: &Body, now: Instant) -> bool {
        if let Body::State { address, .. }
        | Body::Packet { address, .. }
        | Body::Close { address, .. } = body
            && address.to != self.local.session
        {
            self.statistics.stale += 1;
            return false;
        }
        if let Some(entry) = self.entries.get_mut(key) {
            if epoch < entry.epoch {
                self.statistics.stale += 1;
                return false;
            }
            if epoch > entry.epoch {
                entry.epoch = epoch;
                self.end(key, "the peer has connected to the broker again");
                if let Some(entry) = self.entries.get_mut(key) {
                    entry.peer_number = 0;
                }
            }
            return true;
        }
        if matches!(body, Body::Close { .. } | Body::Goodbye) {
            return false;
        }
        if !self.has_place(&key.0) {
            self.statistics.refused += 1;
            return false;
        }
        self.numbers += 1;
        let entry = Entry::new(epoch, self.numbers, now);
        self.entries.insert(key.clone(), entry);
        true
    }

    /// Whether another session of this name may be kept.
    fn has_place(&self, node: &NodeId) -> bool {
        if self.configured.contains(node) {
            let sessions = self.entries.keys().filter(|(of, _)| of == node);
            return sessions.count() < SESSIONS_PER_PEER_MAX;
        }
        let strangers = self
            .entries
            .iter()
            .filter(|((node, _), entry)| !self.configured.contains(node) && !entry.is_adopted());
        strangers.count() < self.options.strangers_max
    }

    /// Asks for a channel with a peer that is there, if there is none.
    fn wish(&mut self, key: &Key, now: Instant) {
        if let Some(entry) = self.entries.get_mut(key)
            && entry.open.is_none()
            && entry.is_due(self.options.hello_interval / 2, now)
        {
            entry.state_due = true;
            self.states_due = true;
        }
    }

    /// Whether a message is for the channel that is up; brings it up if that can be now.
    fn agree(&mut self, key: &Key, address: &Address, now: Instant) -> Option<Agreement> {
        let mut agreement = self.entries.get(key)?.agree(address, now);
        if agreement == Agreement::Renewed {
            // Without a channel this node's number stays: two ends that both took new ones for
            // each other's would never agree.
            if self.entries.get(key)?.open.is_some() {
                self.end(key, "the peer has opened another channel");
            }
            let entry = self.entries.get_mut(key)?;
            entry.peer_number = address.from_number;
            agreement = entry.agree(address, now);
        }
        if agreement == Agreement::Agreed && self.entries.get(key)?.open.is_none() {
            self.open(key, now);
        }
        Some(agreement)
    }

    fn state(&mut self, key: &Key, address: &Address, sent: u64, taken: u64, now: Instant) {
        let agreement = self.agree(key, address, now);
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        match agreement {
            Some(Agreement::Agreed) => {
                entry.window.acknowledge(taken);
                entry.state_due |= entry.window.asked(sent);
            }
            Some(Agreement::Unheard) => entry.state_due = true,
            _ => self.statistics.stale += 1,
        }
        self.states_due |= entry.state_due;
    }

    fn packet(&mut self, key: &Key, address: &Address, sent: u64, packet: Bytes, now: Instant) {
        // Only a state tells of a new number, so that nobody else's packet ends a channel.
        let is_next = self
            .entries
            .get(key)
            .is_some_and(|entry| entry.agree(address, now) == Agreement::Agreed);
        if !is_next || self.agree(key, address, now) != Some(Agreement::Agreed) {
            self.statistics.stale += 1;
            return;
        }
        let window_bytes = self.options.window_bytes(self.lane) as u64;
        if let Some(entry) = self.entries.get_mut(key) {
            entry.state_due |= entry.window.take(sent, window_bytes);
            self.states_due |= entry.state_due;
        }
        self.deliver(key, packet);
    }

    fn deliver(&mut self, key: &Key, packet: Bytes) {
        let open = self.entries.get(key).and_then(|entry| entry.open.as_ref());
        let Some(open) = open else {
            self.statistics.stale += 1;
            return;
        };
        self.statistics.received += 1;
        self.events.push_back(TransportEvent::Received {
            channel: open.channel.clone(),
            packet,
        });
    }

    fn closed(&mut self, key: &Key, address: &Address, reason: &str, now: Instant) {
        let entry = self.entries.get(key);
        if !entry.is_some_and(|entry| entry.is_current(address)) {
            self.statistics.stale += 1;
            return;
        }
        let ended = self.end(key, &format!("the peer has closed it: {reason}"));
        if let (Some(open), Some(entry)) = (ended, self.entries.get_mut(key)) {
            entry.hold(open.adopted, now);
        }
    }
}
