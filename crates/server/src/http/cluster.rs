//! The cluster as this node knows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use raftwire::{InvalidNodeId, NodeId, NodeView, RemoveError};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, ApiError, json};
use super::api_error_code::ApiErrorCode;
use crate::node::Node;

/// The answer of `GET /api/v1/cluster`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ClusterReport {
    /// The cluster's name.
    pub cluster: String,
    /// The node that answers.
    pub node: String,
    /// Whether that node holds its lease.
    pub ready: bool,
    /// What keeps that node from being a member, if something does that somebody has to mend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The leader that it knows of.
    pub leader: Option<String>,
    /// The Raft term that it is in.
    pub term: u64,
    /// The last entry of its log.
    pub last_log_index: u64,
    /// The last entry that it has applied.
    pub applied_index: u64,
    /// Client connections.
    pub connections: ConnectionCounts,
    /// Every member, living or dead, by name.
    pub nodes: Vec<NodeReport>,
}

/// How many client connections there are.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ConnectionCounts {
    /// At the node that answers.
    pub local: u64,
    /// At all living nodes that answered it; at that node alone where no other was asked.
    pub cluster: u64,
    /// The living nodes that did not, and are missing in `cluster`.
    pub unknown: Vec<String>,
}

/// One member.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct NodeReport {
    /// Its name.
    pub node: String,
    /// Where other nodes reach it.
    pub address: Option<String>,
    /// Whether the cluster holds it alive.
    pub alive: bool,
    /// Whether it leads.
    pub leader: bool,
    /// `leader`, `voter`, `spare`, which stands by with a copy of the log, or `edge`; `null` where the node that answers does
    /// not know who votes.
    #[serde(default)]
    pub role: Option<String>,
    /// Its newest incarnation.
    pub incarnation: u64,
    /// Its client connections; `null` if it is dead, was not asked or did not answer.
    pub connections: Option<u64>,
}

pub(super) async fn report(node: &Arc<Node>, query: &str) -> Result<Answer, ApiError> {
    let manager = &node.manager;
    let counts = match query {
        "" => manager.connections_by_node().await,
        "connections=local" => {
            let local = Some(manager.local_connections() as u64);
            BTreeMap::from([(manager.node_id().clone(), local)])
        }
        _ => {
            let message = "the only parameter is connections=local, which asks no other node";
            return Err(ApiError::of(ApiErrorCode::InvalidQuery, message));
        }
    };
    let status = manager.status().borrow().clone();
    let unknown = counts.iter().filter(|(_, count)| count.is_none());
    let report = ClusterReport {
        cluster: node.options.cluster.cluster_name.clone(),
        node: manager.node_id().to_string(),
        ready: manager.is_ready(),
        problem: status.problem,
        leader: status.leader.map(|leader| leader.to_string()),
        term: status.term,
        last_log_index: status.last_log_index,
        applied_index: status.applied_index,
        connections: ConnectionCounts {
            local: manager.local_connections() as u64,
            cluster: counts.values().flatten().sum(),
            unknown: unknown.map(|(node, _)| node.to_string()).collect(),
        },
        nodes: manager
            .nodes()
            .into_iter()
            .map(|view| of_node(view, &counts))
            .collect(),
    };
    Ok(json(StatusCode::OK, &report))
}

/// Takes a dead node out of the cluster.
pub(super) async fn remove(node: &Arc<Node>, name: &str) -> Result<Answer, ApiError> {
    let name: NodeId = name.parse().map_err(|error: InvalidNodeId| {
        ApiError::of(ApiErrorCode::InvalidNode, error.to_string())
    })?;
    node.manager.remove_node(&name).await.map_err(|error| {
        let code = match error {
            RemoveError::Alive { .. } => ApiErrorCode::NodeAlive,
            RemoveError::Unknown { .. } => ApiErrorCode::NoSuchNode,
            _ => ApiErrorCode::Unavailable,
        };
        ApiError::of(code, error.to_string())
    })?;
    Ok(json(
        StatusCode::OK,
        &Removed {
            removed: name.as_str(),
        },
    ))
}

/// The answer of `DELETE /api/v1/nodes/{name}`.
#[derive(Serialize)]
struct Removed<'a> {
    removed: &'a str,
}

fn of_node(view: NodeView, counts: &BTreeMap<raftwire::NodeId, Option<u64>>) -> NodeReport {
    let role = match view.is_voter {
        _ if view.is_leader => Some("leader"),
        Some(true) => Some("voter"),
        Some(false) if view.has_log == Some(true) => Some("spare"),
        Some(false) => Some("edge"),
        None => None,
    };
    NodeReport {
        role: role.map(str::to_owned),
        connections: counts.get(&view.node).copied().flatten(),
        node: view.node.to_string(),
        address: view.address,
        alive: view.is_alive,
        leader: view.is_leader,
        incarnation: view.incarnation.get(),
    }
}
