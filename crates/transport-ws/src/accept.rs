use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use raftwire_protocol::NodeId;
use raftwire_transport::{ChannelSecurity, Initiator};
use tokio::sync::OwnedSemaphorePermit;

use crate::channel_task::{CLOSE_TIMEOUT, NewChannel, run};
use crate::context::Context;
use crate::http_head::{HeadError, read_request, write_response};
use crate::socket::{Socket, linger_io};
use crate::upgrade::{refusal, upgrade_response};
use crate::watched_io::{Io, WatchedIo};
use crate::{InvalidPeerRequest, PeerRequest, UpgradeError};

/// Reads the upgrade request of whoever connected, and answers it.
pub(crate) async fn from_stranger(
    context: &Context,
    mut io: WatchedIo,
    security: ChannelSecurity,
    place: OwnedSemaphorePermit,
) -> Result<NewChannel, Refused> {
    let patience = context.options().handshake_timeout;
    let handshake = async {
        let (request, rest) = read_request(&mut io).await?;
        let (response, peer) = answer(context, &request)?;
        Ok::<_, Refused>((response, peer, rest))
    };
    let asked = match tokio::time::timeout(patience, handshake).await {
        Ok(asked) => asked,
        Err(_) => return Err(Refused::Slow(patience)),
    };
    let response = match &asked {
        Ok((response, ..)) => response.clone().map(|()| String::new()),
        Err(refused) => refused.response(),
    };
    let written = tokio::time::timeout(CLOSE_TIMEOUT, write_response(&mut io, &response)).await;
    match (asked, written) {
        (Ok((_, peer, rest)), Ok(Ok(()))) => Ok(new_channel(io, rest, peer, security, place).await),
        (Ok(_), _) => Err(Refused::Head(HeadError::Ended)),
        (Err(refused), _) => {
            linger_io(io, CLOSE_TIMEOUT).await;
            Err(refused)
        }
    }
}

/// The answer to an upgrade request, and who asks.
fn answer(
    context: &Context,
    request: &Request<()>,
) -> Result<(Response<()>, PeerRequest), Refused> {
    let path = &context.options().channel_name;
    if request.uri().path() != path {
        return Err(Refused::Path(path.clone()));
    }
    let response = upgrade_response(request)?;
    let peer = PeerRequest::from_uri(request.uri())?;
    if peer.node == context.shared.node {
        return Err(Refused::OwnId(peer.node));
    }
    Ok((response, peer))
}

/// Why a connection did not become a channel. The text is the answer to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("no upgrade request within {0:?}")]
    Slow(Duration),
    #[error("there is nothing here: the cluster channel is {0}")]
    Path(String),
    #[error(transparent)]
    Upgrade(#[from] UpgradeError),
    #[error(transparent)]
    Peer(#[from] InvalidPeerRequest),
    #[error("this node is {0} itself: the ids of nodes must differ, and none dials itself")]
    OwnId(NodeId),
}

impl Refused {
    fn response(&self) -> Response<String> {
        let status = match self {
            Self::Upgrade(error) => return error.response(),
            Self::Head(_) | Self::Peer(_) => StatusCode::BAD_REQUEST,
            Self::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Path(_) => StatusCode::NOT_FOUND,
            Self::OwnId(_) => StatusCode::CONFLICT,
        };
        refusal(status, self.to_string())
    }
}

async fn new_channel(
    io: WatchedIo,
    rest: Bytes,
    peer: PeerRequest,
    security: ChannelSecurity,
    place: OwnedSemaphorePermit,
) -> NewChannel {
    let PeerRequest { node, lane } = peer;
    let progress = io.progress();
    NewChannel {
        socket: Socket::server(io, rest, lane).await,
        progress,
        peer: node,
        lane,
        initiator: Initiator::Remote,
        security,
        place: Some(place),
    }
}

/// Takes over a stream that the application has upgraded.
pub(crate) fn upgraded(
    context: &Context,
    io: Box<dyn Io>,
    request: PeerRequest,
    security: ChannelSecurity,
) -> Result<(), AcceptUpgradedError> {
    if request.node == context.shared.node {
        return Err(AcceptUpgradedError::OwnId);
    }
    let place = context.place().ok_or(AcceptUpgradedError::TooMany {
        max: context.options().unadopted_inbound_max,
    })?;
    let io = WatchedIo::new(io, context.environment().clone());
    let its_context = context.clone();
    context.spawn("cluster channel", async move {
        let channel = new_channel(io, Bytes::new(), request, security, place).await;
        run(&its_context, channel).await;
    });
    Ok(())
}

/// Why an upgraded stream was not taken over; it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptUpgradedError {
    /// The transport has not started yet, or has stopped.
    #[error("the cluster's transport is not running")]
    NotRunning,
    /// The stream claims to come from this node itself.
    #[error("the peer has this node's own id: the ids of nodes must differ")]
    OwnId,
    /// Too many connections wait for their hello.
    #[error("{max} connections to the cluster channel wait for their hello already")]
    TooMany {
        /// The limit, [`WsOptions::unadopted_inbound_max`](crate::WsOptions).
        max: usize,
    },
}
