//! What the transport's user asks for.

use std::time::Instant;

use crate::{Channel, SendError};
use bytes::Bytes;

use super::super::outgoing::Key;
use super::{LaneState, SUPERSEDED};
use crate::broker::envelope::{Address, Body};

impl LaneState {
    /// See [`ClusterTransport::send`](crate::ClusterTransport::send).
    pub(crate) fn send(&mut self, channel: &Channel, packet: Bytes) -> Result<(), SendError> {
        let key = self.channels.get(&channel.id);
        let key = key.ok_or(SendError::NotConnected)?.clone();
        self.within_limit(&packet)?;
        let has_room = self.outgoing.has_room(packet.len());
        let window_bytes = self.options.window_bytes(self.lane) as u64;
        let entry = self.entries.get_mut(&key).ok_or(SendError::NotConnected)?;
        if !has_room {
            return Err(SendError::Full);
        }
        let sent = entry.window.send(packet.len(), window_bytes);
        let sent = sent.ok_or(SendError::Full)?;
        let address = Address {
            to: key.1,
            from_number: entry.number,
            to_number: entry.peer_number,
        };
        let number = entry.number;
        let body = Body::Packet {
            address,
            sent,
            packet: Bytes::new(),
        };
        let publication = self.to_one(key, number, sent, &body, packet);
        self.outgoing.push(publication);
        Ok(())
    }

    /// See [`ClusterTransport::broadcast`](crate::ClusterTransport::broadcast).
    ///
    /// One publication for all, as long as every channel has room for it; else one each for those
    /// that have.
    pub(crate) fn broadcast(&mut self, packet: &Bytes) -> Result<usize, SendError> {
        self.within_limit(packet)?;
        let open = self
            .entries
            .values()
            .filter_map(|entry| entry.open.as_ref());
        let open: Vec<Channel> = open.map(|open| open.channel.clone()).collect();
        if open.is_empty() {
            return Err(SendError::NotConnected);
        }
        let window_bytes = self.options.window_bytes(self.lane) as u64;
        let all_have_room = self.outgoing.has_room(packet.len())
            && self.entries.values().all(|entry| {
                entry.open.is_none() || entry.window.has_room(packet.len(), window_bytes)
            });
        if !all_have_room {
            let sent = open
                .iter()
                .filter(|channel| self.send(channel, packet.clone()).is_ok());
            return match sent.count() {
                0 => Err(SendError::Full),
                count => Ok(count),
            };
        }
        for entry in self.entries.values_mut() {
            if entry.open.is_some()
                && let Some(sent) = entry.window.send(packet.len(), window_bytes)
            {
                // A state that tells of it before it is published gives room back a little early.
                entry.window.leave(sent);
            }
        }
        let publication = self.to_all(&Body::Broadcast(Bytes::new()), packet.clone());
        self.outgoing.push(publication);
        Ok(open.len())
    }

    fn within_limit(&self, packet: &Bytes) -> Result<(), SendError> {
        let (bytes, limit) = (packet.len(), self.lane.packet_bytes_max());
        if bytes > limit {
            return Err(SendError::TooLarge { bytes, limit });
        }
        Ok(())
    }

    /// See [`ClusterTransport::adopt`](crate::ClusterTransport::adopt).
    pub(crate) fn adopt(&mut self, channel: &Channel, now: Instant) {
        let Some(key) = self.channels.get(&channel.id).cloned() else {
            return;
        };
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.adopt();
        }
        let others = self.channels.values();
        let others = others.filter(|other| other.0 == key.0 && **other != key);
        let others: Vec<Key> = others.cloned().collect();
        for other in others {
            self.close(&other, SUPERSEDED, now);
        }
    }

    /// See [`ClusterTransport::disconnect`](crate::ClusterTransport::disconnect).
    pub(crate) fn disconnect(&mut self, channel: &Channel, reason: &str, now: Instant) {
        if let Some(key) = self.channels.get(&channel.id).cloned() {
            self.close(&key, reason, now);
        }
    }
}
