use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_environment::TcpListener;
use raftwire_protocol::{Endpoint, Lane, NodeAddress, NodeId, Scheme};
use raftwire_transport::{
    Channel, ChannelSecurity, ClusterTransport, CreateError, Lanes, SendError, StartError,
    TransportEvents, TransportSetup, event_queue,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::channel_task::CLOSE_TIMEOUT;
use crate::context::{Context, Shared};
use crate::dialer::Dialer;
use crate::listener::listen;
use crate::peer_book::Places;
use crate::tls::NodeTls;
use crate::{AcceptUpgradedError, PeerRequest, WsAcceptor, WsOptions, accept};

/// How long `stop` waits for the channels to close in words.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

const _: () = assert!(CLOSE_TIMEOUT.as_millis() < STOP_TIMEOUT.as_millis());

/// Carries packets between nodes over WebSocket. Cheap to clone; the clones are the same transport.
#[derive(Clone, Debug)]
pub struct WsClusterTransport {
    shared: Arc<Shared>,
    peers: Arc<BTreeMap<NodeId, Endpoint>>,
    phase: Arc<Mutex<Phase>>,
}

#[derive(Debug)]
enum Phase {
    Created,
    Starting,
    Running {
        context: Context,
        local_addr: Option<SocketAddr>,
    },
    Stopped,
}

impl WsClusterTransport {
    /// Makes a transport; nothing is opened yet. Peers without an address are not dialled; they
    /// dial.
    ///
    /// # Errors
    ///
    /// If a peer is to be reached over TLS and that is not set up, if this node's certificate does
    /// not name it, or if an option cannot work.
    pub fn new(setup: TransportSetup, options: WsOptions) -> Result<Self, CreateError> {
        options.validate()?;
        let TransportSetup {
            environment,
            cluster,
            node,
            peers,
            lanes,
        } = setup;
        match &options.tls {
            Some(tls) => check_own_certificate(tls, &cluster, &node)?,
            None => peers.iter().try_for_each(refuse_tls)?,
        }
        let others = peers.into_iter().filter(|peer| peer.node != node);
        let peers = others.filter_map(|peer| Some((peer.node, peer.endpoint?)));
        Ok(Self {
            peers: Arc::new(peers.collect()),
            shared: Arc::new(Shared::new(options, environment, cluster, (node, lanes))),
            phase: Arc::new(Mutex::new(Phase::Created)),
        })
    }

    /// Where it listens, while it runs and if it listens by itself.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &*self.phase() {
            Phase::Running { local_addr, .. } => *local_addr,
            Phase::Created | Phase::Starting | Phase::Stopped => None,
        }
    }

    /// The way to hand upgraded streams to this transport.
    pub fn acceptor(&self) -> WsAcceptor {
        let acceptor = WsAcceptor::default();
        acceptor.set(self.clone());
        acceptor
    }

    /// See [`WsAcceptor::accept_upgraded`](crate::WsAcceptor::accept_upgraded).
    ///
    /// # Errors
    ///
    /// See [`AcceptUpgradedError`]; the stream is closed then.
    pub fn accept_upgraded<IO>(
        &self,
        io: IO,
        request: PeerRequest,
        security: ChannelSecurity,
    ) -> Result<(), AcceptUpgradedError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let context = match &*self.phase() {
            Phase::Running { context, .. } => context.clone(),
            Phase::Created | Phase::Starting | Phase::Stopped => {
                return Err(AcceptUpgradedError::NotRunning);
            }
        };
        accept::upgraded(&context, Box::new(io), request, security)
    }

    /// The lanes that it carries.
    pub(crate) fn lanes(&self) -> Lanes {
        self.shared.lanes
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn bind(&self) -> Result<Option<TcpListener>, StartError> {
        let Some((host, port)) = &self.shared.options.listen else {
            return Ok(None);
        };
        let bound = self.shared.environment.bind(host, *port).await;
        let listener = bound.map_err(|source| StartError::Listen {
            address: format!("{host}:{port}"),
            source,
        })?;
        Ok(Some(listener))
    }

    fn run(&self, listener: Option<TcpListener>) -> Result<TransportEvents, StartError> {
        let (sender, events) = event_queue();
        let context = Context::new(Arc::clone(&self.shared), sender);
        let mut phase = self.phase();
        if !matches!(*phase, Phase::Starting) {
            return Err(StartError::Stopped);
        }
        let local_addr = listener.as_ref().and_then(|it| it.local_addr().ok());
        if let Some(listener) = listener {
            context.spawn("cluster listener", listen(context.clone(), listener));
        }
        for (peer, endpoint) in &*self.peers {
            let configured = (peer.clone(), endpoint.clone());
            let places = self.shared.peers().configure(configured.0, configured.1);
            dial(&context, peer, &places);
        }
        *phase = Phase::Running {
            context,
            local_addr,
        };
        Ok(events)
    }
}

