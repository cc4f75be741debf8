//! What one running node consists of.

use std::sync::Arc;

use raftwire::ClusterManager;
use raftwire_environment::Environment;
use raftwire_transport_ws::WsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::authentication::Authenticator;
use crate::client::SessionContext;
use crate::config::{ClientOptions, ServerOptions};
use crate::http::Access;
use crate::listener::Places;
use crate::metrics::{ClientCounters, HookCounters};
use crate::tls::PortTls;

/// One running node: what requests and sessions need.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) environment: Environment,
    pub(crate) options: ServerOptions,
    pub(crate) access: Access,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    /// What the hook of the configuration counts; nothing where another authenticator decides.
    pub(crate) hook: Arc<HookCounters>,
    pub(crate) manager: ClusterManager,
    pub(crate) acceptor: WsAcceptor,
    /// `None`: the port is in the clear.
    pub(crate) tls: Option<PortTls>,
    pub(crate) sessions: Arc<SessionContext>,
    pub(crate) places: Places,
    /// Cancelled when the node begins to stop.
    pub(crate) stopping: CancellationToken,
}

impl Node {
    pub(crate) fn new(
        environment: Environment,
        options: ServerOptions,
        manager: ClusterManager,
        acceptor: WsAcceptor,
        (authenticator, hook): (Arc<dyn Authenticator>, Arc<HookCounters>),
        tls: Option<PortTls>,
    ) -> Node {
        let sessions = Arc::new(SessionContext {
            environment: environment.clone(),
            manager: manager.clone(),
            options: ClientOptions {
                // What is not routed for anybody is not taken from a client.
                message_bytes_max: options
                    .client
                    .message_bytes_max
                    .min(options.cluster.message_bytes_max),
                ..options.client.clone()
            },
            counters: ClientCounters::default(),
        });
        Node {
            environment,
            access: Access::of(&options),
            authenticator,
            hook,
            places: Places::new(options.client.connections_max),
            options,
            manager,
            acceptor,
            tls,
            sessions,
            stopping: CancellationToken::new(),
        }
    }

    /// Whether the node has begun to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }
}
