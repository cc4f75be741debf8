use std::collections::BTreeMap;

/// A set of sequences, kept as ranges that neither overlap nor touch.
#[derive(Debug, Default)]
pub(crate) struct RangeSet {
    /// The last sequence of each range by its first.
    ranges: BTreeMap<u64, u64>,
}

impl RangeSet {
    /// Adds `first..=last` and calls `newly` for each part of it that was missing, ascending.
    pub(crate) fn insert(&mut self, first: u64, last: u64, mut newly: impl FnMut(u64, u64)) {
        debug_assert!(first <= last && last < u64::MAX);
        let mut start = first;
        let mut end = last;
        // The lowest sequence of which it is not known yet whether it was there.
        let mut open = first;
        if let Some((&before, &before_last)) = self.ranges.range(..=first).next_back()
            && before_last + 1 >= first
        {
            if before_last >= last {
                return;
            }
            start = before;
            open = before_last + 1;
        }
        while let Some((&next, &next_last)) = self.ranges.range(open..).next()
            && next <= last + 1
        {
            if next > open {
                newly(open, next - 1);
            }
            open = next_last + 1;
            end = end.max(next_last);
            self.ranges.remove(&next);
        }
        if open <= last {
            newly(open, last);
        }
        self.ranges.insert(start, end);
    }

    pub(crate) fn contains(&self, sequence: u64) -> bool {
        self.ranges
            .range(..=sequence)
            .next_back()
            .is_some_and(|(_, &last)| last >= sequence)
    }

    /// Forgets all sequences up to `last`.
    pub(crate) fn remove_up_to(&mut self, last: u64) {
        while let Some(entry) = self.ranges.first_entry()
            && *entry.key() <= last
        {
            let range_last = entry.remove();
            if range_last > last {
                self.ranges.insert(last + 1, range_last);
            }
        }
    }

    /// The number of ranges.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// First and last of each range, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().map(|(&first, &last)| (first, last))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_range_set_is_a_set(
            changes in vec((any::<bool>(), 1_u64..80, 0_u64..12), 0..60),
        ) {
            let mut ranges = RangeSet::default();
            let mut model = BTreeSet::new();
            for (insert, first, more) in changes {
                if insert {
                    let mut newly = Vec::new();
                    ranges.insert(first, first + more, |a, b| newly.extend(a..=b));
                    let expected: Vec<_> =
                        (first..=first + more).filter(|s| model.insert(*s)).collect();
                    prop_assert_eq!(newly, expected);
                } else {
                    ranges.remove_up_to(first);
                    model.retain(|&s| s > first);
                }
                let all: Vec<_> = ranges.iter().flat_map(|(a, b)| a..=b).collect();
                prop_assert_eq!(&all, &model.iter().copied().collect::<Vec<_>>());
                let ends: Vec<_> = ranges.iter().collect();
                prop_assert!(ends.windows(2).all(|w| w[0].1 + 1 < w[1].0), "{:?}", ends);
                prop_assert_eq!(ranges.len(), ends.len());
                for s in 0..100 {
                    prop_assert_eq!(ranges.contains(s), model.contains(&s));
                }
            }
        }
    }
}
