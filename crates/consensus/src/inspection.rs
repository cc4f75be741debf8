use raftwire_protocol::{NodeId, RaftId};

use crate::status::Role;

/// A look inside a node, for diagnosis: what a simulation compares between nodes after each step.
///
/// It is taken from several places one after the other, so its parts may be from slightly different
/// moments; each part is true of its moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The identity of the node's data.
    pub raft_id: RaftId,
    /// The term of the vote on disk.
    pub term: u64,
    /// For whom the node voted in that term, and whether that candidate is known to have won.
    pub vote: Option<(RaftId, bool)>,
    /// What the engine calls itself.
    pub role: Role,
    /// The leader that the node knows in [`Self::term`].
    pub leader: Option<RaftId>,
    /// The last log entries: (index, term, a digest of the entry's bytes), in order.
    pub entries: Vec<(u64, u64, [u8; 32])>,
    /// The index up to which the node knows entries to be committed.
    pub committed_index: Option<u64>,
    /// The index up to which [`Self::state_hash`] is the hash.
    pub applied_index: u64,
    /// The hash of the applied state.
    pub state_hash: [u8; 32],
    /// The voters of the newest membership, committed or not.
    pub voters: Vec<(RaftId, Option<NodeId>)>,
}
