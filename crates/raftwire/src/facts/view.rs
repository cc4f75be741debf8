//! Owned facts as diagnosis sees them.

use raftwire_protocol::Incarnation;

/// How far one node's history of its users and groups is: at the node itself, or in a copy of it.
///
/// Two that have the incarnation and the sequence in common have the same rows, and so the same hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedFactsView {
    /// The node's incarnation that the history is of.
    pub incarnation: Incarnation,
    /// The number of the last change that is contained.
    pub sequence: u64,
    /// Of the rows.
    pub hash: u64,
    /// Users and groups that the node's connections belong to.
    pub rows: usize,
    /// Whether nothing is known to be missing; of a copy that is not, its node is asked with every
    /// message that could concern it.
    pub is_current: bool,
}
