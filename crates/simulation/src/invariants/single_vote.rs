//! A node votes for at most one candidate in a given term, and neither its term nor its vote goes
//! back, across a crash neither: term and vote are on disk before they are answered for.
//!
//! Raft paper §5.1, §5.2 and figure 2 ("persistent state on all servers"); Vanlightly's TLA+
//! specification, `MonotonicTerm` and `MonotonicVote`; openraft,
//! `tests-turmoil/src/invariants/monotonic.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_consensus::{InspectedVote, Inspection};
use raftwire_protocol::RaftId;

use super::Violations;
use crate::fact::Process;

const NAME: &str = "single vote";

/// The last vote of each data folder.
#[derive(Debug, Default)]
pub(super) struct SingleVote {
    last: BTreeMap<RaftId, InspectedVote>,
}

impl SingleVote {
    pub(super) fn inspected(
        &mut self,
        at: Duration,
        process: &Process,
        seen: &Inspection,
        violations: &mut Violations,
    ) {
        let now = seen.vote;
        let before = self.last.get(&seen.raft_id).copied();
        if let Some(before) = before
            && let Some(wrong) = wrong(before, now)
        {
            violations.add(
                at,
                NAME,
                format!("{process} {wrong}: {before:?}, then {now:?}"),
            );
        }
        if let Some(now) = now {
            self.last.insert(seen.raft_id, now);
        }
    }

    /// The disk of a node has failed: what it could not write was not answered for.
    pub(super) fn disk_failed(&mut self, raft_id: RaftId) {
        self.last.remove(&raft_id);
    }
}

fn wrong(before: InspectedVote, now: Option<InspectedVote>) -> Option<&'static str> {
    let Some(now) = now else {
        return Some("forgot its vote");
    };
    if now.term < before.term {
        return Some("went back to an earlier term");
    }
    if now.term > before.term || now.candidate == before.candidate {
        let forgets = now.term == before.term && before.won && !now.won;
        return forgets.then_some("forgot who won");
    }
    // Another candidate in the same term: only as its winner.
    (before.won || !now.won).then_some("voted twice in a term")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(term: u64, candidate: u64, won: bool) -> InspectedVote {
        let candidate = RaftId::new(candidate);
        InspectedVote {
            term,
            candidate,
            won,
        }
    }

    #[test]
    fn a_vote_may_rise_and_accept_the_winner() {
        assert_eq!(wrong(vote(1, 1, false), Some(vote(2, 2, false))), None);
        assert_eq!(wrong(vote(1, 1, false), Some(vote(1, 1, true))), None);
        assert_eq!(wrong(vote(1, 1, false), Some(vote(1, 2, true))), None);
    }

    #[test]
    fn a_second_vote_in_a_term_is_found() {
        assert!(wrong(vote(1, 1, false), Some(vote(1, 2, false))).is_some());
        assert!(wrong(vote(1, 1, true), Some(vote(1, 2, true))).is_some());
    }

    #[test]
    fn a_vote_that_went_back_is_found() {
        assert!(wrong(vote(2, 1, false), Some(vote(1, 1, false))).is_some());
        assert!(wrong(vote(2, 1, false), None).is_some());
    }
}
