//! The agreed facts: what the log says about the cluster.
//!
//! The state is a pure function of the log: [`ClusterState::apply`] reads no clock, draws no random
//! number and iterates over nothing unordered, so two nodes that applied the same index have the
//! same [`ClusterState::hash`].

mod apply;
mod codec;
mod events;
mod feed;
mod member;
mod names;
mod ordered_map;
mod removals;
#[cfg(test)]
mod tests;
mod versions;

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_protocol::{Boot, Incarnation, Name, NodeId, Slot};

pub use self::apply::{JoinRefusal, UnknownCommand};
pub use self::codec::{decode_state, encode_state};
pub(crate) use self::events::changes;
pub use self::events::{ClusterEvent, DownReason};
pub(crate) use self::feed::{Collected, FeedCollector, FeedPage};
pub use self::member::{Liveness, Member, Membership, Predecessor};
pub(crate) use self::names::Names;
pub use self::names::{LostName, NAMES_MAX_CEILING, NAMES_MAX_DEFAULT, NameRow};
pub(crate) use self::removals::Removals;
pub use self::versions::{WIRE_VERSION, WireVersions};

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
    /// The slots of removed members, with their last boots.
    pub(crate) freed_slots: BTreeMap<Slot, Boot>,
    /// The index of the last entry that changed a setting after the founding.
    pub(crate) settings_changed_at: u64,
    /// The index of the last entry that changed a member or a setting: see [`Self::last_change`].
    pub(crate) changed_at: u64,
    /// Which rows went, and when.
    pub(crate) removals: Removals,
    /// Whether this came by the feed. It is about this copy, not about the cluster.
    pub(crate) fed: bool,
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

    /// The index at which a node that is no member was removed; the newest one where that is not
    /// remembered any more.
    pub fn removed_at(&self, node: &NodeId) -> u64 {
        self.removals.index_of(node).unwrap_or(self.applied_index)
    }

    /// What [`Self::changed_at`] is, found from what changed.
    fn last_change(&self) -> u64 {
        let rows = self.members.values().map(Member::changed_at);
        let removals = self.removals.recent.back().map(|(at, _)| *at);
        let last = rows.chain(removals).max().unwrap_or(0);
        last.max(self.settings_changed_at)
    }

    /// Whether this state came by the feed, as an edge gets it: members and settings are those of
    /// [`Self::applied_index`], and what only nodes with the log hold is absent.
    pub fn is_fed(&self) -> bool {
        self.fed
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

    /// SHA-256 of the canonical encoding: equal at equal [`Self::applied_index`] on all
    /// nodes that have the log.
    pub fn hash(&self) -> [u8; 32] {
        codec::hash(self)
    }
}
