//! Opens the WebSocket of a client.

use std::sync::Arc;

use http::header::{HOST, ORIGIN, UPGRADE};
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use raftwire::{AcceptError, ConnectionInfo, RegisterNameError};

use super::answer::{Answer, ApiError};
use super::{Upgrade, health};
use crate::authentication::{Denied, Identity, OpeningRequest};
use crate::client::protocol::SUBPROTOCOL;
use crate::client::{Admitted, Dialect};
use crate::config::WebOrigin;
use crate::listener::Peer;
use crate::node::Node;
use crate::websocket_engine::{HandshakeError, ServerHandshake};

/// A client whose WebSocket is about to open.
#[derive(Debug)]
pub(crate) struct ClientUpgrade {
    pub(crate) on_upgrade: OnUpgrade,
    pub(crate) dialect: Dialect,
    pub(crate) client: Admitted,
}

/// Checks what was asked, asks who it is, registers the connection, in this order: what costs most
/// comes last.
pub(super) async fn open(
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
    admit(node, request, peer, Dialect::Raftwire).await?;
    Ok(handshake.response(Some(SUBPROTOCOL)))
}

/// Opens the WebSocket that answers each message with itself, whatever subprotocol is offered.
pub(super) async fn open_echo(
    node: &Arc<Node>,
    request: Request<Incoming>,
    peer: &Peer,
) -> Result<Answer, ApiError> {
    let handshake = ServerHandshake::check(&request)?;
    admit(node, request, peer, Dialect::Echo).await?;
    Ok(handshake.response(None))
}

/// Asks who it is and registers the connection. Whom an echo answers is nobody's business.
async fn admit(
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
    let identity = match dialect {
        Dialect::Echo => Identity::default(),
        Dialect::Raftwire => {
            let here = node.manager.node_id().clone();
            let asked = OpeningRequest::new(here, peer.address, &request);
            node.authenticator.authenticate(&asked).await?
        }
    };
    let mut info = ConnectionInfo::from_remote(peer.address);
    info.metadata.clone_from(&identity.metadata);
    let (connection, outbox) = node
        .manager
        .accept(request.uri().path(), info)
        .map_err(|error| refused(node, &error))?;
    let client = Admitted {
        connection,
        outbox,
        identity,
        place,
    };
    introduce(node, &client).await?;
    let on_upgrade = hyper::upgrade::on(request);
    peer.upgrade_to(Upgrade::Client(ClientUpgrade {
        on_upgrade,
        dialect,
        client,
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

/// Tells the cluster who the connection is. Where that fails, dropping its outbox takes it all back.
async fn introduce(node: &Node, client: &Admitted) -> Result<(), ApiError> {
    let (manager, connection) = (&node.manager, &client.connection);
    let Identity {
        user, name, groups, ..
    } = &client.identity;
    if let Some(name) = name {
        let policy = node.options.client.name_policy;
        manager
            .register_name(connection, name.clone(), policy)
            .await?;
    }
    let unavailable = |error: &dyn std::fmt::Display| ApiError::not_ready(error.to_string());
    if let Some(user) = user {
        manager
            .set_user(connection, Some(user.clone()))
            .map_err(|error| unavailable(&error))?;
    }
    for group in groups {
        manager
            .join(connection, group.clone())
            .map_err(|error| unavailable(&error))?;
    }
    Ok(())
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> ApiError {
        let (status, code) = match denied {
            Denied::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Denied::Forbidden(_) => (StatusCode::FORBIDDEN, "not_admitted"),
            Denied::Malformed(_) => (StatusCode::BAD_REQUEST, "invalid_identity"),
            Denied::Unavailable(_) => {
                let code = "authentication_unavailable";
                (StatusCode::SERVICE_UNAVAILABLE, code)
            }
        };
        ApiError::new(status, code, denied.to_string())
    }
}

impl From<RegisterNameError> for ApiError {
    fn from(error: RegisterNameError) -> ApiError {
        let (status, code) = match error {
            RegisterNameError::Taken { .. } => (StatusCode::CONFLICT, "name_taken"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "name_unavailable"),
        };
        ApiError::new(status, code, error.to_string())
    }
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
