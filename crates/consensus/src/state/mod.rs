//! The agreed facts: what the log says about the cluster.
//!
//! The state is a pure function of the log: [`ClusterState::apply`] reads no clock, draws no random
//! number and iterates over nothing unordered, so two nodes that applied the same index have the
//! same [`ClusterState::hash`].

mod apply;
mod codec;
mod events;
mod member;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_protocol::{Incarnation, NodeId};

pub use self::apply::{JoinRefusal, UnknownCommand};
pub(crate) use self::codec::{decode_state, encode_state};
pub(crate) use self::events::changes;
pub use self::events::{ClusterEvent, DownReason};
pub use self::member::{Liveness, Member, Membership, Predecessor};

/// The wire and state version that this build speaks.
pub const WIRE_VERSION: u32 = 1;

/// What the whole cluster agrees on, as of one index of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterState {
    /// 128 random bits that the founding drew; none before it.
    pub cluster_id: Option<u128>,
    /// The founding list, sorted.
    pub founding: Vec<NodeId>,
    /// Whether the voters keep their logs in memory only.
    pub ephemeral: bool,
    /// Every node that ever joined and whose slot has not been given away since.
    pub members: BTreeMap<NodeId, Member>,
    /// The index of the last log entry that this state contains.
    pub applied_index: u64,
    /// The version that every member speaks; 0 before the founding.
    pub wire_version: u32,
    /// How long a lease lasts; zero before the founding.
    pub lease: Duration,
    /// The last incarnation that was issued.
    pub last_incarnation: u64,
    /// How many slots were ever issued; the next new node gets this one.
    pub slots_issued: u32,
}

impl ClusterState {
    /// The member of this name whose lease has not ended, if there is one.
    pub fn alive(&self, node: &NodeId) -> Option<&Member> {
        self.members.get(node).filter(|member| member.is_alive())
    }

    /// Whether this incarnation of the node is alive.
    pub fn is_alive(&self, node: &NodeId, incarnation: Incarnation) -> bool {
        self.alive(node)
            .is_some_and(|member| member.incarnation == incarnation)
    }

    /// SHA-256 of the canonical encoding: equal on all nodes at equal [`Self::applied_index`].
    pub fn hash(&self) -> [u8; 32] {
        codec::hash(self)
    }
}
