//! How far the log has got, without its entries.

use super::record::{Position, Record, Vote};

/// What a node remembers beside its entries; each segment begins with it.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The newest vote.
    pub vote: Option<Vote>,
    /// Up to where entries are known to be committed. It may lag behind, never lead.
    pub committed: Option<Position>,
    /// The newest entry that a snapshot has made superfluous.
    pub purged: Option<Position>,
    /// The newest entry; the same as `purged` if nothing came after it.
    pub last: Option<Position>,
}

/// A record that cannot follow the ones before it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfOrder {
    /// An entry that is not the next one.
    #[error("entry {found} follows entry {last}")]
    Entry {
        /// The index of the last entry.
        last: u64,
        /// The index of the offending one.
        found: u64,
    },
    /// Entries are to be cut off that a snapshot has replaced already.
    #[error("the log is cut after entry {after:?}, but entries up to {purged} are purged")]
    TruncatesPurged {
        /// The last entry that is to stay.
        after: Option<u64>,
        /// The index up to which the log is purged.
        purged: u64,
    },
}

impl Marks {
    /// Takes in the next record.
    ///
    /// An empty log takes any first index: the engine numbers from 0, and a log of which the
    /// beginning is missing is found out by [`Tail`](super::Tail).
    pub(super) fn apply(&mut self, record: &Record) -> Result<(), OutOfOrder> {
        match record {
            Record::Vote(vote) => self.vote = Some(*vote),
            Record::Committed(committed) => self.committed = *committed,
            Record::Purge(upto) => {
                if index_of(self.purged) < Some(upto.index) {
                    self.purged = Some(*upto);
                }
                if index_of(self.last) < index_of(self.purged) {
                    self.last = self.purged;
                }
            }
            Record::Truncate(after) => {
                if let Some(purged) = self.purged
                    && index_of(*after) < Some(purged.index)
                {
                    return Err(OutOfOrder::TruncatesPurged {
                        after: index_of(*after),
                        purged: purged.index,
                    });
                }
                if index_of(*after) < index_of(self.last) {
                    self.last = *after;
                }
            }
            Record::Entry(entry) => {
                let found = entry.position.index;
                if let Some(last) = self.last
                    && last.index.checked_add(1) != Some(found)
                {
                    return Err(OutOfOrder::Entry {
                        last: last.index,
                        found,
                    });
                }
                self.last = Some(entry.position);
            }
        }
        Ok(())
    }
}

pub(super) fn index_of(position: Option<Position>) -> Option<u64> {
    position.map(|position| position.index)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::log::record::StoredEntry;

    fn at(term: u64, index: u64) -> Position {
        Position { term, index }
    }

    fn entry(term: u64, index: u64) -> Record {
        Record::Entry(StoredEntry {
            position: at(term, index),
            bytes: Bytes::new(),
        })
    }

    fn after(records: &[Record]) -> Result<Marks, OutOfOrder> {
        let mut marks = Marks::default();
        for record in records {
            marks.apply(record)?;
        }
        Ok(marks)
    }

    #[test]
    fn entries_follow_one_another() {
        assert_eq!(
            after(&[entry(1, 0), entry(1, 1)]).unwrap().last,
            Some(at(1, 1))
        );
        assert_eq!(
            after(&[entry(1, 0), entry(1, 2)]),
            Err(OutOfOrder::Entry { last: 0, found: 2 })
        );
        assert_eq!(
            after(&[entry(1, 0), entry(1, 0)]),
            Err(OutOfOrder::Entry { last: 0, found: 0 })
        );
    }

    #[test]
    fn a_purge_beyond_the_end_moves_the_end() {
        let marks = after(&[entry(1, 0), Record::Purge(at(2, 9)), entry(2, 10)]).unwrap();

        assert_eq!(marks.purged, Some(at(2, 9)));
        assert_eq!(marks.last, Some(at(2, 10)));
    }

    #[test]
    fn an_older_purge_changes_nothing() {
        let marks = after(&[entry(1, 0), entry(1, 1), Record::Purge(at(1, 1))]).unwrap();

        let mut later = marks;
        later.apply(&Record::Purge(at(1, 0))).unwrap();

        assert_eq!(later, marks);
    }

    #[test]
    fn a_truncation_is_followed_by_the_entry_after_it() {
        let cut = [
            entry(1, 0),
            entry(1, 1),
            entry(1, 2),
            Record::Truncate(Some(at(1, 0))),
        ];

        assert_eq!(after(&cut).unwrap().last, Some(at(1, 0)));
        let mut marks = after(&cut).unwrap();
        marks.apply(&entry(2, 1)).unwrap();
        assert_eq!(marks.last, Some(at(2, 1)));
    }

    #[test]
    fn what_is_purged_cannot_be_cut_off() {
        let records = [
            entry(1, 0),
            entry(1, 1),
            Record::Purge(at(1, 1)),
            Record::Truncate(Some(at(1, 0))),
        ];

        assert_eq!(
            after(&records),
            Err(OutOfOrder::TruncatesPurged {
                after: Some(0),
                purged: 1
            })
        );
    }
}
