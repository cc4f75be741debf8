//! Who cannot reach whom, and because of which faults.

use std::collections::{BTreeMap, BTreeSet};

use raftwire::NodeId;

/// One direction: from, to.
pub(super) type Way = (NodeId, NodeId);

/// The cuts that the faults under way have made. A way is open when no fault cuts it.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    by_fault: BTreeMap<usize, BTreeSet<Way>>,
    cut: BTreeSet<Way>,
}

/// What is to be done so that the network is as the faults want it.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) to_cut: Vec<Way>,
    pub(super) to_heal: Vec<Way>,
}

impl Cuts {
    /// A fault cuts these ways.
    pub(super) fn begin(&mut self, fault: usize, ways: BTreeSet<Way>) -> Changes {
        self.by_fault.insert(fault, ways);
        self.change()
    }

    /// A fault is over.
    pub(super) fn end(&mut self, fault: usize) -> Changes {
        self.by_fault.remove(&fault);
        self.change()
    }

    fn change(&mut self) -> Changes {
        let wanted: BTreeSet<Way> = self.by_fault.values().flatten().cloned().collect();
        let changes = Changes {
            to_cut: wanted.difference(&self.cut).cloned().collect(),
            to_heal: self.cut.difference(&wanted).cloned().collect(),
        };
        self.cut = wanted;
        changes
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    fn way(from: &str, to: &str) -> Way {
        (
            from.parse().expect("a node id"),
            to.parse().expect("a node id"),
        )
    }

    #[test]
    fn a_way_is_open_again_when_no_fault_cuts_it() {
        let mut cuts = Cuts::default();

        let first = cuts.begin(1, BTreeSet::from([way("a", "b"), way("b", "a")]));
        let second = cuts.begin(2, BTreeSet::from([way("a", "b")]));
        let after_first = cuts.end(1);
        let after_second = cuts.end(2);

        assert_eq!(first.to_cut, [way("a", "b"), way("b", "a")]);
        assert_eq!((second.to_cut.len(), second.to_heal.len()), (0, 0));
        assert_eq!(after_first.to_heal, [way("b", "a")]);
        assert_eq!(after_second.to_heal, [way("a", "b")]);
    }
}
