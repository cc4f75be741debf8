//! Opens the WebSocket of a client.

use std::sync::Arc;

use http::header::{HOST, ORIGIN, UPGRADE};
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use raftwire::{AcceptError, ConnectionId, ConnectionInfo, Outbox};
use tokio::sync::OwnedSemaphorePermit;

use super::answer::{Answer, ApiError};
use super::{Upgrade, health};
use crate::client::Dialect;
use crate::client::protocol::SUBPROTOCOL;
use crate::config::WebOrigin;
use crate::listener::Peer;
use crate::node::Node;
use crate::websocket_engine::{HandshakeError, ServerHandshake};

/// A client whose WebSocket is about to open.
#[derive(Debug)]
pub(crate) struct ClientUpgrade {
    pub(crate) on_upgrade: OnUpgrade,
    pub(crate) dialect: Dialect,
    pub(crate) connection: ConnectionId,
    pub(crate) outbox: Outbox,
    pub(crate) place: OwnedSemaphorePermit,
}

pub(super) fn open(
    node: &Arc<Node>,
    request: Request<Incoming>,
    peer: &Peer,
) -> Result<Answer, ApiError> {
    let handshake = ServerHandshake::check(&request)?;
    check_origin(node, request.headers())?;
    if !handshake.offers(SUBPROTOCOL) {
        let message = format!(
            "this endpoint speaks {SUBPROTOCOL}; offer it: `Sec-WebSocket-Protocol: {SUBPROTOCOL}`, \
             in a browser `new WebSocket(url, \"{SUBPROTOCOL}\")`"
        );
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "subprotocol_required",
            message,
        ));
    }
    admit(node, request, peer, Dialect::Raftwire)?;
    Ok(handshake.response(Some(SUBPROTOCOL)))
}

/// Opens the WebSocket that answers each message with itself, whatever subprotocol is offered.
pub(super) fn open_echo(
    node: &Arc<Node>,
    request: Request<Incoming>,
    peer: &Peer,
) -> Result<Answer, ApiError> {
    let handshake = ServerHandshake::check(&request)?;
    admit(node, request, peer, Dialect::Echo)?;
    Ok(handshake.response(None))
}

fn admit(
    node: &Arc<Node>,
    request: Request<Incoming>,
    peer: &Peer,
    dialect: Dialect,
) -> Result<(), ApiError> {
    let Some(place) = node.places.client() else {
        let message = "this node has as many clients as it may; try another one";
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_clients",
            message,
        ));
    };
    let info = ConnectionInfo::from_remote(peer.address);
    let (connection, outbox) = node
        .manager
        .accept(request.uri().path(), info)
        .map_err(|error| refused(node, &error))?;
    let on_upgrade = hyper::upgrade::on(request);
    peer.upgrade_to(Upgrade::Client(ClientUpgrade {
        on_upgrade,
        dialect,
        connection,
        outbox,
        place,
    }));
    Ok(())
}

/// A browser says which page connects; a page of another site must not, in its visitor's name.
fn check_origin(node: &Node, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let allowed = &node.options.client.origins;
    if matches!(origin.to_str(), Ok(origin) if WebOrigin::allow(allowed, origin, host)) {
        return Ok(());
    }
    let message = "pages of this origin may not connect; client.origins lists those that may";
    let code = "origin_not_allowed";
    Err(ApiError::new(StatusCode::FORBIDDEN, code, message))
}

fn refused(node: &Node, error: &AcceptError) -> ApiError {
    match error {
        AcceptError::NotReady => ApiError::not_ready(health::why_not(node)),
        error => ApiError::not_ready(error.to_string()),
    }
}

impl From<HandshakeError> for ApiError {
    fn from(error: HandshakeError) -> ApiError {
        let error_in_words = ApiError::new(error.status(), "not_a_websocket", error.to_string());
        match error.status() {
            StatusCode::UPGRADE_REQUIRED => error_in_words.with_header(UPGRADE, "websocket"),
            _ => error_in_words,
        }
    }
}
