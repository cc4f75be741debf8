//! The names of connections: which connection each means, since when, and who holds it.
//!
//! A row counts as long as the incarnation that registered it lives: a death makes all of its rows
//! invalid at once, and the leader has them swept afterwards, a bounded number an entry.

mod apply;
mod codec;
mod holder;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use raftwire_protocol::{Incarnation, MintedId, Name, NodeId};

pub(super) use self::codec::{HolderRecord, NameRecord, encode_rows, from_records, holder_records};
use self::holder::{Holder, LossKey};
use super::ordered_map::OrderedMap;

/// How many names the living have at most, if the cluster was founded with no other number: at a
/// common length they take each voter some 300 MB, as a measured tenth of them suggests.
pub const NAMES_MAX_DEFAULT: u64 = 1_000_000;

/// How many names may at most be allowed: the limit of a snapshot is made for as many of the
/// longest.
pub const NAMES_MAX_CEILING: u64 = 1_000_000;

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameRow {
    /// The connection.
    pub connection: MintedId,
    /// The index of the log entry that registered it: a later registration has a higher one.
    pub epoch: u64,
    /// Who holds the connection. The row counts as long as it lives.
    pub incarnation: Incarnation,
}

/// A name that was taken from a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostName {
    /// The name.
    pub name: Name,
    /// The connection that it meant.
    pub connection: MintedId,
    /// The epoch that has ended.
    pub epoch: u64,
}

/// All names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    rows: OrderedMap<Name, NameRow>,
    /// Every living incarnation, and every dead one that has rows left.
    holders: BTreeMap<Incarnation, Arc<Holder>>,
    /// How many rows the living have.
    living: u64,
    /// How many losses are not acknowledged.
    losses: u64,
}

impl Names {
    /// What a name means, if it means anything.
    pub(super) fn get(&self, name: &str) -> Option<&NameRow> {
        let row = self.rows.get(name)?;
        self.is_living(row.incarnation).then_some(row)
    }

    /// An incarnation has begun.
    pub(super) fn begin(&mut self, incarnation: Incarnation, node: &NodeId) {
        let holder = Holder::of(node.clone());
        self.holders.insert(incarnation, Arc::new(holder));
    }

    /// An incarnation has ended: its rows mean nothing, and nobody waits to hear of its losses.
    pub(crate) fn end(&mut self, incarnation: Incarnation) {
        let Some(holder) = self.holders.get_mut(&incarnation) else {
            return;
        };
        if holder.node.is_none() {
            return;
        }
        self.living -= holder.names.len() as u64;
        self.losses -= holder.losses.len() as u64;
        *holder = Arc::new(holder.ended());
        self.forget_if_done(incarnation);
    }

    /// How many names mean something.
    pub(super) fn living(&self) -> u64 {
        self.living
    }

    /// A dead incarnation that has rows left.
    pub(super) fn to_sweep(&self) -> Option<Incarnation> {
        let mut holders = self.holders.iter();
        let (incarnation, _) = holders.find(|(_, holder)| holder.node.is_none())?;
        Some(*incarnation)
    }

    /// What `incarnation` lost by entries after `index`, in order, each with the index of its entry.
    pub(super) fn losses_after(
        &self,
        incarnation: Incarnation,
        index: u64,
    ) -> impl Iterator<Item = (u64, &LostName)> {
        let from = LossKey::after(index);
        let holder = self.holders.get(&incarnation);
        let losses = holder.map(move |holder| holder.losses.iter_from(&from));
        losses
            .into_iter()
            .flatten()
            .map(|(key, lost)| (key.index, lost))
    }

    fn is_living(&self, incarnation: Incarnation) -> bool {
        let holder = self.holders.get(&incarnation);
        holder.is_some_and(|holder| holder.node.is_some())
    }

    fn forget_if_done(&mut self, incarnation: Incarnation) {
        let holder = self.holders.get(&incarnation);
        if holder.is_some_and(|holder| holder.node.is_none() && holder.names.is_empty()) {
            self.holders.remove(&incarnation);
        }
    }
}
