use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use raftwire_environment::TcpStream;
use raftwire_protocol::{Lane, NodeId};
use raftwire_transport::{ChannelSecurity, Initiator};
use tokio::sync::OwnedSemaphorePermit;

use crate::channel_task::{CLOSE_TIMEOUT, NewChannel, run, security_of};
use crate::context::Context;
use crate::http_head::{HeadError, read_request, write_response};
use crate::socket::{Socket, linger_io};
use crate::tls::{CertificateRefused, TlsPeer, tls_failure};
use crate::upgrade::{refusal, upgrade_response};
use crate::watched_io::{AnyIo, Progress, WatchedIo};
use crate::{InvalidPeerRequest, PeerRequest, UpgradeError};

/// A connection from outside, through its TLS handshake where there is one.
struct Stranger {
    io: AnyIo,
    progress: Progress,
    security: ChannelSecurity,
    tls: Option<TlsPeer>,
}

/// Makes a channel of a connection that this end has accepted, or says why not.
pub(crate) async fn from_stranger(
    context: &Context,
    io: TcpStream,
    place: OwnedSemaphorePermit,
) -> Result<NewChannel, Refused> {
    let patience = context.options().handshake_timeout;
    match tokio::time::timeout(patience, protect(context, io)).await {
        Ok(stranger) => ask(context, stranger?, place).await,
        Err(_) => Err(Refused::SlowTls(patience)),
    }
}

/// The TLS handshake, where TLS is set up.
async fn protect(context: &Context, io: TcpStream) -> Result<Stranger, Refused> {
    let security = security_of(&io);
    let io = WatchedIo::new(io, context.environment().clone());
    let progress = io.progress();
    let Some(tls) = &context.options().tls else {
        return Ok(Stranger {
            io: Box::new(io),
            progress,
            security,
            tls: None,
        });
    };
    let accepted = tls.accept(io).await;
    let (io, peer) = accepted.map_err(|error| Refused::Tls(tls_failure(&error)))?;
    Ok(Stranger {
        io: Box::new(io),
        progress,
        security: peer.security(),
        tls: Some(peer),
    })
}

/// Reads the upgrade request of whoever connected, and answers it.
async fn ask(
    context: &Context,
    stranger: Stranger,
    place: OwnedSemaphorePermit,
) -> Result<NewChannel, Refused> {
    let Stranger {
        mut io,
        progress,
        security,
        tls,
    } = stranger;
    let patience = context.options().handshake_timeout;
    let handshake = async {
        let (request, rest) = read_request(&mut io).await?;
        let (response, peer) = answer(context, &request, tls.as_ref())?;
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
        (Ok((_, peer, rest)), Ok(Ok(()))) => {
            let io = (io, rest, progress);
            Ok(new_channel(io, peer, security, place).await)
        }
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
    tls: Option<&TlsPeer>,
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
    if !context.shared.lanes.contains(peer.lane) {
        return Err(Refused::OtherLane(peer.lane));
    }
    if let (Some(tls), Some(shown)) = (&context.options().tls, tls) {
        tls.check_peer(shown, &context.shared.cluster, &peer.node)?;
    }
    Ok((response, peer))
}

/// Why a connection did not become a channel. The text is the answer to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("no TLS handshake within {0:?}")]
    SlowTls(Duration),
    #[error("no TLS connection: {0}")]
    Tls(String),
    #[error(transparent)]
    Certificate(#[from] CertificateRefused),
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
    #[error("{}", other_lane(.0))]
    OtherLane(Lane),
}

/// What to say to a peer that asks for a lane which is not carried here.
pub(crate) fn other_lane(lane: &Lane) -> String {
    format!(
        "the {lane} lane rides on another transport at this node: all nodes of a cluster have the \
         same transport for a lane"
    )
}

impl Refused {
    /// Whether a certificate is wrong, which somebody has to mend.
    pub(crate) const fn is_of_a_certificate(&self) -> bool {
        matches!(self, Self::Tls(_) | Self::Certificate(_))
    }

    fn response(&self) -> Response<String> {
        let status = match self {
            Self::Upgrade(error) => return error.response(),
            Self::Head(_) | Self::Peer(_) | Self::Tls(_) => StatusCode::BAD_REQUEST,
            Self::Certificate(_) => StatusCode::FORBIDDEN,
            Self::Slow(_) | Self::SlowTls(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Path(_) => StatusCode::NOT_FOUND,
            Self::OwnId(_) | Self::OtherLane(_) => StatusCode::CONFLICT,
        };
        refusal(status, self.to_string())
    }
}

async fn new_channel(
    (io, rest, progress): (AnyIo, Bytes, Progress),
    peer: PeerRequest,
    security: ChannelSecurity,
    place: OwnedSemaphorePermit,
) -> NewChannel {
    let PeerRequest { node, lane } = peer;
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
    io: AnyIo,
    request: PeerRequest,
    security: ChannelSecurity,
) -> Result<(), AcceptUpgradedError> {
    if request.node == context.shared.node {
        return Err(AcceptUpgradedError::OwnId);
    }
    if !context.shared.lanes.contains(request.lane) {
        return Err(AcceptUpgradedError::OtherLane { lane: request.lane });
    }
    let place = context.place().ok_or(AcceptUpgradedError::TooMany {
        max: context.options().unadopted_inbound_max,
    })?;
    let io = WatchedIo::new(io, context.environment().clone());
    let progress = io.progress();
    let io: AnyIo = Box::new(io);
    let its_context = context.clone();
    context.spawn("cluster channel", async move {
        let channel = new_channel((io, Bytes::new(), progress), request, security, place).await;
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
    /// It is of a lane that this transport does not carry.
    #[error("{}", other_lane(.lane))]
    OtherLane {
        /// The lane.
        lane: Lane,
    },
    /// Too many connections wait for their hello.
    #[error("{max} connections to the cluster channel wait for their hello already")]
    TooMany {
        /// The limit, [`WsOptions::unadopted_inbound_max`](crate::WsOptions).
        max: usize,
    },
}
