//! A name means one connection at a time, of a living incarnation, and its epochs rise with the log; when
//! everything has come to rest, it means a connection that exists.
//!
//! That it means one is state agreement, and a table with one row a name; what could still go wrong
//! is a row that outlives its incarnation, and an epoch that does not fence. DESIGN, "Ids"; fencing tokens:
//! Kleppmann, How to do distributed locking, 2016.

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire::{ConnectionId, Name};
use raftwire_consensus::NameRow;

use super::Violations;
use super::sockets::Sockets;
use crate::view::View;

const NAME: &str = "one owner a name";
const REST: &str = "directories equal sockets";

/// One registration of a name, as far as anybody has shown it.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    row: NameRow,
    /// The first and the last index of a state that had it.
    first: u64,
    last: u64,
}

/// The registrations of all names, by epoch.
#[derive(Debug, Default)]
pub(super) struct NameRows {
    names: BTreeMap<Name, BTreeMap<u64, Epoch>>,
}

impl NameRows {
    /// Of these names.
    pub(super) fn new(names: impl Iterator<Item = Name>) -> NameRows {
        NameRows {
            names: names.map(|name| (name, BTreeMap::new())).collect(),
        }
    }

    /// A process shows another state than before.
    pub(super) fn state(&mut self, at: Duration, view: &View, violations: &mut Violations) {
        let (state, index) = (&view.state, view.state.applied_index);
        for (name, epochs) in &mut self.names {
            let Some(row) = state.name(name) else {
                continue;
            };
            let mut members = state.members.values();
            let lives = members.any(|it| it.is_alive() && it.incarnation == row.incarnation);
            let wrong = if lives {
                add(epochs, index, row)
            } else {
                Some("is of a dead incarnation".to_owned())
            };
            if let Some(wrong) = wrong {
                let what = format!("{}: {name} at index {index} {wrong}: {row:?}", view.process);
                violations.add(at, NAME, what);
            }
        }
    }

    /// Everything has come to rest.
    pub(super) fn at_rest<'a>(
        &self,
        at: Duration,
        views: impl Iterator<Item = &'a View>,
        sockets: &Sockets,
        violations: &mut Violations,
    ) {
        for view in views {
            for name in self.names.keys() {
                let Some(row) = view.state.name(name) else {
                    continue;
                };
                if !sockets.may_have_name(at, &ConnectionId::Minted(row.connection)) {
                    let what =
                        format!("{}: {name} means {row:?}, which is no socket", view.process);
                    violations.add(at, REST, what);
                }
            }
        }
    }
}

/// Adds what a state at this index says; what is wrong with it.
fn add(epochs: &mut BTreeMap<u64, Epoch>, index: u64, row: NameRow) -> Option<String> {
    let fresh = Epoch {
        row,
        first: index,
        last: index,
    };
    let epoch = epochs.entry(row.epoch).or_insert(fresh);
    epoch.first = epoch.first.min(index);
    epoch.last = epoch.last.max(index);
    let known = epoch.row;
    if row.epoch > index {
        return Some("is of an epoch to come".to_owned());
    }
    if known != row {
        return Some(format!("has an epoch that meant {known:?} elsewhere"));
    }
    let before = epochs.range(..row.epoch).next_back();
    if let Some((epoch, before)) = before.filter(|(_, before)| before.last >= index) {
        let last = before.last;
        return Some(format!("comes before epoch {epoch}, of index {last}"));
    }
    let after = epochs.range(row.epoch + 1..).next();
    let (epoch, after) = after.filter(|(_, after)| after.first <= index)?;
    let first = after.first;
    Some(format!("comes after epoch {epoch}, of index {first}"))
}

#[cfg(test)]
mod tests {
    use raftwire::Incarnation;
    use raftwire_protocol::{Boot, MintedId, Slot};

    use super::*;

    fn row(epoch: u64, slot: u16) -> NameRow {
        let boot = Boot::new(1).expect("a boot");
        NameRow {
            connection: MintedId::new(Slot::new(slot), boot, 0, 0, 0),
            epoch,
            incarnation: Incarnation::new(u64::from(slot)),
        }
    }

    /// How many of the rows, each with the index of its state, are found wrong.
    fn judge(rows: &[(u64, NameRow)]) -> usize {
        let mut epochs = BTreeMap::new();
        let wrong = rows
            .iter()
            .filter_map(|(index, row)| add(&mut epochs, *index, *row));
        wrong.count()
    }

    #[test]
    fn epochs_that_rise_with_the_log_are_right_in_whatever_order_they_are_seen() {
        let rows = [
            (5, row(5, 1)),
            (9, row(8, 2)),
            (7, row(5, 1)),
            (8, row(8, 2)),
        ];
        assert_eq!(judge(&rows), 0);
    }

    #[test]
    fn an_epoch_that_comes_back_is_found() {
        assert_eq!(judge(&[(5, row(5, 1)), (8, row(8, 2)), (9, row(5, 1))]), 1);
        assert_eq!(judge(&[(9, row(5, 1)), (9, row(8, 2))]), 1);
    }

    #[test]
    fn an_epoch_of_two_owners_or_to_come_is_found() {
        assert_eq!(judge(&[(5, row(5, 1)), (6, row(5, 2))]), 1);
        assert_eq!(judge(&[(5, row(6, 1))]), 1);
    }
}
