//! Equal index, equal state: nodes that have applied the log up to the same index have the same
//! agreed facts, at any time; and what a process has applied never goes back.
//!
//! Raft paper, figure 3 (State Machine Safety) and §5.3; openraft,
//! `tests-turmoil/src/invariants/state_machine_safety.rs` and `sm_monotonic.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Violations;
use crate::fact::Process;
use crate::view::View;

const NAME: &str = "state agreement";

/// The hash of the state at each index, and how far each process has come.
#[derive(Debug, Default)]
pub(super) struct StateAgreement {
    hashes: BTreeMap<u64, [u8; 32]>,
    applied: BTreeMap<Process, u64>,
}

impl StateAgreement {
    /// A process shows another state than before.
    pub(super) fn state(&mut self, at: Duration, view: &View, violations: &mut Violations) {
        let (process, state) = (&view.process, &view.state);
        let index = state.applied_index;
        // What came by the feed is a part of the state: it never goes back either, and has no hash.
        let hash = (!state.is_fed()).then(|| state.hash());
        if let Some(hash) = hash
            && *self.hashes.entry(index).or_insert(hash) != hash
        {
            let what = format!("{process} has another state at index {index} than another node");
            violations.add(at, NAME, what);
        }
        let before = self.applied.insert(process.clone(), index).unwrap_or(0);
        if index < before {
            violations.add(
                at,
                NAME,
                format!("{process} went back from index {before} to {index}"),
            );
        }
    }
}
