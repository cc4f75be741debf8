//! What the log carries: commands, and what became of each.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use raftwire_protocol::{Incarnation, MintedId, Name, NodeId, RaftId, Session};

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
    /// What one node wants of the names.
    Names(NamesBatch),
    /// The leader clears away rows of a dead incarnation. Without effect while it lives.
    SweepNames {
        /// Whose rows.
        incarnation: Incarnation,
        /// How many at most, so that no entry takes long to apply.
        rows_max: u32,
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
    /// How many names the living may have together.
    pub names_max: u64,
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

/// What one node wants of the names, in order.
///
/// A node numbers its batches within its incarnation and has one under way. The state keeps the
/// answer to the last one of each living incarnation, so a batch whose answer was lost can be
/// proposed again: it is answered, and not applied twice (Ongaro's thesis, §6.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamesBatch {
    /// The node. It proposes for itself only.
    pub node: NodeId,
    /// Its incarnation; refused on any other.
    pub incarnation: Incarnation,
    /// 1, 2, 3… within the incarnation.
    pub number: u64,
    /// The node knows of every loss of its names by entries up to this index.
    pub acknowledged_lost: u64,
    /// What it wants. A name that occurs a second time is refused, so that one entry gives a name
    /// at most one epoch.
    pub operations: Vec<NameOperation>,
}

/// What a node wants of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameOperation {
    /// The name is to mean this connection.
    Register {
        /// The name.
        name: Name,
        /// The connection.
        connection: MintedId,
        /// What to do if another connection has it.
        policy: NamePolicy,
    },
    /// The name is to mean nothing. Without effect if the node does not have it in this epoch.
    Unregister {
        /// The name.
        name: Name,
        /// Its epoch.
        epoch: u64,
    },
}

/// What becomes of a registration if another connection has the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamePolicy {
    /// The name is taken from it.
    TakeOver,
    /// The registration is refused.
    IfFree,
}

/// The answer to a [`NamesBatch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamesAnswer {
    /// The number of the batch.
    pub number: u64,
    /// The index of its entry: the epoch of every name that it registered.
    pub index: u64,
    /// What became of its operations, in order.
    pub results: Vec<NameResult>,
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameResult {
    /// The name means the connection.
    Registered,
    /// A connection of this node has it.
    Taken(NodeId),
    /// There are as many names as there may be.
    Full,
    /// The name means nothing any more.
    Unregistered,
    /// The node did not have the name in that epoch.
    NotHeld,
    /// The name occurred before in the batch.
    Repeated,
}

/// Why a batch was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchRefusal {
    /// The incarnation is not alive.
    #[error("the incarnation is not alive")]
    NotMember,
    /// The incarnation's next batch has another number.
    #[error("the incarnation's last batch has the number {last}")]
    Number {
        /// The number of the last batch.
        last: u64,
    },
}

impl NameOperation {
    /// The name.
    pub fn name(&self) -> &Name {
        match self {
            NameOperation::Register { name, .. } | NameOperation::Unregister { name, .. } => name,
        }
    }
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
    /// The batch was applied, now or before.
    Names(Arc<NamesAnswer>),
    /// The batch was not applied.
    NamesRefused(BatchRefusal),
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
            Command::Names(batch) => write!(
                f,
                "{} operations on names, batch {} of {} {}",
                batch.operations.len(),
                batch.number,
                batch.node,
                batch.incarnation
            ),
            Command::SweepNames {
                incarnation,
                rows_max,
            } => write!(f, "sweep {rows_max} names of {incarnation}"),
            Command::Unknown(bytes) => write!(f, "unknown command of {} bytes", bytes.len()),
        }
    }
}
