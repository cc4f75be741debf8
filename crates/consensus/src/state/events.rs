use std::collections::BTreeSet;

use raftwire_protocol::{Incarnation, NodeId, Session};

use super::{ClusterState, Liveness};

/// Something that the cluster agreed on, or that this node learnt about its leader.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterEvent {
    /// An incarnation of a node is a member.
    NodeUp {
        /// The node.
        node: NodeId,
        /// What the log issued.
        incarnation: Incarnation,
        /// The process behind it.
        session: Session,
        /// The index of its join.
        index: u64,
    },
    /// An incarnation of a node ended.
    NodeDown {
        /// The node.
        node: NodeId,
        /// Which incarnation.
        incarnation: Incarnation,
        /// The index of the entry that ended it.
        index: u64,
        /// Why it ended.
        reason: DownReason,
    },
    /// Another leader, or none that is known.
    LeaderChanged {
        /// The leader; none while there is an election.
        leader: Option<NodeId>,
        /// Its term.
        term: u64,
    },
}

/// What ends an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownReason {
    /// Its lease was not renewed.
    LeaseEnded,
    /// It said that it stops.
    Left,
    /// A newer session of the same data joined.
    Superseded,
    /// Its node was removed from the cluster after it had ended; whoever says so has not seen how it ended.
    Removed,
}

/// What happened to the members between two states, in the order of the log.
///
/// States may be skipped: an incarnation that began and ended in between is not told of, and an
/// incarnation whose end was skipped is told of with the newest end that is known under its name, or
/// else with the removal of its node.
pub(crate) fn changes(before: &ClusterState, after: &ClusterState) -> Vec<ClusterEvent> {
    let nodes: BTreeSet<&NodeId> = before.members.keys().chain(after.members.keys()).collect();
    let mut changes = Vec::new();
    for node in nodes {
        let known = before.alive(node).map(|member| member.incarnation);
        let now = after.members.get(node);
        if let Some(incarnation) = known
            && !after.is_alive(node, incarnation)
        {
            let (index, reason) = end_of(after, node, incarnation);
            changes.push((index, 0, down(node, incarnation, index, reason)));
        }
        if let Some(member) = now.filter(|member| member.is_alive())
            && known != Some(member.incarnation)
        {
            let up = ClusterEvent::NodeUp {
                node: node.clone(),
                incarnation: member.incarnation,
                session: member.session,
                index: member.joined_at,
            };
            changes.push((member.joined_at, 1, up));
        }
    }
    changes.sort_by_key(|(index, order, _)| (*index, *order));
    changes.into_iter().map(|(_, _, event)| event).collect()
}

fn down(node: &NodeId, incarnation: Incarnation, index: u64, reason: DownReason) -> ClusterEvent {
    ClusterEvent::NodeDown {
        node: node.clone(),
        incarnation,
        index,
        reason,
    }
}

fn end_of(after: &ClusterState, node: &NodeId, incarnation: Incarnation) -> (u64, DownReason) {
    let member = after.members.get(node);
    if let Some(member) = member
        && member.incarnation == incarnation
        && let Liveness::Dead { at, reason } = member.liveness
    {
        return (at, reason);
    }
    if let Some(predecessor) = member.and_then(|member| member.predecessor) {
        return (predecessor.ended_at, predecessor.reason);
    }
    // Removals are remembered for a while: after that the newest index is as good as any.
    let forgotten = member.map_or(after.applied_index, |member| member.joined_at);
    let index = after.removals.index_of(node).unwrap_or(forgotten);
    (index, DownReason::Removed)
}
