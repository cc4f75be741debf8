//! One node of the application: its page, its clients and its cluster channel on one port.

use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hyper_util::rt::TokioIo;
use raftwire::{ClusterManager, ClusterOptions, ConnectionInfo, Environment};
use raftwire_transport::ChannelSecurity;
use raftwire_transport_ws::{WsAcceptor, WsClusterTransportFactory, WsOptions};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::client::converse;

/// What the handlers share.
#[derive(Clone, Debug)]
struct Shared {
    manager: ClusterManager,
    acceptor: WsAcceptor,
}

/// One node of the application.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) manager: ClusterManager,
    serving: JoinHandle<std::io::Result<()>>,
}

impl App {
    /// Joins the cluster, and serves what comes to `listener`.
    pub(crate) async fn start(
        listener: TcpListener,
        options: ClusterOptions,
    ) -> Result<App, Box<dyn Error>> {
        let environment = Environment::real();
        // It listens nowhere itself: what comes for it comes to `/cluster` below.
        let transports = WsClusterTransportFactory::new(WsOptions::default());
        let manager = ClusterManager::start(options, environment.clone(), &transports).await?;
        let shared = Shared {
            manager: manager.clone(),
            acceptor: transports.acceptor(),
        };
        let router = Router::new()
            .route("/", get(Html(include_str!("page.html"))))
            .route("/ws", get(client))
            .route("/cluster", get(cluster))
            .with_state(shared);
        let serving = environment.spawn("axum", async { axum::serve(listener, router).await });
        Ok(App { manager, serving })
    }

    /// Leaves the cluster, which closes the clients, and serves no more.
    pub(crate) async fn stop(self) {
        self.manager.stop().await;
        self.serving.abort();
    }
}

/// A client of the application: the library has its outbox, the application its socket.
async fn client(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    match shared.manager.accept("/ws", ConnectionInfo::default()) {
        Ok((connection, outbox)) => {
            let router = shared.manager.router().clone();
            upgrade.on_upgrade(move |socket| converse(socket, connection, outbox, router))
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

/// Another node: the raw stream under the WebSocket goes to the transport.
async fn cluster(State(shared): State<Shared>, request: Request) -> Response {
    let (response, peer) = shared.acceptor.answer(&request);
    if let Some(peer) = peer {
        let upgrade = hyper::upgrade::on(request);
        Environment::real().spawn("cluster channel", async move {
            if let Ok(io) = upgrade.await {
                // Everybody of this example is on this machine; elsewhere it is `Untrusted`. Who
                // is refused tries again.
                let security = ChannelSecurity::Loopback;
                let _ = shared
                    .acceptor
                    .accept_upgraded(TokioIo::new(io), peer, security);
            }
        });
    }
    response.map(Body::from)
}
