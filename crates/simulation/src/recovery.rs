//! After all was put right: a leader, agreement, and service between all nodes, within a bound.
//!
//! Safety alone is kept by a cluster that does nothing. (openraft, `tests-turmoil/src/liveness.rs`;
//! TigerBeetle's simulator has the same two modes.)

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use raftwire::NodeId;
use raftwire_protocol::RaftId;

use crate::cluster::Cluster;
use crate::invariants::Invariants;
use crate::view::View;

/// How long it may take. A node that comes back without its disk waits, after an election of a
/// second, until the lease of its former self has passed: 5 s by a clock that may be a tenth slow. Its
/// dials were refused meanwhile, so that each side may pause for up to 5 s before the next.
pub const RECOVERY_MAX: Duration = Duration::from_secs(15);

/// What is still missing, `None` once the cluster of these nodes has recovered since `healed_at`.
pub(crate) fn missing(
    cluster: &Cluster<'_>,
    invariants: &Invariants,
    nodes: &BTreeSet<NodeId>,
    healed_at: Duration,
) -> Option<String> {
    let views = cluster.views();
    unready(nodes, &views)
        .or_else(|| disagreement(&views))
        .or_else(|| vacancy(&views, invariants))
        .or_else(|| outdated(&views))
        .or_else(|| unreached(cluster, nodes, healed_at))
}

fn unready(nodes: &BTreeSet<NodeId>, views: &BTreeMap<NodeId, View>) -> Option<String> {
    let is_ready = |node: &NodeId| views.get(node).is_some_and(|view| view.is_ready);
    let node = nodes.iter().find(|node| !is_ready(node))?;
    Some(match views.get(node) {
        None => format!("{node} does not run"),
        Some(View {
            process,
            role,
            term,
            leader,
            problem,
            lease_left,
            ..
        }) => format!(
            "{process} is not ready: {role:?} in term {term}, leader {leader:?}, lease \
             {lease_left:?}, problem {problem:?}"
        ),
    })
}

/// Why the nodes are not of one mind: there is not one leader that all follow, or somebody has applied other
/// entries than it.
pub(crate) fn disagreement(views: &BTreeMap<NodeId, View>) -> Option<String> {
    let leaders: Vec<&View> = views.values().filter(|view| view.is_leader).collect();
    let [leader] = leaders.as_slice() else {
        return Some(format!("{} nodes act as the leader", leaders.len()));
    };
    let leading = &leader.process.node;
    let stray = views
        .values()
        .find(|view| view.leader.as_ref() != Some(leading));
    if let Some(View {
        process, leader, ..
    }) = stray
    {
        return Some(format!("{process} follows {leader:?}, not {leading}"));
    }
    let hash = leader.state.hash();
    let agrees = |view: &&View| {
        if view.state.is_fed() {
            // The feed is a part of the state.
            view.state.members == leader.state.members
        } else {
            view.state.hash() == hash
        }
    };
    let other = views.values().find(|view| !agrees(view))?;
    let (applied, theirs) = (leader.state.applied_index, other.state.applied_index);
    Some(format!(
        "{} has applied {theirs}, {leading} {applied}",
        other.process
    ))
}

/// A vote that no living node has: a node that lost its disk gets back that of its former self.
fn vacancy(views: &BTreeMap<NodeId, View>, invariants: &Invariants) -> Option<String> {
    let leader = views.values().find(|view| view.is_leader)?;
    let seen = invariants.last_seen(&leader.process.node)?;
    let voters = match leader.state.founding.len() {
        count @ 0..=3 => count,
        4 => 3,
        _ => 5,
    };
    if seen.voters.len() != voters {
        return Some(format!("{} nodes vote, not {voters}", seen.voters.len()));
    }
    let living: BTreeSet<RaftId> = leader
        .state
        .members
        .values()
        .map(|member| member.raft_id)
        .collect();
    let vacant = seen
        .voters
        .iter()
        .find(|(voter, _)| !living.contains(voter));
    vacant.map(|(voter, node)| format!("nobody has the vote of {voter} ({node:?})"))
}

/// A node that does not know all users and groups of another.
fn outdated(views: &BTreeMap<NodeId, View>) -> Option<String> {
    let mut pairs = views
        .values()
        .flat_map(|one| views.values().map(move |other| (one, other)));
    let of = |view: &View, node: &NodeId| view.owned_facts.get(node).copied();
    let (one, other) = pairs.find(|(one, other)| {
        let node = &other.process.node;
        of(one, node) != of(other, node)
    })?;
    let node = &other.process.node;
    let (known, own) = (of(one, node), of(other, node));
    Some(format!(
        "{} knows {known:?} of {}, which is at {own:?}",
        one.process, other.process
    ))
}

fn unreached(
    cluster: &Cluster<'_>,
    nodes: &BTreeSet<NodeId>,
    healed_at: Duration,
) -> Option<String> {
    let probes = cluster.last_probes();
    let ways = nodes
        .iter()
        .flat_map(|from| nodes.iter().map(move |to| (from.clone(), to.clone())));
    let mut ways = ways.into_iter();
    let way = ways.find(|way| probes.get(way).is_none_or(|at| *at < healed_at))?;
    Some(format!("nothing goes from {} to {}", way.0, way.1))
}