/// Keeps its lanes to a peer connected from now on.
fn dial(context: &Context, peer: &NodeId, places: &watch::Receiver<Places>) {
    for lane in context.shared.lanes.iter() {
        let dialer = Dialer::new(context.clone(), peer.clone(), places.clone(), lane);
        context.spawn("cluster dialer", dialer.run());
    }
}

fn check_own_certificate(tls: &NodeTls, cluster: &str, node: &NodeId) -> Result<(), CreateError> {
    let checked = tls.check_own(cluster, node);
    checked.map_err(|refused| CreateError::Option {
        option: "tls",
        reason: format!("this node's own certificate is not its own: {refused}"),
    })
}

fn refuse_tls(peer: &NodeAddress) -> Result<(), CreateError> {
    match &peer.endpoint {
        Some(endpoint) if endpoint.scheme == Scheme::Wss => Err(CreateError::Peer {
            peer: peer.to_string(),
            reason: "wss:// needs a certificate, its key and the authorities of the other nodes' \
                     certificates"
                .to_owned(),
        }),
        _ => Ok(()),
    }
}

#[async_trait]
impl ClusterTransport for WsClusterTransport {
    async fn start(&self) -> Result<TransportEvents, StartError> {
        {
            let mut phase = self.phase();
            match &*phase {
                Phase::Created => *phase = Phase::Starting,
                Phase::Starting | Phase::Running { .. } => return Err(StartError::AlreadyStarted),
                Phase::Stopped => return Err(StartError::Stopped),
            }
        }
        let started = match self.bind().await {
            Ok(listener) => self.run(listener),
            Err(error) => Err(error),
        };
        let mut phase = self.phase();
        if started.is_err() && matches!(*phase, Phase::Starting) {
            *phase = Phase::Created;
        }
        started
    }

    async fn stop(&self) {
        // The context holds a sender of the events, which end only when all are gone.
        *self.phase() = Phase::Stopped;
        self.shared.begin_to_stop();
        self.shared.tasks.end(STOP_TIMEOUT).await;
    }

    fn send(&self, channel: &Channel, packet: Bytes) -> Result<(), SendError> {
        self.shared.registry().send(channel, packet)
    }

    fn broadcast(&self, lane: Lane, packet: Bytes) -> Result<usize, SendError> {
        self.shared.registry().broadcast(lane, &packet)
    }

    fn adopt(&self, channel: &Channel) {
        if self.shared.registry().adopt(channel) {
            self.shared.changed();
        }
    }

    fn disconnect(&self, channel: &Channel, reason: &str) {
        self.shared.registry().close(channel, reason);
        self.shared.changed();
    }

    fn learn(&self, peer: NodeAddress) {
        let Phase::Running { context, .. } = &*self.phase() else {
            return;
        };
        // With TLS set up every peer is dialled over it, whatever the form of its address.
        if self.shared.options.tls.is_none()
            && let Err(error) = refuse_tls(&peer)
        {
            tracing::warn!(%error, "a member cannot be dialled");
            return;
        }
        let Some(endpoint) = peer.endpoint.filter(|_| peer.node != self.shared.node) else {
            return;
        };
        let places = self.shared.peers().learn(peer.node.clone(), endpoint);
        if let Some(places) = places {
            dial(context, &peer.node, &places);
        }
    }

    fn forget(&self, peer: &NodeId) {
        self.shared.peers().forget(peer);
    }
}
