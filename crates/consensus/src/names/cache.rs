use std::collections::BTreeMap;

use raftwire_protocol::Name;

use crate::state::NameRow;

/// How many names a generation holds: two of them take some 15 MB at a common length.
const GENERATION_MAX: usize = 64 * 1024;

/// What a node without the log was told that names mean. What means nothing is not kept.
///
/// A row may have ended since: the owner says so, as the row's epoch travels with each message.
/// The names are kept in two generations; a full one becomes the old one, and what was not asked for
/// since the last change is forgotten.
#[derive(Debug, Default)]
pub(crate) struct NameCache {
    young: BTreeMap<Name, NameRow>,
    old: BTreeMap<Name, NameRow>,
}

impl NameCache {
    /// What was told last.
    pub(crate) fn get(&mut self, name: &Name) -> Option<NameRow> {
        if let Some(row) = self.young.get(name) {
            return Some(*row);
        }
        let (name, row) = self.old.remove_entry(name)?;
        self.put(name, row);
        Some(row)
    }

    /// Keeps what was told, if nothing newer was.
    pub(crate) fn put(&mut self, name: Name, row: NameRow) {
        self.old.remove(&name);
        if self.young.len() >= GENERATION_MAX && !self.young.contains_key(&name) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, row);
    }

    /// The name means nothing.
    pub(crate) fn remove(&mut self, name: &Name) {
        self.young.remove(name);
        self.old.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use raftwire_protocol::{Incarnation, MintedId};

    use super::*;

    fn row(epoch: u64) -> NameRow {
        NameRow {
            connection: MintedId::from_bytes([7; 16]),
            epoch,
            incarnation: Incarnation::new(1),
        }
    }

    fn name(number: usize) -> Name {
        format!("n{number}").parse().expect("valid")
    }

    #[test]
    fn what_was_told_last_is_kept_and_what_means_nothing_is_not() {
        let mut cache = NameCache::default();
        cache.put(name(1), row(4));
        cache.put(name(1), row(5));
        assert_eq!(cache.get(&name(1)), Some(row(5)));

        cache.remove(&name(1));

        assert_eq!(cache.get(&name(1)), None);
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_asked_for() {
        let mut cache = NameCache::default();
        for number in 0..5 * GENERATION_MAX {
            cache.put(name(number), row(1));
            assert_eq!(cache.get(&name(0)), Some(row(1)));
        }
        assert!(cache.young.len() + cache.old.len() <= 2 * GENERATION_MAX);
        assert_eq!(cache.get(&name(1)), None);
    }
}
