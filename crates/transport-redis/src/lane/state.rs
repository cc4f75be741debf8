use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use raftwire_protocol::{Lane, NodeId};
use raftwire_transport::{
    Channel, ChannelId, ChannelSecurity, Initiator, SendError, TransportEvent,
};

use super::entry::{Agreement, Entry, OpenChannel};
use super::outgoing::{Key, Outgoing, Publication, Recipient};
use crate::channel_names::ChannelNames;
use crate::envelope::{Address, Body, Envelope, Sender};
use crate::{RedisOptions, RedisStatistics};

/// Why a channel is closed that is one too many, as the other end reads it too.
const SUPERSEDED: &str = "another channel of this peer was adopted";

/// Sessions that one configured name may have at once: the old and the new one of a node that
/// restarts, and some that others claim.
const SESSIONS_PER_PEER_MAX: usize = 8;

/// Bytes that leave the queue at a time, before the receiving half gets its turn.
const RUN_BYTES_MAX: u64 = 256 * 1024;

/// The channels of one lane, what is to be published and what is to be told.
///
/// Decides, and does nothing: the lane's task publishes, tells and keeps the time.
#[derive(Debug)]
pub(crate) struct LaneState {
    lane: Lane,
    options: RedisOptions,
    names: ChannelNames,
    configured: BTreeSet<NodeId>,
    local: Sender,
    connected: bool,
    entries: BTreeMap<Key, Entry>,
    channels: BTreeMap<ChannelId, Key>,
    /// The last number that was given to a channel.
    numbers: u64,
    hello_due: bool,
    /// Whether an entry may have a state to send.
    states_due: bool,
    outgoing: Outgoing,
    events: VecDeque<TransportEvent>,
    statistics: RedisStatistics,
}

impl LaneState {
    pub(crate) fn new(
        lane: Lane,
        options: RedisOptions,
        names: ChannelNames,
        configured: BTreeSet<NodeId>,
        local: Sender,
    ) -> Self {
        let outgoing = Outgoing::new(options.queue_bytes_max(lane) as u64);
        Self {
            lane,
            options,
            names,
            configured,
            local,
            connected: false,
            entries: BTreeMap::new(),
            channels: BTreeMap::new(),
            numbers: 0,
            hello_due: false,
            states_due: false,
            outgoing,
            events: VecDeque::new(),
            statistics: RedisStatistics::default(),
        }
    }

    pub(crate) fn names(&self) -> &ChannelNames {
        &self.names
    }

    pub(crate) fn node(&self) -> &NodeId {
        &self.local.node
    }

    pub(crate) const fn statistics(&self) -> RedisStatistics {
        self.statistics
    }

    /// Both connections to the broker are there, and subscribed.
    pub(crate) fn connected(&mut self) {
        self.local.epoch += 1;
        self.connected = true;
        self.hello_due = true;
        self.statistics.connected += 1;
    }

    /// A connection to the broker has gone, and every channel with it.
    pub(crate) fn disconnected(&mut self, reason: &str) {
        self.connected = false;
        let keys: Vec<Key> = self.entries.keys().cloned().collect();
        for key in keys {
            self.end(&key, reason);
        }
        self.entries.clear();
        self.outgoing.clear();
        self.hello_due = false;
    }

    /// What the reader is to be told next; it stays until [`told`](Self::told).
    pub(crate) fn event(&self) -> Option<TransportEvent> {
        self.events.front().cloned()
    }

    pub(crate) fn told(&mut self) {
        self.events.pop_front();
    }

    pub(crate) fn has_outgoing(&self) -> bool {
        self.connected && (self.hello_due || self.states_due || !self.outgoing.is_empty())
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(crate) fn greet(&mut self) {
        self.hello_due = true;
    }

    /// Takes what is to be published next: what keeps channels alive first.
    pub(crate) fn take_run(&mut self, run: &mut Vec<Publication>, now: Instant) {
        if std::mem::take(&mut self.hello_due) {
            run.push(self.to_all(&Body::Hello, Bytes::new()));
        }
        if std::mem::take(&mut self.states_due) {
            let due = self.entries.iter().filter(|(_, entry)| entry.state_due);
            let due: Vec<Key> = due.map(|(key, _)| key.clone()).collect();
            for key in due {
                run.extend(self.state_for(key, now));
            }
        }
        let mut bytes = 0;
        while bytes < RUN_BYTES_MAX
            && let Some(publication) = self.outgoing.pop()
        {
            bytes += publication.bytes();
            if let Some(Recipient { key, number, sent }) = &publication.to
                && let Some(entry) = self.entries.get_mut(key)
                && entry.number == *number
            {
                entry.window.leave(*sent);
            }
            run.push(publication);
        }
        self.statistics.published += run.len() as u64;
    }

    /// The last words.
    pub(crate) fn goodbye(&self) -> Publication {
        self.to_all(&Body::Goodbye, Bytes::new())
    }

    fn state_for(&mut self, key: Key, now: Instant) -> Option<Publication> {
        let entry = self.entries.get_mut(&key)?;
        entry.state_due = false;
        entry.state_sent_at = Some(now);
        let (sent, taken) = entry.window.tell();
        let address = Address {
            to: key.1,
            from_number: entry.number,
            to_number: entry.peer_number,
        };
        let number = entry.number;
        let body = Body::State {
            address,
            sent,
            taken,
        };
        Some(self.to_one(key, number, 0, &body, Bytes::new()))
    }

    fn to_all(&self, body: &Body, packet: Bytes) -> Publication {
        Publication {
            on: self.names.all(),
            to: None,
            head: self.local.head(self.lane, body),
            packet,
        }
    }

    fn to_one(&self, key: Key, number: u64, sent: u64, body: &Body, packet: Bytes) -> Publication {
        Publication {
            on: self.names.node(&key.0),
            to: Some(Recipient { key, number, sent }),
            head: self.local.head(self.lane, body),
            packet,
        }
    }

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

    fn open(&mut self, key: &Key, now: Instant) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        // The lanes number by themselves, and ids are the transport's.
        let id = ChannelId::new(entry.number * 2 + u64::from(self.lane.number()));
        let channel = Channel {
            peer: key.0.clone(),
            lane: self.lane,
            id,
        };
        // So that the peer knows as well.
        entry.state_due = true;
        self.states_due = true;
        entry.open = Some(OpenChannel {
            channel: channel.clone(),
            since: now,
            adopted: false,
        });
        self.channels.insert(id, key.clone());
        self.events.push_back(TransportEvent::PeerUp {
            channel,
            initiator: Initiator::Unknown,
            security: ChannelSecurity::Untrusted,
        });
    }

