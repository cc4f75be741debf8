use std::time::Instant;

use bytes::Bytes;

use crate::Head;

/// A message to the peer.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// By what the owner knows the message again when it is settled.
    pub token: u64,
    /// Messages of one order arrive in the order in which they were sent; a large one is passed by messages of other
    /// orders only.
    pub order: u128,
    /// What the owner puts before the payload, at most
    /// [`LINK_HEAD_BYTES_MAX`](raftwire_protocol::link_packet::LINK_HEAD_BYTES_MAX) bytes.
    pub head: Head,
    /// The payload; it is copied once, into the packet.
    pub payload: Bytes,
    /// When the message is worthless; the peer learns how much time is left.
    pub deadline: Option<Instant>,
    /// Whether the owner wants to know what became of the message. Without it the message is still delivered once
    /// and in order, but no [`LinkEvent::Settled`] ever names it.
    pub acknowledge: bool,
}

/// A message of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// By what the link knows the message again when its result is reported.
    pub sequence: u64,
    /// The order that the sender gave it.
    pub order: u128,
    /// Head and payload, one after the other.
    ///
    /// A message of one segment shares the memory of its packet, up to 64 KiB: copy what is kept for long.
    pub body: Bytes,
    /// When the message is worthless, by this node's clock: the time left at the moment of sending, counted from its
    /// arrival. Drop a message whose deadline has passed, and report a failure.
    pub deadline: Option<Instant>,
    /// Whether the sender wants to know the result.
    pub acknowledge: bool,
}

/// What a link tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// A message of the peer arrived, once and in order; [`Link::report`](crate::Link::report) what became of it.
    Delivered(Incoming),
    /// It is known what became of a message to the peer; each acknowledged one is settled exactly once.
    Settled {
        /// The message's token.
        token: u64,
        /// What became of it.
        settlement: Settlement,
    },
}

/// What became of a message to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It happened: the peer's owner reported success.
    Delivered,
    /// It did not happen: the peer's owner reported this failure, or the peer's link did
    /// ([`LINK_FAILURE_TOO_LARGE`](raftwire_protocol::link_packet::LINK_FAILURE_TOO_LARGE),
    /// [`LINK_FAILURE_INCOMPLETE`](raftwire_protocol::link_packet::LINK_FAILURE_INCOMPLETE)).
    Failed(u8),
    /// Its deadline passed: it did not happen and will not if nothing was transmitted, else it is unknown.
    Expired {
        /// Whether any part of it was handed to the transport.
        transmitted: bool,
    },
    /// Unknown: the link was closed after at least a part of it had been handed to the transport.
    Lost,
    /// It did not happen: the link was closed before any part of it was handed to the transport.
    NotSent,
}
