//! The agreed facts: what the log says about the cluster.
//!
//! The state is a pure function of the log: [`ClusterState::apply`] reads no clock, draws no random
//! number and iterates over nothing unordered, so two nodes that applied the same index have the
//! same [`ClusterState::hash`].

mod apply;
mod codec;
mod events;
mod member;
mod names;
mod ordered_map;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_protocol::{Incarnation, Name, NodeId};

pub use self::apply::{JoinRefusal, UnknownCommand};
pub use self::codec::{decode_state, encode_state};
pub(crate) use self::events::changes;
pub use self::events::{ClusterEvent, DownReason};
pub use self::member::{Liveness, Member, Membership, Predecessor};
pub(crate) use self::names::Names;
pub use self::names::{LostName, NAMES_MAX_CEILING, NAMES_MAX_DEFAULT, NameRow};

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
    /// How many names the living may have together; 0 before the founding.
    pub names_max: u64,
    pub(crate) names: Names,
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

    /// What a name means: which connection, of a living incarnation.
    pub fn name(&self, name: &Name) -> Option<NameRow> {
        self.names.get(name.as_str()).copied()
    }

    /// How many names mean something.
    pub fn names(&self) -> u64 {
        self.names.living()
    }

    /// A dead incarnation whose names are still to be cleared away.
    pub(crate) fn names_to_sweep(&self) -> Option<Incarnation> {
        self.names.to_sweep()
    }

    /// The names that `incarnation` lost by entries after `index`, in order, with the index of the
    /// entry that took each.
    pub(crate) fn lost_names(
        &self,
        incarnation: Incarnation,
        index: u64,
    ) -> impl Iterator<Item = (u64, &LostName)> {
        self.names.losses_after(incarnation, index)
    }

    /// SHA-256 of the canonical encoding: equal on all nodes at equal [`Self::applied_index`].
    pub fn hash(&self) -> [u8; 32] {
        codec::hash(self)
    }
}
