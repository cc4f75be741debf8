//! Who cannot reach whom, and because of which faults.

use std::collections::{BTreeMap, BTreeSet};

use raftwire::NodeId;
use raftwire_transport::memory::MemoryNetwork;

/// One direction: from, to.
pub(super) type Way = (NodeId, NodeId);

/// The cuts that the faults under way have made. A way is open when no fault cuts it.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    by_fault: BTreeMap<usize, BTreeSet<Way>>,
    cut: BTreeSet<Way>,
}

impl Cuts {
    /// A fault cuts these ways.
    pub(super) fn begin(&mut self, fault: usize, ways: BTreeSet<Way>, network: &MemoryNetwork) {
        self.by_fault.insert(fault, ways);
        self.carry_out(network);
    }

    /// A fault is over.
    pub(super) fn end(&mut self, fault: usize, network: &MemoryNetwork) {
        self.by_fault.remove(&fault);
        self.carry_out(network);
    }

    fn carry_out(&mut self, network: &MemoryNetwork) {
        let wanted: BTreeSet<Way> = self.by_fault.values().flatten().cloned().collect();
        for (from, to) in wanted.difference(&self.cut) {
            network.cut_one_way(from, to);
        }
        for (from, to) in self.cut.difference(&wanted) {
            network.heal_one_way(from, to);
        }
        self.cut = wanted;
    }
}
