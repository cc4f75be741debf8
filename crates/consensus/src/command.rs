//! What the log carries: commands, and what became of each.

use std::fmt;

use bytes::Bytes;
use raftwire_protocol::{Incarnation, NodeId, RaftId, Session};

use crate::state::{JoinRefusal, Membership, WireVersions};

/// A change of the agreed facts.
///
/// Commands are idempotent, or guarded by what they expect to find, so that a proposal whose
/// answer was lost can be proposed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Gives the cluster its id and settings. Without effect once there is an id.
    Found(Found),
    /// A session becomes a member.
    Join(Join),
    /// The leader's decision that an incarnation is dead: its whole lease has passed.
    DeclareDead {
        /// The node.
        node: NodeId,
        /// Its incarnation; without effect on any other.
        incarnation: Incarnation,
        /// The term whose leader decided it. Without effect when the entry is of another term: a
        /// decision rests on the leases that its own leader granted.
        term: u64,
    },
    /// A node stops and keeps its seat.
    Leave {
        /// The node.
        node: NodeId,
        /// Its incarnation; without effect on any other.
        incarnation: Incarnation,
    },
    /// The operator takes a dead node out of the cluster for good: its row goes, and its seat.
    Remove {
        /// The node.
        node: NodeId,
        /// The incarnation that is known to be dead; without effect on any other.
        incarnation: Incarnation,
    },
    /// The leader's finding that every living member speaks this version. Without effect unless
    /// that is so in the state that it is applied to.
    RaiseWireVersion {
        /// The version that the cluster speaks from here on.
        version: u32,
    },
    /// A command of a later version, kept byte for byte. Applying it stops the node.
    Unknown(Bytes),
}

/// The cluster's birth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// 128 random bits.
    pub cluster_id: u128,
    /// The length of every lease, in milliseconds.
    pub lease_ms: u64,
    /// The founding list, sorted.
    pub founding: Vec<NodeId>,
    /// Whether the voters keep their logs in memory only.
    pub ephemeral: bool,
}

/// A session that wants to be a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The operator's name of the node.
    pub node: NodeId,
    /// The identity of its data.
    pub raft_id: RaftId,
    /// The identity of its process.
    pub session: Session,
    /// The incarnation that the joining session saw under its name, none if there was no row.
    ///
    /// Sessions carry no order, so a delayed join of an ended session could put down the living
    /// one; this makes it stale instead.
    pub expected: Option<Incarnation>,
    /// Where other nodes reach it, if it listens.
    pub address: Option<String>,
    /// Whether the node keeps its log in memory only.
    pub ephemeral: bool,
    /// Whether the node takes no seat, neither with a vote nor without.
    pub edge: bool,
    /// The wire and state versions that the node speaks.
    pub versions: WireVersions,
    /// The cluster that the node's data is from, if it has any: it belongs to no other.
    pub cluster: Option<u128>,
}

/// What became of an applied command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The entry changed nothing: an entry of the engine, or a command whose guard did not hold.
    Unchanged,
    /// It changed the state.
    Changed,
    /// The session is a member, now or since an earlier join.
    Joined(Membership),
    /// The session may not be a member (yet).
    JoinRefused(JoinRefusal),
    /// The node was not removed: it is alive, or has been since.
    NotRemoved,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Found(found) => write!(f, "found {:032x}", found.cluster_id),
            Command::Join(join) => write!(f, "join {} {}", join.node, join.session),
            Command::DeclareDead {
                node,
                incarnation,
                term,
            } => {
                write!(f, "declare dead {node} {incarnation} in term {term}")
            }
            Command::Leave { node, incarnation } => write!(f, "leave {node} {incarnation}"),
            Command::Remove { node, incarnation } => write!(f, "remove {node} {incarnation}"),
            Command::RaiseWireVersion { version } => write!(f, "raise wire version to {version}"),
            Command::Unknown(bytes) => write!(f, "unknown command of {} bytes", bytes.len()),
        }
    }
}
