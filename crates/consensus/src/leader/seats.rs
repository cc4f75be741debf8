//! Who has a seat and who votes: what the leader changes next in the engine's membership. Pure.
//!
//! Voters are as many as the founding list gave: one, two, three or five; never four. Beside them at
//! most [`SPARES_MAX`] members have the log without a vote, to take over one. All other members are
//! edges.
//!
//! A voter's seat outlives its holder's restarts. It goes to another in four cases: the holder lost its
//! disk and came back; it has been dead for long; it was removed; it was told to be an edge. A founder
//! votes before it is a member, and until it joins it counts as one that is dead. Whoever takes over has caught up, is alive, and keeps its log on disk (or nobody does).

use std::collections::{BTreeMap, BTreeSet};

use openraft::ChangeMembers;
use raftwire_protocol::NodeId;

use crate::founding::voter_count;
use crate::state::{ClusterState, Member};
use crate::type_config::{LogId, Membership, Seat};

/// The most members with the log and without a vote: each costs the leader a copy of every entry. Two
/// are enough to replace the two of five voters that may fail.
const SPARES_MAX: usize = 2;

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
    /// Who has a seat and has been no living member for so long that it loses it.
    pub(super) lapsed: Vec<NodeId>,
    /// The Raft id of the leader, which keeps its vote.
    pub(super) leader: u64,
}

/// The next step, if there is one.
pub(super) fn next_change(standing: &Standing<'_>) -> Option<SeatChange> {
    finish_joint(standing)
        .or_else(|| remove_learner(standing))
        .or_else(|| seat_member(standing))
        .or_else(|| change_voters(standing))
}

/// A leader that fell in the middle of a change left both configurations in force.
fn finish_joint(standing: &Standing<'_>) -> Option<SeatChange> {
    (standing.membership.get_joint_config().len() > 1).then(|| SeatChange::Change {
        members: ChangeMembers::AddVoterIds(BTreeSet::new()),
        retain: false,
    })
}

/// Learners that nobody stands behind any more, or not for long, or that are too many.
fn remove_learner(standing: &Standing<'_>) -> Option<SeatChange> {
    let learners: Vec<u64> = standing.membership.learner_ids().collect();
    let is_gone = |learner: &&u64| {
        named_member(standing, **learner).is_none_or(|(node, member)| {
            member.raft_id.get() != **learner
                || !is_eligible(standing, member)
                || standing.lapsed.contains(&node)
        })
    };
    let gone = learners.iter().find(is_gone).copied().or_else(|| {
        let mut spares = spares(standing);
        // The dead are given up first, then those that come last by name.
        spares.sort_by_key(|(node, member)| (!member.is_alive(), node.clone()));
        let extra = spares.get(SPARES_MAX)?;
        Some(extra.1.raft_id.get())
    })?;
    Some(SeatChange::Change {
        members: ChangeMembers::RemoveNodes(BTreeSet::from([gone])),
        retain: false,
    })
}

/// A voter that came back without its disk gets the log, and so do spares while there are too few.
fn seat_member(standing: &Standing<'_>) -> Option<SeatChange> {
    let is_seatless = |member: &Member| {
        let seat = standing.membership.get_node(&member.raft_id.get());
        member.is_alive() && is_eligible(standing, member) && seat.is_none()
    };
    let mut members = standing.state.members.iter();
    let returned = members.find(|(node, member)| is_seatless(member) && is_voter(standing, node));
    let (node, member) = returned.or_else(|| {
        let is_free = spares(standing).len() < SPARES_MAX;
        let mut members = standing.state.members.iter();
        members.find(|(_, member)| is_free && is_seatless(member))
    })?;
    Some(SeatChange::AddLearner(member.raft_id.get(), seat(node)))
}

fn change_voters(standing: &Standing<'_>) -> Option<SeatChange> {
    let voters: BTreeSet<u64> = standing.membership.voter_ids().collect();
    let next = returned(standing, &voters)
        .or_else(|| replaced(standing, &voters))
        .or_else(|| without_removed(standing, &voters))
        .or_else(|| grown(standing, &voters))?;
    Some(SeatChange::Change {
        members: ChangeMembers::ReplaceAllVoters(next),
        retain: false,
    })
}

/// A node whose disk was lost takes over the vote of its former self.
fn returned(standing: &Standing<'_>, voters: &BTreeSet<u64>) -> Option<BTreeSet<u64>> {
    voters.iter().find_map(|voter| {
        let (_, member) = named_member(standing, *voter)?;
        let successor = member.raft_id.get();
        let takes_over = successor != *voter && is_candidate(standing, voters, member);
        takes_over.then(|| swapped(voters, *voter, successor))
    })
}

