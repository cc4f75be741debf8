//! For load balancers and supervisors.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;

use super::answer::{Answer, ApiError, json};
use super::api_error_code::ApiErrorCode;
use crate::node::Node;

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// The process runs and answers: no more is said.
pub(super) fn alive() -> Answer {
    json(StatusCode::OK, &Health { status: "alive" })
}

/// The node may be given clients: it is a member, and its lease holds.
pub(super) fn ready(node: &Arc<Node>) -> Result<Answer, ApiError> {
    if node.manager.is_ready() && !node.is_stopping() {
        return Ok(json(StatusCode::OK, &Health { status: "ready" }));
    }
    Err(ApiError::of(ApiErrorCode::NotReady, why_not(node)))
}

/// In words, what a node that is not ready waits for.
pub(super) fn why_not(node: &Node) -> String {
    if let Some(problem) = node.manager.status().borrow().problem.clone() {
        return problem;
    }
    let is_member = node.manager.raft().membership().borrow().is_some();
    let why = match (node.is_stopping(), node.manager.leader(), is_member) {
        (true, _, _) => "this node is stopping",
        (false, None, false) => "this node knows no leader: it is not a member yet",
        (false, None, true) => "this node has no lease: it knows no leader",
        (false, Some(_), false) => "the leader has not made this node a member yet",
        (false, Some(_), true) => "this node has no lease: the leader has not renewed it",
    };
    why.to_owned()
}
