//! A set of rows, with a hash that costs nothing to keep.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::row::{Cursor, Row};
use super::step::Change;

/// Rows in their order. Two sets with the same rows have the same hash, however they came about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    rows: BTreeSet<Row>,
    /// The sum of the rows' hashes.
    hash: u64,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn contains(&self, row: &Row) -> bool {
        self.rows.contains(row)
    }

    pub(super) fn insert(&mut self, row: Row) {
        let hash = row.hash();
        if self.rows.insert(row) {
            self.hash = self.hash.wrapping_add(hash);
        }
    }

    pub(super) fn remove(&mut self, row: &Row) {
        if self.rows.remove(row) {
            self.hash = self.hash.wrapping_sub(row.hash());
        }
    }

    pub(super) fn apply(&mut self, change: Change) {
        if change.is_held {
            self.insert(change.row);
        } else {
            self.remove(&change.row);
        }
    }

    /// The rows behind the cursor, in their order.
    pub(super) fn after<'a>(&'a self, cursor: &'a Cursor) -> impl Iterator<Item = &'a Row> {
        let from = match cursor {
            Cursor::After(row) => Bound::Excluded(row),
            Cursor::Start | Cursor::End => Bound::Unbounded,
        };
        let is_over = *cursor == Cursor::End;
        let rows = self.rows.range::<Row, _>((from, Bound::Unbounded));
        rows.take_while(move |_| !is_over)
    }
}
