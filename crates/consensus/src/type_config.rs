//! The types that the engine is built with. None of them leaves the crate.

use std::fmt;

use openraft::impls::leader_id_std;
use openraft_rt::deterministic_rng::DeterministicRng;
use openraft_rt_tokio::TokioRuntime;

use crate::command::{Command, Outcome};

openraft::declare_raft_types!(
    /// The engine's type configuration.
    ///
    /// Leader ids are the textbook's: at most one leader a term, and a log id is (term, index).
    /// The runtime takes its random numbers from a seed that the environment gives, so that a
    /// simulated node elects in the same way each time.
    pub TypeConfig:
        D = Command,
        R = Outcome,
        NodeId = u64,
        Node = Seat,
        Term = u64,
        LeaderId = leader_id_std::LeaderId<u64, u64>,
        AsyncRuntime = Runtime,
);

/// The asynchronous runtime of the engine: tokio, with seeded randomness.
pub type Runtime = DeterministicRng<TokioRuntime>;

/// A log entry.
pub type Entry = <TypeConfig as openraft::RaftTypeConfig>::Entry;

/// What a log entry carries.
pub type Payload = <TypeConfig as openraft::RaftTypeConfig>::Payload;

/// The identity of a committed leader: its term.
pub type CommittedLeaderId = openraft::vote::leader_id_std::CommittedLeaderId<u64>;

/// The identity of a log entry.
pub type LogId = openraft::LogId<CommittedLeaderId>;

/// A vote: term, candidate, and whether a quorum granted it.
pub type Vote = openraft::Vote<leader_id_std::LeaderId<u64, u64>>;

/// Voters and learners.
pub type Membership = openraft::Membership<u64, Seat>;

/// Voters and learners, with the log id of the entry that said so.
pub type StoredMembership = openraft::StoredMembership<CommittedLeaderId, u64, Seat>;

/// What a snapshot covers.
pub type SnapshotMeta = openraft::SnapshotMeta<CommittedLeaderId, u64, Seat>;

/// A node's place in the membership: which operator's name stands behind a Raft id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// The [`NodeId`](raftwire_protocol::NodeId) as text; empty only in the engine's own tests.
    pub node: String,
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.node)
    }
}
