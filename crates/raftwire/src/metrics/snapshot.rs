//! What an application reads.

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_consensus::{Member, Role};
use raftwire_protocol::NodeId;

use super::{
    DropReason, FanOuts, HandshakeFailures, LaneMetrics, LinkMetrics, PeerMetrics, RoutedMessages,
};
use crate::ClusterManager;

/// A node's figures at one moment.
///
/// Sums count from the start of the process and never fall; levels are of the moment. The parts
/// are taken one after the other, so two of them may differ by what happened in between.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClusterMetrics {
    /// The node.
    pub node: NodeId,
    /// Whether it may serve; see [`ClusterManager::is_ready`].
    pub is_ready: bool,
    /// The connections of this node.
    pub connections: ConnectionMetrics,
    /// The names of the cluster and of this node.
    pub names: NameMetrics,
    /// The messages of this node's senders, by what became of them: each outcome once for each
    /// destination.
    pub routed: Vec<RoutedMessages>,
    /// The messages of this node's senders to users, to groups and to everyone: each audience once.
    pub fan_outs: Vec<FanOuts>,
    /// The messages that wait until this node has learnt who owns their connection.
    pub parked: ParkedMetrics,
    /// How consensus stands here.
    pub consensus: ConsensusMetrics,
    /// Every other member, and whoever else has a channel to this node, by name.
    pub peers: Vec<PeerMetrics>,
    /// Hellos that failed, by reason: each reason once for each side.
    pub handshake_failures: Vec<HandshakeFailures>,
    /// Packets that were dropped, by reason: each reason once.
    pub dropped_packets: Vec<(DropReason, u64)>,
}

/// The connections of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionMetrics {
    /// Those that are open.
    pub open: u64,
    /// Those that were accepted or registered.
    pub accepted: u64,
    /// Those of them that have ended.
    pub closed: u64,
}

/// The names that connections have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameMetrics {
    /// Those that mean a connection anywhere in the cluster, as this node's copy of the log has them;
    /// nothing at an edge, which has none.
    pub registered: Option<u64>,
    /// How many the cluster may have; nothing before this node knows its cluster.
    pub limit: Option<u64>,
    /// Those of this node's connections, and those that they wait for.
    pub local: usize,
}

/// The messages that wait until this node has learnt who owns their connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedMetrics {
    /// How many.
    pub messages: usize,
    /// What they count for, in bytes: their payload, and a little for each.
    pub bytes: usize,
}

/// How consensus stands at one node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConsensusMetrics {
    /// The Raft term that the node is in.
    pub term: u64,
    /// What it is in that term.
    pub role: Role,
    /// Whether it leads, and a quorum acknowledged that within its lease.
    pub is_leader: bool,
    /// The leader that it knows of.
    pub leader: Option<NodeId>,
    /// How often it has learnt of another leader, the first one included.
    pub leader_changes: u64,
    /// The last entry of its log.
    pub last_log_index: u64,
    /// The last entry that it has applied.
    pub applied_index: u64,
    /// How many nodes vote.
    pub voters: usize,
    /// Members that the cluster holds alive.
    pub members_alive: usize,
    /// Members that are dead and were not forgotten.
    pub members_dead: usize,
    /// What is left of its lease; nothing while it is fenced.
    pub lease_left: Duration,
}

impl ClusterManager {
    /// The node's figures now. Cheap: it sums counters, and asks neither a task nor another node.
    pub fn metrics(&self) -> ClusterMetrics {
        let inner = &self.inner;
        ClusterMetrics {
            node: inner.node.clone(),
            is_ready: self.is_ready(),
            connections: inner.table.metrics(),
            names: self.name_metrics(),
            routed: inner.router.counters().snapshot(),
            fan_outs: inner.router.fan_counters().snapshot(),
            parked: inner.router.parked(),
            consensus: self.consensus_metrics(),
            peers: self.peer_metrics(),
            handshake_failures: inner.counters.failures(),
            dropped_packets: inner.counters.drops(),
        }
    }

    fn name_metrics(&self) -> NameMetrics {
        let inner = &self.inner;
        let state = inner.state.borrow();
        NameMetrics {
            registered: (!state.is_fed()).then(|| state.names()),
            // An unfounded cluster allows none.
            limit: (state.names_max > 0).then_some(state.names_max),
            local: inner.names.len(),
        }
    }

    fn consensus_metrics(&self) -> ConsensusMetrics {
        let inner = &self.inner;
        let status = inner.status.borrow().clone();
        let (members_alive, members_dead) = {
            let state = inner.state.borrow();
            let alive = state
                .members
                .values()
                .filter(|member| member.is_alive())
                .count();
            (alive, state.members.len() - alive)
        };
        ConsensusMetrics {
            term: status.term,
            role: status.role,
            is_leader: self.is_leader(),
            leader: status.leader,
            leader_changes: inner.counters.leader_changes(),
            last_log_index: status.last_log_index,
            applied_index: status.applied_index,
            voters: status.voters,
            members_alive,
            members_dead,
            lease_left: inner.raft.lease().remaining(inner.environment.boot_time()),
        }
    }

    fn peer_metrics(&self) -> Vec<PeerMetrics> {
        let inner = &self.inner;
        let others = |(node, member): (&NodeId, &Member)| {
            (*node != inner.node).then(|| (node.clone(), member.is_alive()))
        };
        let members: BTreeMap<_, _> = inner
            .state
            .borrow()
            .members
            .iter()
            .filter_map(others)
            .collect();
        let mut peers: BTreeMap<NodeId, PeerMetrics> = BTreeMap::new();
        for (node, peer) in inner.registry.all() {
            let is_alive = members.get(&node).copied();
            let metrics = peer.metrics(is_alive.unwrap_or(false));
            // One that was only tried to be reached is nothing to tell of.
            if is_alive.is_some() || metrics.control.is_up || metrics.data.is_up {
                peers.insert(node, metrics);
            }
        }
        let is_full = inner.registry.is_full();
        // The dead of whom this process has never heard otherwise, and living ones for whom there
        // is no room.
        for (node, is_alive) in members {
            peers.entry(node).or_insert_with_key(|node| PeerMetrics {
                node: node.clone(),
                is_alive,
                cut_off_for: (is_alive && is_full).then_some(Duration::MAX),
                control: LaneMetrics::default(),
                data: LaneMetrics::default(),
                control_round_trip: None,
                link: LinkMetrics::default(),
            });
        }
        peers.into_values().collect()
    }
}
