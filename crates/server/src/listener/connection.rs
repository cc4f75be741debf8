//! One accepted socket: HTTP first, then, perhaps, a WebSocket, which has a task of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use raftwire_environment::TcpStream;
use raftwire_transport_ws::tls::{TlsPeer, tls_failure};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::Peer;
use crate::client::protocol::limits::from_client_bytes_max;
use crate::client::{Dialect, Session};
use crate::http::{self, ChannelUpgrade, ClientUpgrade, Upgrade};
use crate::metrics::Ending;
use crate::node::Node;
use crate::tls::PortStream;
use crate::websocket_engine::WebSocket;

/// Bytes of the largest head of a request: what browsers with many cookies send, and no more.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most headers of a request: twice what a browser sends.
const HEADERS_MAX: usize = 64;

/// A socket that was accepted.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
    /// Its place among the sockets that may be open.
    pub(super) place: Option<OwnedSemaphorePermit>,
    /// Who waits for its tasks to end.
    pub(super) tracker: TaskTracker,
}

pub(super) async fn serve(accepted: Accepted, node: Arc<Node>) {
    let Accepted {
        stream,
        address,
        place,
        tracker,
    } = accepted;
    // In a box, as what follows: it is done once.
    let Some((stream, tls)) = Box::pin(protect(stream, address, &node)).await else {
        return;
    };
    let peer = Peer::new(address, tls);
    Box::pin(speak_http(stream, &peer, &node)).await;
    match peer.take_upgrade() {
        None => {}
        Some(Upgrade::Client(client)) => {
            let Some(session) = Box::pin(open_session(client, place, &node)).await else {
                return node.sessions.counters.ended(Ending::Broken);
            };
            // In a task of just its size: it outlives this one by hours.
            let session = tracker.track_future(session.run());
            drop(node.environment.spawn("client", session));
        }
        Some(Upgrade::Channel(channel)) => hand_over(channel, &peer, &node).await,
    }
}

/// The TLS handshake, where the port speaks TLS.
async fn protect(
    stream: TcpStream,
    address: SocketAddr,
    node: &Node,
) -> Option<(PortStream, Option<TlsPeer>)> {
    let Some(tls) = &node.tls else {
        return Some((PortStream::Plain(stream), None));
    };
    let timeout = node.options.http.handshake_timeout;
    let accepted = tokio::select! {
        accepted = tokio::time::timeout(timeout, tls.accept(stream)) => accepted,
        () = node.stopping.cancelled() => return None,
    };
    match accepted {
        Ok(Ok((stream, peer))) => Some((PortStream::Tls(Box::new(stream)), Some(peer))),
        Ok(Err(error)) => {
            let reason = tls_failure(&error);
            debug!(peer = %address, reason, "no TLS connection");
            None
        }
        Err(_) => {
            debug!(peer = %address, ?timeout, "no TLS handshake in time");
            None
        }
    }
}

/// Answers requests until the peer goes, is too slow, or asks for a WebSocket.
async fn speak_http(stream: PortStream, peer: &Peer, node: &Arc<Node>) {
    let service = service_fn(|request: hyper::Request<Incoming>| async {
        Ok::<_, Infallible>(http::answer(node, request, peer).await)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(node.options.http.handshake_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = node.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(peer = %peer.address, %error, "HTTP connection ended");
    }
}

async fn open_session(
    client: ClientUpgrade,
    place: Option<OwnedSemaphorePermit>,
    node: &Node,
) -> Option<Session<PortStream>> {
    let ClientUpgrade {
        on_upgrade,
        dialect,
        deflate,
        client,
    } = client;
    let upgraded = upgraded(on_upgrade).await?;
    let received_bytes_max = match dialect {
        Dialect::Raftwire => from_client_bytes_max(node.sessions.options.message_bytes_max),
        Dialect::Echo => node.options.client.message_bytes_max,
    };
    // The socket itself, without the layers that HTTP needed.
    let Ok(parts) = upgraded.downcast::<TokioIo<PortStream>>() else {
        debug!(connection = %client.connection, "an upgraded stream is not the accepted one");
        return None;
    };
    let socket = WebSocket::server(
        parts.io.into_inner(),
        parts.read_buf,
        received_bytes_max,
        deflate,
    );
    let context = Arc::clone(&node.sessions);
    Some(Session::new(context, dialect, (client, place), socket))
}

async fn hand_over(channel: ChannelUpgrade, peer: &Peer, node: &Node) {
    let ChannelUpgrade {
        on_upgrade,
        request,
    } = channel;
    if let Some(upgraded) = upgraded(on_upgrade).await {
        let stream = TokioIo::new(upgraded);
        if let Err(error) = node
            .acceptor
            .accept_upgraded(stream, request, peer.security())
        {
            debug!(peer = %peer.address, %error, "a channel was not taken");
        }
    }
}

async fn upgraded(on_upgrade: OnUpgrade) -> Option<Upgraded> {
    match on_upgrade.await {
        Ok(upgraded) => Some(upgraded),
        Err(error) => {
            debug!(%error, "a WebSocket did not open");
            None
        }
    }
}
