//! Opens the WebSocket of a client.

use std::sync::Arc;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Request};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use raftwire::{AcceptError, ConnectionInfo, RegisterNameError};
use raftwire_websocket::DeflateAgreement;

use super::answer::{Answer, ApiError};
use super::opening::{RefusalReason, RefusedOpening};
use super::{Upgrade, health};
use crate::authentication::{Denied, Identity, OpeningRequest};
use crate::client::protocol::SUBPROTOCOL;
use crate::client::{Admitted, Dialect};
use crate::config::WebOrigin;
use crate::listener::Peer;
use crate::node::Node;
use crate::websocket_engine::ServerHandshake;

/// A client whose WebSocket is about to open.
#[derive(Debug)]
pub(crate) struct ClientUpgrade {
    pub(crate) on_upgrade: OnUpgrade,
    pub(crate) dialect: Dialect,
    /// What was agreed on, if messages may be compressed.
    pub(crate) deflate: Option<DeflateAgreement>,
    pub(crate) client: Admitted,
}

/// Opens the WebSocket of a client, and counts the refusal where it does not.
pub(super) async fn open(
    node: &Arc<Node>,
    request: Request<Incoming>,
    peer: &Peer,
    dialect: Dialect,
) -> Result<Answer, ApiError> {
    let opened = match dialect {
        Dialect::Raftwire => open_raftwire(node, request, peer).await,
        Dialect::Echo => open_echo(node, request, peer).await,
    };
    opened.map_err(|refused| {
        node.sessions.counters.refused(refused.reason);
        refused.into()
    })
}

/// Checks what was asked, asks who it is, registers the connection, in this order: what costs most
/// comes last.
async fn open_raftwire(
    node: &Arc<Node>,
    request: Request<Incoming>,
    peer: &Peer,
) -> Result<Answer, RefusedOpening> {
    let handshake = ServerHandshake::check(&request)?;
    check_origin(node, request.headers())?;
    if !handshake.offers(SUBPROTOCOL) {
        let message = format!(
            "this endpoint speaks {SUBPROTOCOL}; offer it: `Sec-WebSocket-Protocol: {SUBPROTOCOL}`, \
             in a browser `new WebSocket(url, \"{SUBPROTOCOL}\")`"
        );
        let reason = RefusalReason::SubprotocolRequired;
        return Err(RefusedOpening::new(reason, message));
    }
    let deflate = deflate(node, &handshake);
    admit(node, request, peer, (Dialect::Raftwire, deflate)).await?;
    Ok(handshake.response(Some(SUBPROTOCOL), deflate))
}

/// Opens the WebSocket that answers each message with itself, whatever subprotocol is offered.
async fn open_echo(
    node: &Arc<Node>,
    request: Request<Incoming>,
    peer: &Peer,
) -> Result<Answer, RefusedOpening> {
    let handshake = ServerHandshake::check(&request)?;
    let deflate = deflate(node, &handshake);
    admit(node, request, peer, (Dialect::Echo, deflate)).await?;
    Ok(handshake.response(None, deflate))
}

/// How messages are compressed: if the operator wants it and the client offers it.
fn deflate(node: &Node, handshake: &ServerHandshake) -> Option<DeflateAgreement> {
    handshake
        .deflate()
        .filter(|_| node.options.client.compression)
}

/// Asks who it is and registers the connection. Whom an echo answers is nobody's business.
async fn admit(
    node: &Arc<Node>,
    request: Request<Incoming>,
    peer: &Peer,
    (dialect, deflate): (Dialect, Option<DeflateAgreement>),
) -> Result<(), RefusedOpening> {
    let Some(place) = node.places.client() else {
        let message = "this node has as many clients as it may; try another one";
        return Err(RefusedOpening::new(RefusalReason::TooManyClients, message));
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
        deflate,
        client,
    }));
    Ok(())
}

/// A browser says which page connects; a page of another site must not, in its visitor's name.
fn check_origin(node: &Node, headers: &HeaderMap) -> Result<(), RefusedOpening> {
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let allowed = &node.options.client.origins;
    if matches!(origin.to_str(), Ok(origin) if WebOrigin::allow(allowed, origin, host)) {
        return Ok(());
    }
    let message = "pages of this origin may not connect; client.origins lists those that may";
    Err(RefusedOpening::new(
        RefusalReason::OriginNotAllowed,
        message,
    ))
}

/// Tells the cluster who the connection is. Where that fails, dropping its outbox takes it all back.
async fn introduce(node: &Node, client: &Admitted) -> Result<(), RefusedOpening> {
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
    let unavailable = |error: &dyn std::fmt::Display| {
        RefusedOpening::new(RefusalReason::NotReady, error.to_string())
    };
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

impl From<Denied> for RefusedOpening {
    fn from(denied: Denied) -> RefusedOpening {
        let reason = match denied {
            Denied::Unauthenticated(_) => RefusalReason::Unauthenticated,
            Denied::Forbidden(_) => RefusalReason::NotAdmitted,
            Denied::Malformed(_) => RefusalReason::InvalidIdentity,
            Denied::Unavailable(_) => RefusalReason::AuthenticationUnavailable,
        };
        RefusedOpening::new(reason, denied.to_string())
    }
}

impl From<RegisterNameError> for RefusedOpening {
    fn from(error: RegisterNameError) -> RefusedOpening {
        let reason = match error {
            RegisterNameError::Taken { .. } => RefusalReason::NameTaken,
            _ => RefusalReason::NameUnavailable,
        };
        RefusedOpening::new(reason, error.to_string())
    }
}

fn refused(node: &Node, error: &AcceptError) -> RefusedOpening {
    let (reason, message) = match error {
        AcceptError::NotReady => (RefusalReason::NotReady, health::why_not(node)),
        AcceptError::Full => (RefusalReason::TooManyClients, error.to_string()),
        // What the application says of the client is part of it.
        AcceptError::InfoTooLarge { .. } => {
            let reason = RefusalReason::AuthenticationUnavailable;
            (reason, error.to_string())
        }
        error => (RefusalReason::NotReady, error.to_string()),
    };
    RefusedOpening::new(reason, message)
}
