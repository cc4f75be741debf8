use std::collections::VecDeque;

use bytes::Bytes;
use raftwire_protocol::{NodeId, Session};

use super::window::PACKET_OVERHEAD_BYTES;

/// Names a peer's session.
pub(crate) type Key = (NodeId, Session);

/// Whom a publication was for: the peer's session, and the number of the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub(crate) key: Key,
    pub(crate) number: u64,
    /// How much was sent by the channel then, if it is a packet.
    pub(crate) sent: u64,
}

/// One message to be published: `head` and `packet`, one behind the other.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Whom it goes to; `None` if it goes to all.
    pub to: Option<Recipient>,
    /// What comes first.
    pub head: Bytes,
    /// What follows.
    pub packet: Bytes,
}

impl Recipient {
    /// The node.
    pub const fn node(&self) -> &NodeId {
        &self.key.0
    }

    /// Whether the other one is for the same channel.
    pub fn is_of_same_channel(&self, other: &Self) -> bool {
        self.key == other.key && self.number == other.number
    }
}

impl Publication {
    /// What it counts for where bytes are bounded.
    pub fn bytes(&self) -> u64 {
        self.packet.len() as u64 + PACKET_OVERHEAD_BYTES
    }
}

/// The publications of one lane that wait, bounded in bytes.
///
/// Only packets are counted against the bound. The rest is bounded by itself: a channel is closed
/// once, and comes up again only after the broker has carried something.
#[derive(Debug)]
pub(crate) struct Outgoing {
    queue: VecDeque<Publication>,
    bytes: u64,
    bytes_max: u64,
}

impl Outgoing {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            bytes_max,
        }
    }

    /// Whether a packet of that size fits; one of any size fits an empty queue.
    pub(crate) fn has_room(&self, packet_bytes: usize) -> bool {
        let cost = packet_bytes as u64 + PACKET_OVERHEAD_BYTES;
        self.bytes == 0 || self.bytes + cost <= self.bytes_max
    }

    pub(crate) fn push(&mut self, publication: Publication) {
        self.bytes += publication.bytes();
        self.queue.push_back(publication);
    }

    pub(crate) fn pop(&mut self) -> Option<Publication> {
        let publication = self.queue.pop_front()?;
        self.bytes -= publication.bytes();
        Some(publication)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publication(bytes: usize) -> Publication {
        Publication {
            to: None,
            head: Bytes::new(),
            packet: Bytes::from(vec![0; bytes]),
        }
    }

    #[test]
    fn queue_has_no_room_over_its_bytes() {
        let mut outgoing = Outgoing::new(2_000);
        assert!(outgoing.has_room(1 << 20), "it is empty");
        outgoing.push(publication(1_000));

        assert!(!outgoing.has_room(1_000));
        assert!(outgoing.has_room(400));

        outgoing.pop().unwrap();
        assert!(outgoing.has_room(1 << 20));
        assert!(outgoing.is_empty());
    }
}
