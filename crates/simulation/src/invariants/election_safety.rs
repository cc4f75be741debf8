//! Election Safety: at most one leader can be elected in a given term.
//!
//! Raft paper (Ongaro, Ousterhout: In Search of an Understandable Consensus Algorithm, 2014),
//! figure 3 and §5.2; openraft, `tests-turmoil/src/invariants/election_safety.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_consensus::{Inspection, Role};
use raftwire_protocol::RaftId;

use super::Violations;
use crate::fact::Process;

const NAME: &str = "election safety";

/// Who led in which term.
#[derive(Debug, Default)]
pub(super) struct ElectionSafety {
    leaders: BTreeMap<u64, RaftId>,
}

impl ElectionSafety {
    pub(super) fn inspected(
        &mut self,
        at: Duration,
        process: &Process,
        seen: &Inspection,
        violations: &mut Violations,
    ) {
        let elected = seen
            .vote
            .filter(|vote| vote.won)
            .map(|vote| (vote.term, vote.candidate));
        let itself = (seen.role == Role::Leader).then_some((seen.term, seen.raft_id));
        let followed = seen.leader.map(|leader| (seen.term, leader));
        for (term, leader) in [elected, itself, followed].into_iter().flatten() {
            let known = *self.leaders.entry(term).or_insert(leader);
            if known != leader {
                let what =
                    format!("{process} takes {leader} for the leader of term {term}: {known} is");
                violations.add(at, NAME, what);
            }
        }
    }

    /// The highest term that had a leader.
    pub(super) fn last_term(&self) -> u64 {
        self.leaders.last_key_value().map_or(0, |(term, _)| *term)
    }
}
