//! The operator's word that a dead node is gone for good.

use std::time::Duration;

use raftwire_protocol::{Incarnation, NodeId};
use tokio::time::timeout;

use crate::command::{Command, Outcome};
use crate::proposer::propose;
use crate::read_index::read_index;
use crate::shared::Shared;

/// How long a removal may take to be committed.
const COMMIT: Duration = Duration::from_secs(5);

/// How long this node may take to learn what the leader knows, so that its refusal is true.
const CATCH_UP: Duration = Duration::from_secs(2);

/// Why a node was not removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// It lives. Stop it first; what is cut off is dead once its lease has passed.
    #[error("{node} is alive, as incarnation {incarnation}: stop it first")]
    Alive {
        /// The node.
        node: NodeId,
        /// Its incarnation.
        incarnation: Incarnation,
    },
    /// The cluster has no such member.
    #[error("the cluster has no member {node}")]
    Unknown {
        /// The name that was given.
        node: NodeId,
    },
    /// No leader with a quorum answered in time. The node may be removed, now or later, or not.
    #[error("no leader with a quorum answered: the node may have been removed, or not; try again")]
    Unavailable,
}

pub(crate) async fn remove(shared: &Shared, node: &NodeId) -> Result<(), RemoveError> {
    let incarnation = dead_incarnation(shared, node).await?;
    let command = Command::Remove {
        node: node.clone(),
        incarnation,
    };
    match propose(shared, &command, COMMIT).await {
        // Unchanged: an earlier attempt, whose answer was lost, has done it.
        Ok(Outcome::Changed | Outcome::Unchanged) => Ok(()),
        Ok(_) => {
            // It has come back meanwhile.
            let current = dead_incarnation(shared, node).await;
            Err(current.err().unwrap_or(RemoveError::Unavailable))
        }
        Err(_) => Err(RemoveError::Unavailable),
    }
}

/// The incarnation that is dead, by the state that has everything that is committed now.
async fn dead_incarnation(shared: &Shared, node: &NodeId) -> Result<Incarnation, RemoveError> {
    let index = read_index(shared)
        .await
        .map_err(|_| RemoveError::Unavailable)?;
    let mut states = shared.published.state.subscribe();
    let state = timeout(
        CATCH_UP,
        states.wait_for(|state| state.applied_index >= index),
    )
    .await
    .ok()
    .and_then(Result::ok)
    .map(|state| state.clone())
    .ok_or(RemoveError::Unavailable)?;
    match state.members.get(node) {
        None => Err(RemoveError::Unknown { node: node.clone() }),
        Some(member) if member.is_alive() => Err(RemoveError::Alive {
            node: node.clone(),
            incarnation: member.incarnation,
        }),
        Some(member) => Ok(member.incarnation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_node_is_told_with_its_incarnation_by_that_word() {
        let alive = RemoveError::Alive {
            node: "node1".parse().expect("valid"),
            incarnation: Incarnation::new(6),
        };

        let said = alive.to_string();

        assert_eq!(said, "node1 is alive, as incarnation 6: stop it first");
    }
}
