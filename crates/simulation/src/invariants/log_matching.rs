//! Log Matching: if two logs contain an entry with the same index and term, they are identical in
//! all entries up through that index.
//!
//! Raft paper, figure 3 and §5.3; openraft, `tests-turmoil/src/invariants/log_matching.rs`. Checked
//! by the induction of the paper's own proof: an entry of an index and a term is the same entry
//! everywhere, and so is the term of the one before it.

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_consensus::Inspection;

use super::Violations;
use crate::fact::Process;

const NAME: &str = "log matching";

#[derive(Clone, Copy, Debug)]
struct Known {
    digest: [u8; 32],
    /// The term of the entry before it; none until it was seen.
    term_before: Option<u64>,
}

/// Every entry that any log has ever had, by index and term.
#[derive(Debug, Default)]
pub(super) struct LogMatching {
    entries: BTreeMap<(u64, u64), Known>,
}

impl LogMatching {
    pub(super) fn inspected(
        &mut self,
        at: Duration,
        process: &Process,
        seen: &Inspection,
        violations: &mut Violations,
    ) {
        let mut before: Option<(u64, u64)> = None;
        for (index, term, digest) in &seen.entries {
            let term_before = before
                .filter(|(last, _)| last + 1 == *index)
                .map(|(_, term)| term);
            if before.is_some() && term_before.is_none() {
                violations.add(at, NAME, format!("{process}: no entry before {index}"));
            }
            if term_before > Some(*term) {
                violations.add(at, NAME, format!("{process}: the term falls at {index}"));
            }
            let fresh = Known {
                digest: *digest,
                term_before,
            };
            let known = self.entries.entry((*index, *term)).or_insert(fresh);
            if known.digest != *digest {
                let what = format!("{process}: another entry at index {index} of term {term}");
                violations.add(at, NAME, what);
            }
            match (known.term_before, term_before) {
                (Some(known), Some(found)) if known != found => {
                    let what = format!(
                        "{process}: before the entry at index {index} of term {term} is one of \
                         term {found}, elsewhere of term {known}"
                    );
                    violations.add(at, NAME, what);
                }
                (None, Some(_)) => known.term_before = term_before,
                _ => {}
            }
            before = Some((*index, *term));
        }
    }
}
