//! What the application is told of the cluster.

use raftwire_consensus::ClusterEvent;
use tokio::sync::broadcast;

/// Events that a slow reader may be behind. Members change rarely: more than this is a reader
/// that does not read.
pub(crate) const EVENTS_MAX: usize = 256;

/// Node up, node down, leader changed: in the order in which the cluster agreed on it.
#[derive(Debug)]
pub struct ClusterEvents {
    receiver: broadcast::Receiver<ClusterEvent>,
}

/// The reader was too slow: the oldest events are gone. What holds now is in
/// [`ClusterManager::nodes`](crate::ClusterManager::nodes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("missed {count} events of the cluster")]
pub struct MissedEvents {
    /// How many.
    pub count: u64,
}

impl ClusterEvents {
    pub(crate) fn new(receiver: broadcast::Receiver<ClusterEvent>) -> ClusterEvents {
        ClusterEvents { receiver }
    }

    /// The next event; `None` when the node has stopped.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Result<ClusterEvent, MissedEvents>> {
        match self.receiver.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Err(MissedEvents { count })),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Logs an event with fields of its own, for programs that collect logs.
pub(crate) fn log(event: &ClusterEvent) {
    match event {
        ClusterEvent::NodeUp {
            node,
            incarnation,
            index,
            ..
        } => tracing::info!(peer = %node, %incarnation, index, "a node is up"),
        ClusterEvent::NodeDown {
            node,
            incarnation,
            index,
            reason,
        } => tracing::info!(peer = %node, %incarnation, index, ?reason, "a node is down"),
        ClusterEvent::LeaderChanged {
            leader: Some(leader),
            term,
        } => tracing::info!(%leader, term, "another leader"),
        ClusterEvent::LeaderChanged { leader: None, term } => {
            tracing::info!(term, "no leader is known");
        }
        other => tracing::info!(event = ?other, "the cluster has changed"),
    }
}