    /// Ends the channel of a session, if there is one; the next one has another number.
    fn end(&mut self, key: &Key, reason: &str) -> Option<OpenChannel> {
        let entry = self.entries.get_mut(key)?;
        let open = entry.open.take();
        self.numbers += 1;
        entry.renew(self.numbers);
        let open = open?;
        self.channels.remove(&open.channel.id);
        self.events.push_back(TransportEvent::PeerDown {
            channel: open.channel.clone(),
            reason: reason.to_owned(),
        });
        Some(open)
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

    /// Ends a channel from this side, and says so to the peer.
    fn close(&mut self, key: &Key, reason: &str, now: Instant) {
        let Some(entry) = self.entries.get(key).filter(|entry| entry.open.is_some()) else {
            return;
        };
        let address = Address {
            to: key.1,
            from_number: entry.number,
            to_number: entry.peer_number,
        };
        let body = Body::Close {
            address,
            reason: reason.to_owned(),
        };
        let publication = self.to_one(key.clone(), entry.number, 0, &body, Bytes::new());
        self.outgoing.push(publication);
        let ended = self.end(key, reason);
        if let (Some(open), Some(entry)) = (ended, self.entries.get_mut(key)) {
            entry.hold(open.adopted, now);
        }
    }

    /// Nobody is subscribed to what was published for this peer.
    pub(crate) fn unheard(&mut self, to: &Recipient) {
        self.statistics.unheard += 1;
        let entry = self.entries.get(&to.key);
        if entry.is_some_and(|entry| entry.number == to.number) {
            self.end(&to.key, "nobody is subscribed to the peer's channel");
            self.entries.remove(&to.key);
        }
    }

    /// Looks at the clock: who has been silent, who was not adopted, what is to be said again.
    pub(crate) fn tick(&mut self, now: Instant) {
        let keys: Vec<Key> = self.entries.keys().cloned().collect();
        for key in keys {
            self.tick_one(&key, now);
        }
    }

    fn tick_one(&mut self, key: &Key, now: Instant) {
        let silence_max = self.options.silence_max();
        let (interval, patience) = (self.options.hello_interval, self.options.adopt_timeout);
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if now.saturating_duration_since(entry.heard_at) > silence_max {
            let reason = format!("nothing was heard of the peer for {silence_max:?}");
            self.end(key, &reason);
            self.entries.remove(key);
            return;
        }
        if entry.is_due(interval, now) {
            entry.state_due = true;
            self.states_due = true;
        }
        let is_late = |open: &OpenChannel| {
            !open.adopted && now.saturating_duration_since(open.since) > patience
        };
        if entry.open.as_ref().is_some_and(is_late) {
            let reason = format!("no hello succeeded within {patience:?}");
            self.close(key, &reason, now);
        }
    }

    /// The reader did not read for a while: what was not heard meanwhile is nobody's silence.
    pub(crate) fn forgive(&mut self, now: Instant) {
        for entry in self.entries.values_mut() {
            entry.heard_at = now;
        }
    }

    /// See [`ClusterTransport::send`](raftwire_transport::ClusterTransport::send).
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

    /// See [`ClusterTransport::broadcast`](raftwire_transport::ClusterTransport::broadcast).
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

    /// See [`ClusterTransport::adopt`](raftwire_transport::ClusterTransport::adopt).
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

    /// See [`ClusterTransport::disconnect`](raftwire_transport::ClusterTransport::disconnect).
    pub(crate) fn disconnect(&mut self, channel: &Channel, reason: &str, now: Instant) {
        if let Some(key) = self.channels.get(&channel.id).cloned() {
            self.close(&key, reason, now);
        }
    }
}
