//! Who replicates and who votes: what the leader changes next in the engine's membership. Pure.

use std::collections::{BTreeMap, BTreeSet};

use openraft::ChangeMembers;
use raftwire_protocol::NodeId;

use crate::state::{ClusterState, Member};
use crate::type_config::{LogId, Membership, Seat};

/// The most seats, voters and learners together: each learner costs the leader a copy of every
/// entry, and a membership entry has to fit into one record.
const SEATS_MAX: usize = 64;

/// How many entries a learner may be behind when it takes over a vote.
const CAUGHT_UP_ENTRIES: u64 = 100;

/// One step. The engine takes one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SeatChange {
    /// A member gets the log.
    AddLearner(u64, Seat),
    /// Anything else.
    Change {
        /// What the engine is asked for.
        members: ChangeMembers<u64, Seat>,
        /// Whether voters that lose their vote stay as learners.
        retain: bool,
    },
}

/// What a step is decided from.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    pub(super) state: &'a ClusterState,
    pub(super) membership: &'a Membership,
    /// How far each node's log matches the leader's.
    pub(super) replication: Option<&'a BTreeMap<u64, Option<LogId>>>,
    pub(super) last_log_index: u64,
    /// Members that have been dead for so long that they lose a learner's seat.
    pub(super) forgotten: Vec<NodeId>,
}

/// The next step, if there is one.
pub(super) fn next_change(standing: &Standing<'_>) -> Option<SeatChange> {
    finish_joint(standing)
        .or_else(|| seat_member(standing))
        .or_else(|| replace_voter(standing))
        .or_else(|| remove_learner(standing))
}

/// A leader that fell in the middle of a change left both configurations in force.
fn finish_joint(standing: &Standing<'_>) -> Option<SeatChange> {
    (standing.membership.get_joint_config().len() > 1).then(|| SeatChange::Change {
        members: ChangeMembers::AddVoterIds(BTreeSet::new()),
        retain: false,
    })
}

fn seat_member(standing: &Standing<'_>) -> Option<SeatChange> {
    let free = standing.membership.nodes().count() < SEATS_MAX;
    let (node, member) = standing.state.members.iter().find(|(_, member)| {
        member.is_alive()
            && standing
                .membership
                .get_node(&member.raft_id.get())
                .is_none()
    })?;
    free.then(|| SeatChange::AddLearner(member.raft_id.get(), seat(node)))
}

/// A node whose disk was lost came back as a learner: once it has the log, it takes over the vote
/// of its former self.
fn replace_voter(standing: &Standing<'_>) -> Option<SeatChange> {
    let voters: BTreeSet<u64> = standing.membership.voter_ids().collect();
    let (former, successor) = voters.iter().find_map(|voter| {
        let member = holder(standing, *voter)?;
        let successor = member.raft_id.get();
        let replaces = successor != *voter
            && member.is_alive()
            && !voters.contains(&successor)
            && (!member.ephemeral || standing.state.ephemeral)
            && has_caught_up(standing, successor);
        replaces.then_some((*voter, successor))
    })?;
    let mut new_voters = voters;
    new_voters.remove(&former);
    new_voters.insert(successor);
    Some(SeatChange::Change {
        members: ChangeMembers::ReplaceAllVoters(new_voters),
        retain: false,
    })
}

/// Learners that nobody stands behind any more, or not for long.
fn remove_learner(standing: &Standing<'_>) -> Option<SeatChange> {
    let gone = standing.membership.learner_ids().find(|learner| {
        let Some(seat) = standing.membership.get_node(learner) else {
            return false;
        };
        let Ok(node) = seat.node.parse::<NodeId>() else {
            return true;
        };
        let current = standing.state.members.get(&node);
        current.is_none_or(|member| member.raft_id.get() != *learner)
            || standing.forgotten.contains(&node)
    })?;
    Some(SeatChange::Change {
        members: ChangeMembers::RemoveNodes(BTreeSet::from([gone])),
        retain: false,
    })
}

/// The member under whose name a Raft id has its seat.
fn holder<'a>(standing: &'a Standing<'_>, raft_id: u64) -> Option<&'a Member> {
    let node: NodeId = standing.membership.get_node(&raft_id)?.node.parse().ok()?;
    standing.state.members.get(&node)
}

fn has_caught_up(standing: &Standing<'_>, raft_id: u64) -> bool {
    let matching = standing
        .replication
        .and_then(|replication| replication.get(&raft_id))
        .and_then(|matching| matching.as_ref());
    matching.is_some_and(|matching| {
        matching.index.saturating_add(CAUGHT_UP_ENTRIES) >= standing.last_log_index
    })
}

