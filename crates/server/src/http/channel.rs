//! Opens the WebSocket of another node, and hands it to the transport.

use std::sync::Arc;

use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use raftwire_protocol::{Lane, NodeId};
use raftwire_transport_ws::{PeerRequest, upgrade_response};

use super::Upgrade;
use super::answer::{Answer, ApiError};
use super::api_error_code::ApiErrorCode;
use crate::listener::Peer;
use crate::node::Node;

/// Another node whose WebSocket is about to open. Who it is, its hello has to prove.
#[derive(Debug)]
pub(crate) struct ChannelUpgrade {
    pub(crate) on_upgrade: OnUpgrade,
    pub(crate) request: PeerRequest,
}

pub(super) fn open(
    node: &Arc<Node>,
    request: Request<Incoming>,
    peer: &Peer,
) -> Result<Answer, ApiError> {
    if !node.options.rides_on("ws") {
        let transport = node.options.cluster.transport_of(Lane::Control);
        let message = format!("there is no cluster channel here: {transport} carries the cluster");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "not_found", message));
    }
    let response = upgrade_response(&request).map_err(|error| {
        ApiError::new(
            error.response().status(),
            "not_a_websocket",
            error.to_string(),
        )
    })?;
    if node.is_stopping() {
        return Err(ApiError::of(
            ApiErrorCode::NotReady,
            "this node is stopping",
        ));
    }
    let asked = PeerRequest::from_uri(request.uri()).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_peer", error.to_string())
    })?;
    if asked.node == *node.manager.node_id() {
        let message = format!(
            "this node is {} itself: the ids of nodes must differ",
            asked.node
        );
        return Err(ApiError::new(StatusCode::CONFLICT, "own_id", message));
    }
    check_lane(node, asked.lane)?;
    check_certificate(node, peer, &asked.node)?;
    let on_upgrade = hyper::upgrade::on(request);
    peer.upgrade_to(Upgrade::Channel(ChannelUpgrade {
        on_upgrade,
        request: asked,
    }));
    Ok(response.map(|()| Full::default()))
}

/// All nodes of a cluster have the same transport for a lane.
fn check_lane(node: &Node, lane: Lane) -> Result<(), ApiError> {
    let transport = node.options.cluster.transport_of(lane);
    if transport == "ws" {
        return Ok(());
    }
    let message = format!(
        "the {lane} lane rides on {transport} at this node: all nodes of a cluster have the same \
         transport for a lane"
    );
    Err(ApiError::new(
        StatusCode::CONFLICT,
        "other_transport",
        message,
    ))
}

/// Where nodes speak TLS, the certificate has to name who asks.
fn check_certificate(node: &Node, peer: &Peer, claimed: &NodeId) -> Result<(), ApiError> {
    let (Some(tls), Some(shown)) = (&node.tls, &peer.tls) else {
        return Ok(());
    };
    let Some(nodes) = tls.nodes() else {
        return Ok(());
    };
    let cluster = &node.options.cluster.cluster_name;
    nodes
        .check_peer(shown, cluster, claimed)
        .map_err(|refused| {
            let message = refused.to_string();
            tls.log_refusal(&message);
            ApiError::new(StatusCode::FORBIDDEN, "certificate_refused", message)
        })
}
