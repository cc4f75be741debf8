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
    /// The term that the engine is in.
    pub term: u64,
    /// What the engine calls itself in that term.
    pub role: Role,
    /// The leader that it knows in that term.
    pub leader: Option<RaftId>,
    /// What its log says of its newest vote.
    pub vote: Option<InspectedVote>,
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

/// A vote as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InspectedVote {
    /// The term.
    pub term: u64,
    /// For whom.
    pub candidate: RaftId,
    /// Whether the candidate is known to have won.
    pub won: bool,
}
