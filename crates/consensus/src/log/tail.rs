//! The entries that no snapshot has replaced yet, in memory.

use std::{
    collections::VecDeque,
    ops::{Bound, RangeBounds},
};

use super::{
    marks::{Marks, OutOfOrder, index_of},
    record::{Position, Record, StoredEntry},
};

/// The whole log that is still needed, so that a read never touches the disk.
///
/// It is as long as the engine leaves between two purges: with a snapshot every *n* entries and
/// *k* entries kept behind it, at most *n* + *k* entries plus what is proposed while the snapshot
/// is written, each of at most [`ENTRY_BYTES_MAX`](crate::wire::ENTRY_BYTES_MAX).
#[derive(Clone, Debug, Default)]
pub struct Tail {
    marks: Marks,
    /// The entry before the first one held, which is purged unless a segment is missing.
    base: Option<Position>,
    entries: VecDeque<StoredEntry>,
}

impl Tail {
    /// A log of which a first segment says what came before it.
    pub(super) fn beginning_with(marks: Marks) -> Tail {
        Tail {
            marks,
            base: marks.last,
            entries: VecDeque::new(),
        }
    }

    /// How far the log has got.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The number of entries held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no entry is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries of `range` that there are, without a hole. They share the log's bytes.
    pub fn entries(&self, range: impl RangeBounds<u64>) -> impl Iterator<Item = &StoredEntry> {
        let first = self.entries.front().map_or(0, |entry| entry.position.index);
        let offset = |index: u64| {
            let offset = index.saturating_sub(first);
            usize::try_from(offset)
                .map_or(self.entries.len(), |offset| offset.min(self.entries.len()))
        };
        let start = match range.start_bound() {
            Bound::Included(start) => offset(*start),
            Bound::Excluded(start) => offset(start.saturating_add(1)),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(end) => offset(end.saturating_add(1)),
            Bound::Excluded(end) => offset(*end),
            Bound::Unbounded => self.entries.len(),
        };
        self.entries.range(start..end.max(start))
    }

    /// The first entry that ought to be there and is not: a segment was taken away.
    pub(super) fn missing(&self) -> Option<u64> {
        let base = self.base?.index;
        match index_of(self.marks.purged) {
            Some(purged) if base <= purged => None,
            Some(purged) => Some(purged + 1),
            None => Some(0),
        }
    }

    /// Takes in the next record.
    pub(super) fn apply(&mut self, record: &Record) -> Result<(), OutOfOrder> {
        self.marks.apply(record)?;
        match record {
            Record::Vote(_) | Record::Committed(_) => {}
            Record::Entry(entry) => self.entries.push_back(entry.clone()),
            Record::Purge(upto) => {
                while self.pop_front_if(|index| index <= upto.index) {}
                if index_of(self.base) < Some(upto.index) {
                    self.base = Some(*upto);
                }
            }
            Record::Truncate(after) => {
                while self.pop_back_if(|index| Some(index) > index_of(*after)) {}
                if index_of(*after) < index_of(self.base) {
                    self.base = *after;
                }
            }
        }
        Ok(())
    }

    fn pop_front_if(&mut self, is_gone: impl Fn(u64) -> bool) -> bool {
        self.entries
            .pop_front_if(|entry| is_gone(entry.position.index))
            .is_some()
    }

    fn pop_back_if(&mut self, is_gone: impl Fn(u64) -> bool) -> bool {
        self.entries
            .pop_back_if(|entry| is_gone(entry.position.index))
            .is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(index: u64) -> Position {
        Position { term: 1, index }
    }

    fn holding(indexes: std::ops::Range<u64>) -> Tail {
        let mut tail = Tail::default();
        for index in indexes {
            let entry = StoredEntry {
                position: at(index),
                bytes: index.to_be_bytes().to_vec().into(),
            };
            tail.apply(&Record::Entry(entry)).unwrap();
        }
        tail
    }

    fn indexes(tail: &Tail, range: impl RangeBounds<u64>) -> Vec<u64> {
        tail.entries(range).map(|e| e.position.index).collect()
    }

    #[test]
    fn a_range_is_answered_with_what_there_is_of_it() {
        let tail = holding(5..9);

        assert_eq!(indexes(&tail, ..), [5, 6, 7, 8]);
        assert_eq!(indexes(&tail, 0..7), [5, 6]);
        assert_eq!(indexes(&tail, 7..=u64::MAX), [7, 8]);
        assert_eq!(indexes(&tail, 6..=6), [6]);
        assert_eq!(indexes(&tail, 9..20), [0; 0]);
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = 8..6;
        assert_eq!(indexes(&tail, reversed), [0; 0]);
    }

    #[test]
    fn purging_and_truncating_leave_the_middle() {
        let mut tail = holding(0..9);

        tail.apply(&Record::Purge(at(2))).unwrap();
        tail.apply(&Record::Truncate(Some(at(5)))).unwrap();

        assert_eq!(indexes(&tail, ..), [3, 4, 5]);
        assert_eq!(tail.missing(), None);
    }

    #[test]
    fn a_log_that_begins_in_the_middle_misses_what_is_not_purged() {
        let mut tail = Tail::beginning_with(Marks {
            purged: Some(at(3)),
            last: Some(at(9)),
            ..Marks::default()
        });
        assert_eq!(tail.missing(), Some(4));

        tail.apply(&Record::Purge(at(9))).unwrap();

        assert_eq!(tail.missing(), None);
    }
}