fn seat(node: &NodeId) -> Seat {
    Seat {
        node: node.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use raftwire_protocol::{RaftId, Session};

    use super::*;
    use crate::command::{Command, Found, Join};
    use crate::type_config::CommittedLeaderId;

    fn node(number: u64) -> NodeId {
        format!("n{number}").parse().expect("valid")
    }

    /// Members n1, n2, … with the given Raft ids, all alive.
    fn state(raft_ids: &[u64], ephemeral: &[u64]) -> ClusterState {
        let mut state = ClusterState::default();
        let found = Command::Found(Found {
            cluster_id: 1,
            lease_ms: 5_000,
            founding: Vec::new(),
            ephemeral: false,
            names_max: crate::state::NAMES_MAX_DEFAULT,
        });
        state.apply(1, 0, Some(&found)).expect("known");
        for (at, raft_id) in raft_ids.iter().enumerate() {
            let index = at as u64 + 1;
            let join = Command::Join(Join {
                node: node(index),
                raft_id: RaftId::new(*raft_id),
                session: Session::new(u128::from(*raft_id)),
                expected: None,
                address: None,
                ephemeral: ephemeral.contains(raft_id),
            });
            state.apply(1, index, Some(&join)).expect("known");
        }
        state
    }

    /// Seats as (Raft id, node number); the first `voters` of them vote.
    fn membership(seats: &[(u64, u64)], voters: usize) -> Membership {
        let voting: BTreeSet<u64> = seats
            .iter()
            .take(voters)
            .map(|(raft_id, _)| *raft_id)
            .collect();
        let seats: BTreeMap<u64, Seat> = seats
            .iter()
            .map(|(raft_id, number)| (*raft_id, seat(&node(*number))))
            .collect();
        Membership::new(vec![voting], seats).expect("every voter has a seat")
    }

    fn step(
        state: &ClusterState,
        membership: &Membership,
        matching: &[(u64, u64)],
        forgotten: Vec<NodeId>,
    ) -> Option<SeatChange> {
        let log_id = |index| LogId {
            leader_id: CommittedLeaderId::new(1),
            index,
        };
        let replication: BTreeMap<u64, Option<LogId>> = matching
            .iter()
            .map(|(raft_id, index)| (*raft_id, Some(log_id(*index))))
            .collect();
        next_change(&Standing {
            state,
            membership,
            replication: Some(&replication),
            last_log_index: 1_000,
            forgotten,
        })
    }

    #[test]
    fn a_membership_that_fits_stays_as_it_is() {
        let state = state(&[11, 12, 13], &[]);
        let membership = membership(&[(11, 1), (12, 2), (13, 3)], 3);

        assert_eq!(step(&state, &membership, &[], Vec::new()), None);
    }

    #[test]
    fn a_member_without_a_seat_becomes_a_learner() {
        let state = state(&[11, 12], &[]);
        let membership = membership(&[(11, 1)], 1);

        let change = step(&state, &membership, &[], Vec::new());

        assert_eq!(change, Some(SeatChange::AddLearner(12, seat(&node(2)))));
    }

    #[test]
    fn a_wiped_voter_votes_again_once_it_has_caught_up() {
        let state = state(&[11, 22, 13], &[]);
        let membership = membership(&[(11, 1), (12, 2), (13, 3), (22, 2)], 3);

        assert_eq!(step(&state, &membership, &[(22, 10)], Vec::new()), None);

        let members = ChangeMembers::ReplaceAllVoters(BTreeSet::from([11, 13, 22]));
        let replaced = SeatChange::Change {
            members,
            retain: false,
        };
        assert_eq!(
            step(&state, &membership, &[(22, 950)], Vec::new()),
            Some(replaced)
        );
    }

    #[test]
    fn an_ephemeral_node_takes_over_no_vote_of_durable_ones() {
        let state = state(&[11, 22, 13], &[22]);
        let membership = membership(&[(11, 1), (12, 2), (13, 3), (22, 2)], 3);

        assert_eq!(step(&state, &membership, &[(22, 1_000)], Vec::new()), None);
    }

    #[test]
    fn learners_that_nobody_stands_behind_lose_their_seat() {
        let state = state(&[11, 22], &[]);
        let membership = membership(&[(11, 1), (12, 2), (22, 2)], 1);

        let members = ChangeMembers::RemoveNodes(BTreeSet::from([12]));
        let removed = SeatChange::Change {
            members,
            retain: false,
        };
        assert_eq!(step(&state, &membership, &[], Vec::new()), Some(removed));
    }

    #[test]
    fn learners_that_were_dead_for_long_lose_their_seat_and_voters_never() {
        let state = state(&[11, 12], &[]);
        let membership = membership(&[(11, 1), (12, 2)], 1);

        let members = ChangeMembers::RemoveNodes(BTreeSet::from([12]));
        let removed = SeatChange::Change {
            members,
            retain: false,
        };
        assert_eq!(step(&state, &membership, &[], vec![node(2)]), Some(removed));
        assert_eq!(step(&state, &membership, &[], vec![node(1)]), None);
    }
}
