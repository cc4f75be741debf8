//! State Machine Safety and Leader Completeness: an entry that was committed at an index is the
//! only one that ever is, and every later leader has it.
//!
//! Raft paper, figure 3, §5.4.1 and §5.4.3; Vanlightly's TLA+ specification,
//! `LeaderHasAllAckedValues`; openraft, `tests-turmoil/src/invariants/committed_immutable.rs` and
//! `leader_completeness.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_consensus::{Inspection, Role};

use super::Violations;
use crate::fact::Process;

const IMMUTABLE: &str = "state machine safety";
const COMPLETE: &str = "leader completeness";

/// The committed entries by index: term and digest, and the term in which it was first known.
#[derive(Debug, Default)]
pub(super) struct CommittedEntries {
    entries: BTreeMap<u64, Committed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Committed {
    term: u64,
    digest: [u8; 32],
    /// The lowest term of a node that knew it to be committed: leaders of later terms must have it.
    known_in: u64,
}

impl CommittedEntries {
    pub(super) fn inspected(
        &mut self,
        at: Duration,
        process: &Process,
        seen: &Inspection,
        violations: &mut Violations,
    ) {
        // A node that takes over a snapshot knows of commits beyond its log, while what the snapshot
        // replaces is still there.
        let last = seen.entries.last().map(|(index, ..)| *index);
        let committed = seen
            .committed_index
            .filter(|committed| Some(*committed) <= last)
            .map(|committed| committed.min(seen.applied_index));
        let is_committed = |index: u64| committed.is_some_and(|committed| index <= committed);
        for (index, term, digest) in seen.entries.iter().filter(|entry| is_committed(entry.0)) {
            let (term, digest, known_in) = (*term, *digest, seen.term);
            let fresh = Committed {
                term,
                digest,
                known_in,
            };
            let known = self.entries.entry(*index).or_insert(fresh);
            if (known.term, known.digest) != (term, digest) {
                let what = format!(
                    "{process}: an entry of term {term} is committed at index {index}, where one \
                     of term {} was",
                    known.term
                );
                violations.add(at, IMMUTABLE, what);
            }
            known.known_in = known.known_in.min(known_in);
        }
        if seen.role == Role::Leader {
            self.leads(at, process, seen, violations);
        }
    }

    fn leads(
        &self,
        at: Duration,
        process: &Process,
        seen: &Inspection,
        violations: &mut Violations,
    ) {
        let Some((first, ..)) = seen.entries.first() else {
            return;
        };
        let own: BTreeMap<u64, u64> = seen
            .entries
            .iter()
            .map(|(index, term, _)| (*index, *term))
            .collect();
        for (index, committed) in self.entries.range(first..) {
            let is_due = committed.known_in < seen.term;
            if is_due && own.get(index) != Some(&committed.term) {
                let what = format!(
                    "{process} leads term {} without the entry that was committed at index \
                     {index}",
                    seen.term
                );
                violations.add(at, COMPLETE, what);
            }
        }
    }
}
