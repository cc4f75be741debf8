use std::collections::VecDeque;

use raftwire_protocol::NodeId;

/// How many removed rows are remembered: operators remove nodes one by one, and an edge asks once a
/// second. An edge that has missed more gets the whole set.
const REMEMBERED_MAX: usize = 32;

/// The rows that have gone, for those who follow the state by what changed in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removals {
    /// Oldest first: the index of the removal, and whose row it was.
    pub(crate) recent: VecDeque<(u64, NodeId)>,
    /// The index of the newest removal that is no longer among them.
    pub(crate) forgotten_at: u64,
}

impl Removals {
    /// Whether a row of this node went, as far as is remembered.
    pub(crate) fn contains(&self, node: &NodeId) -> bool {
        self.recent.iter().any(|(_, removed)| removed == node)
    }

    /// The index at which the row of this node went last, as far as is remembered.
    pub(super) fn index_of(&self, node: &NodeId) -> Option<u64> {
        let mut newest_first = self.recent.iter().rev();
        newest_first
            .find(|(_, removed)| removed == node)
            .map(|(index, _)| *index)
    }

    pub(super) fn add(&mut self, index: u64, node: NodeId) {
        self.recent.push_back((index, node));
        while self.recent.len() > REMEMBERED_MAX {
            if let Some((forgotten, _)) = self.recent.pop_front() {
                self.forgotten_at = forgotten;
            }
        }
    }
}
