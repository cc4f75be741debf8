//! What a sender learns of its message.

use std::fmt;

use raftwire_protocol::NodeId;

/// Whether a message reached the connection's outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Happened {
    /// It did.
    Yes,
    /// It did not, and it will not: sending it again cannot make it arrive twice.
    No,
    /// It may have: the node that could tell did not answer.
    Unknown,
}

impl Happened {
    /// The word used in protocols and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Happened::Yes => "yes",
            Happened::No => "no",
            Happened::Unknown => "unknown",
        }
    }
}

/// A bounded queue that a message found full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FullQueue {
    /// The messages of this node that wait for the link to the owner.
    Peer,
    /// The messages that wait until this node has learnt who owns the connection.
    Parked,
    /// The messages for many connections that wait for those of this node.
    FanOut,
}

impl FullQueue {
    /// The word used in protocols and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            FullQueue::Peer => "peer",
            FullQueue::Parked => "parked",
            FullQueue::FanOut => "fan-out",
        }
    }
}

/// What became of a routed message.
///
/// Every outcome is true: where the library cannot know, it says [`Happened::Unknown`].
///
/// ```
/// use raftwire::{Happened, RouteOutcome};
///
/// assert_eq!(RouteOutcome::Delivered.happened(), Happened::Yes);
/// assert_eq!(RouteOutcome::Deadline { transmitted: false }.happened(), Happened::No);
/// assert_eq!(RouteOutcome::Deadline { transmitted: true }.happened(), Happened::Unknown);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RouteOutcome {
    /// It is in the outbox of a living connection, in order.
    Delivered,
    /// It was handed to the connection's socket. Answered only to who asked for
    /// [`Acknowledgement::Written`](crate::Acknowledgement::Written).
    Written,
    /// No such connection: its node says so, or the process that minted it has ended; or no
    /// connection has this name.
    NotFound,
    /// It cannot be reached now: whether the connection exists cannot be decided (no leader, no
    /// quorum), this node is no member or stops, or the way to the owner failed for too long.
    Unavailable,
    /// A bounded queue is full.
    Busy {
        /// Which one.
        queue: FullQueue,
    },
    /// The message is larger than a limit allows.
    TooLarge {
        /// The limit, in bytes of payload; `None`: the owner's, which is smaller than this node's.
        limit_bytes: Option<usize>,
    },
    /// The owner refused it: it does not accept such a message.
    Refused,
    /// The connection's outbox is full, or was, and the connection was closed by its policy.
    SlowConsumer,
    /// The owner was known dead, or died, before anything was transmitted to it.
    NodeDown {
        /// The owner.
        node: NodeId,
    },
    /// A node was committed dead with the message in flight: the owner, or this node itself.
    NodeLost {
        /// The node that was declared dead.
        node: NodeId,
        /// The log index of the death.
        index: u64,
    },
    /// The deadline passed; or this node stopped with the message in flight.
    Deadline {
        /// Whether the message may have reached its owner in time. If not, it did not happen: it
        /// was never transmitted, or the owner dropped it as too late.
        transmitted: bool,
    },
    /// The name was taken over while the message was on its way, and again while it was sent once
    /// more.
    Superseded,
}

impl RouteOutcome {
    /// Whoever should have said what became of the message has gone.
    pub(crate) const FORGOTTEN: RouteOutcome = RouteOutcome::Deadline { transmitted: true };

    /// Whether the message reached the connection's outbox.
    pub fn happened(&self) -> Happened {
        match self {
            RouteOutcome::Delivered | RouteOutcome::Written => Happened::Yes,
            RouteOutcome::NodeLost { .. } | RouteOutcome::Deadline { transmitted: true } => {
                Happened::Unknown
            }
            RouteOutcome::NotFound
            | RouteOutcome::Unavailable
            | RouteOutcome::Busy { .. }
            | RouteOutcome::TooLarge { .. }
            | RouteOutcome::Refused
            | RouteOutcome::SlowConsumer
            | RouteOutcome::NodeDown { .. }
            | RouteOutcome::Deadline { transmitted: false }
            | RouteOutcome::Superseded => Happened::No,
        }
    }

    /// The outcome's name in protocols and logs: stable, in snake case.
    pub fn name(&self) -> &'static str {
        match self {
            RouteOutcome::Delivered => "delivered",
            RouteOutcome::Written => "written",
            RouteOutcome::NotFound => "not_found",
            RouteOutcome::Unavailable => "unavailable",
            RouteOutcome::Busy { .. } => "busy",
            RouteOutcome::TooLarge { .. } => "too_large",
            RouteOutcome::Refused => "refused",
            RouteOutcome::SlowConsumer => "slow_consumer",
            RouteOutcome::NodeDown { .. } => "node_down",
            RouteOutcome::NodeLost { .. } => "node_lost",
            RouteOutcome::Deadline { .. } => "deadline",
            RouteOutcome::Superseded => "superseded",
        }
    }
}

impl fmt::Display for RouteOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteOutcome::Delivered => f.write_str("delivered"),
            RouteOutcome::Written => f.write_str("written to the socket"),
            RouteOutcome::NotFound => f.write_str("no such connection"),
            RouteOutcome::Unavailable => f.write_str("the connection cannot be reached now"),
            RouteOutcome::Busy { queue } => write!(f, "the {} queue is full", queue.as_str()),
            RouteOutcome::TooLarge {
                limit_bytes: Some(limit),
            } => {
                write!(f, "larger than the limit of {limit} bytes")
            }
            RouteOutcome::TooLarge { limit_bytes: None } => {
                f.write_str("larger than the owner's limit")
            }
            RouteOutcome::Refused => f.write_str("refused by the owner"),
            RouteOutcome::SlowConsumer => f.write_str("the connection's outbox is full"),
            RouteOutcome::NodeDown { node } => write!(f, "node {node} is down"),
            RouteOutcome::NodeLost { node, index } => write!(
                f,
                "node {node} was declared dead at log index {index} with the message in flight"
            ),
            RouteOutcome::Deadline { transmitted: false } => {
                f.write_str("the deadline passed, and it was not delivered")
            }
            RouteOutcome::Deadline { transmitted: true } => {
                f.write_str("the deadline passed without an answer")
            }
            RouteOutcome::Superseded => {
                f.write_str("other connections took the name over meanwhile")
            }
        }
    }
}