/// A spare takes over the vote of one that does not come back.
fn replaced(standing: &Standing<'_>, voters: &BTreeSet<u64>) -> Option<BTreeSet<u64>> {
    let leaver = voters
        .iter()
        .filter(|voter| **voter != standing.leader)
        .find(|voter| match named_member(standing, **voter) {
            None => is_gone(standing, **voter),
            Some((node, member)) => {
                standing.lapsed.contains(&node) || member.edge && member.raft_id.get() == **voter
            }
        })?;
    let successor = candidates(standing, voters).into_iter().next()?;
    Some(swapped(voters, *leaver, successor))
}

/// Where no spare is there, a removed voter leaves a smaller cluster; of four, one more gives up its
/// vote: four survive no more losses than three.
fn without_removed(standing: &Standing<'_>, voters: &BTreeSet<u64>) -> Option<BTreeSet<u64>> {
    let mut left: BTreeSet<u64> = voters.clone();
    left.retain(|voter| *voter == standing.leader || !is_gone(standing, *voter));
    if left.len() == 4 {
        let weakest = left
            .iter()
            .filter(|voter| **voter != standing.leader)
            .max_by_key(|voter| {
                let holder = named_member(standing, **voter);
                let is_dead = holder.as_ref().is_none_or(|(_, member)| !member.is_alive());
                (is_dead, holder.map(|(node, _)| node))
            })
            .copied();
        left.retain(|voter| Some(*voter) != weakest);
    }
    (left != *voters).then_some(left)
}

/// Voters lack: spares get votes, as many as make a number of voters that is worth it.
fn grown(standing: &Standing<'_>, voters: &BTreeSet<u64>) -> Option<BTreeSet<u64>> {
    let target = voter_count(standing.state.founding.len());
    let candidates = candidates(standing, voters);
    let wanted = voter_count(target.min(voters.len() + candidates.len()));
    // Of two no one may fail, of one neither: two are no step on the way to three.
    let is_worth_it = wanted > voters.len() && (wanted != 2 || target == 2);
    is_worth_it.then(|| {
        let missing = wanted - voters.len();
        let added = candidates.into_iter().take(missing);
        voters.iter().copied().chain(added).collect()
    })
}

fn swapped(voters: &BTreeSet<u64>, leaver: u64, successor: u64) -> BTreeSet<u64> {
    let kept = voters.iter().copied().filter(|voter| *voter != leaver);
    kept.chain([successor]).collect()
}

/// Who could vote and does not, by name.
fn candidates(standing: &Standing<'_>, voters: &BTreeSet<u64>) -> Vec<u64> {
    let members = standing.state.members.values();
    members
        .filter(|member| is_candidate(standing, voters, member))
        .map(|member| member.raft_id.get())
        .collect()
}

fn is_candidate(standing: &Standing<'_>, voters: &BTreeSet<u64>, member: &Member) -> bool {
    let raft_id = member.raft_id.get();
    member.is_alive()
        && is_eligible(standing, member)
        && !voters.contains(&raft_id)
        && standing.membership.get_node(&raft_id).is_some()
        && has_caught_up(standing, raft_id)
}

/// Whether a member may have the log, and a vote in time. An ephemeral one would lose at each restart
/// what the durable ones rely on.
fn is_eligible(standing: &Standing<'_>, member: &Member) -> bool {
    !member.edge && (!member.ephemeral || standing.state.ephemeral)
}

/// The members that have the log without a vote, but for those that wait for their former vote.
fn spares<'a>(standing: &'a Standing<'_>) -> Vec<(NodeId, &'a Member)> {
    let learners = standing.membership.learner_ids();
    learners
        .filter_map(|learner| {
            named_member(standing, learner).filter(|(_, member)| member.raft_id.get() == learner)
        })
        .filter(|(node, _)| !is_voter(standing, node))
        .collect()
}

/// Whether a seat with a vote carries this name.
fn is_voter(standing: &Standing<'_>, node: &NodeId) -> bool {
    standing.membership.voter_ids().any(|voter| {
        let seat = standing.membership.get_node(&voter);
        seat.is_some_and(|seat| seat.node == node.as_str())
    })
}

/// The member under whose name a Raft id has its seat. Its data may be other data by now.
fn named_member<'a>(standing: &'a Standing<'_>, raft_id: u64) -> Option<(NodeId, &'a Member)> {
    let node: NodeId = standing.membership.get_node(&raft_id)?.node.parse().ok()?;
    let member = standing.state.members.get(&node)?;
    Some((node, member))
}

/// Whether nobody stands behind a voter's seat: its member was removed, or none has come for long.
/// A founder has its vote before it joins, so that there is no member says nothing yet.
fn is_gone(standing: &Standing<'_>, voter: u64) -> bool {
    let seat = standing.membership.get_node(&voter);
    let Some(node) = seat.and_then(|seat| seat.node.parse::<NodeId>().ok()) else {
        return true;
    };
    let is_member = standing.state.members.contains_key(&node);
    !is_member && (standing.state.removals.contains(&node) || standing.lapsed.contains(&node))
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
#[path = "seats_test.rs"]
mod tests;
