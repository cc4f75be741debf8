mod calls;
mod hearing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use crate::{Channel, ChannelId, ChannelSecurity, Initiator, TransportEvent};
use bytes::Bytes;
use raftwire_protocol::{Lane, NodeId};

use super::entry::{Entry, OpenChannel};
use super::outgoing::{Key, Outgoing, Publication, Recipient};
use crate::broker::envelope::{Address, Body, Sender};
use crate::broker::{BrokerOptions, BrokerStatistics};

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
    options: BrokerOptions,
    configured: BTreeSet<NodeId>,
    local: Sender,
    connected: bool,
    /// Whether the broker takes no messages for now.
    blocked: bool,
    entries: BTreeMap<Key, Entry>,
    channels: BTreeMap<ChannelId, Key>,
    /// The last number that was given to a channel.
    numbers: u64,
    hello_due: bool,
    /// Whether an entry may have a state to send.
    states_due: bool,
    outgoing: Outgoing,
    events: VecDeque<TransportEvent>,
    statistics: BrokerStatistics,
}

impl LaneState {
    pub(crate) fn new(
        lane: Lane,
        options: BrokerOptions,
        configured: BTreeSet<NodeId>,
        local: Sender,
    ) -> Self {
        let outgoing = Outgoing::new(options.queue_bytes_max(lane) as u64);
        Self {
            lane,
            options,
            configured,
            local,
            connected: false,
            blocked: false,
            entries: BTreeMap::new(),
            channels: BTreeMap::new(),
            numbers: 0,
            hello_due: false,
            states_due: false,
            outgoing,
            events: VecDeque::new(),
            statistics: BrokerStatistics::default(),
        }
    }

    pub(crate) fn node(&self) -> &NodeId {
        &self.local.node
    }

    pub(crate) const fn statistics(&self) -> BrokerStatistics {
        self.statistics
    }

    /// Both connections to the broker are there, and subscribed.
    pub(crate) fn connected(&mut self) {
        self.local.epoch += 1;
        self.connected = true;
        self.blocked = false;
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
        self.connected
            && !self.blocked
            && (self.hello_due || self.states_due || !self.outgoing.is_empty())
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(crate) fn set_blocked(&mut self, blocked: bool) {
        if blocked && !self.blocked {
            self.statistics.blocked += 1;
        }
        self.blocked = blocked;
    }

    pub(crate) const fn is_blocked(&self) -> bool {
        self.blocked
    }

    pub(crate) fn rejected(&mut self) {
        self.statistics.rejected += 1;
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
            to: None,
            head: self.local.head(self.lane, body),
            packet,
        }
    }

    fn to_one(&self, key: Key, number: u64, sent: u64, body: &Body, packet: Bytes) -> Publication {
        Publication {
            to: Some(Recipient { key, number, sent }),
            head: self.local.head(self.lane, body),
            packet,
        }
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
}
