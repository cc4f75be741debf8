//! Nodes with addresses of their own on the loopback network, and a WebSocket client that is not
//! ours.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each test file uses some of it

mod certificates;

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use raftwire_environment::{Environment, TcpStream};
use raftwire_protocol::{Endpoint, Lane, NodeAddress, NodeId, Scheme};
use raftwire_transport::TransportSetup;
use raftwire_transport::conformance::{ConformanceHarness, StrangerHarness};
use raftwire_transport::{Channel, ClusterTransport, Lanes, TransportEvent, TransportEvents};
use raftwire_transport_ws::tls::{NODE_ALPN, NodeTls};
use raftwire_transport_ws::{WsClusterTransport, WsOptions};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;

/// Longer than anything takes, and shorter than forever.
pub const LONG: Duration = Duration::from_secs(30);

pub const PORT: u16 = 5_000;

pub use certificates::{Authority, Certificate};

pub fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

/// Hosts in a part of the loopback network that is this harness's alone, so that tests do not
/// meet, and a node comes back at the address that it had.
pub struct WsHarness {
    environment: Environment,
    hosts: Hosts,
    pub options: WsOptions,
    tls: Option<Tls>,
}

/// What the nodes of a harness speak TLS with.
struct Tls {
    authority: Authority,
    folder: TempDir,
}

enum Hosts {
    /// An address for each node: the first three bytes, and the last byte of the first node.
    Many { network: String, first: u32 },
    /// One address, and a port for each node.
    One,
}

impl WsHarness {
    pub fn real() -> Self {
        static HARNESSES: AtomicU32 = AtomicU32::new(0);
        let process = std::process::id();
        let harness = HARNESSES.fetch_add(1, Ordering::Relaxed);
        assert!(harness < 60, "four addresses each in one byte");
        // 127.0.0.1 is left to others.
        let (high, low) = (1 + process / 256 % 250, process % 256);
        Self {
            environment: Environment::real(),
            hosts: Hosts::Many {
                network: format!("127.{high}.{low}"),
                first: 4 * harness + 1,
            },
            options: WsOptions::default(),
            tls: None,
        }
    }

    /// The same with TLS, and a certificate for each node.
    pub fn real_with_tls() -> Self {
        Self::real().with_tls()
    }

    pub fn with_tls(self) -> Self {
        let tls = Tls {
            authority: Authority::new(),
            folder: tempfile::tempdir().unwrap(),
        };
        let tls = Some(tls);
        Self { tls, ..self }
    }

    pub fn authority(&self) -> &Authority {
        &self.tls.as_ref().unwrap().authority
    }

    /// TLS for a node that shows this certificate and trusts the harness's authority.
    pub fn tls_with(&self, id: &NodeId, certificate: &Certificate) -> NodeTls {
        certificate.load(&self.environment, &self.folder(id), &self.authority().pem())
    }

    pub fn folder(&self, id: &NodeId) -> PathBuf {
        self.tls.as_ref().unwrap().folder.path().join(id.as_str())
    }

    /// All nodes on one simulated host.
    pub fn simulated(environment: Environment) -> Self {
        Self {
            environment,
            hosts: Hosts::One,
            options: WsOptions::default(),
            tls: None,
        }
    }

    pub fn address(&self, node: &NodeId) -> (String, u16) {
        let number = node.as_str().as_bytes()[0] - b'a';
        match &self.hosts {
            Hosts::Many { network, first } => {
                (format!("{network}.{}", first + u32::from(number)), PORT)
            }
            Hosts::One => ("127.0.0.1".to_owned(), PORT + u16::from(number)),
        }
    }

    pub fn peer(&self, node: &NodeId) -> NodeAddress {
        let (host, port) = self.address(node);
        NodeAddress {
            node: node.clone(),
            endpoint: Some(Endpoint::new(self.scheme(), &host, port).unwrap()),
        }
    }

    fn scheme(&self) -> Scheme {
        match self.tls {
            Some(_) => Scheme::Wss,
            None => Scheme::Ws,
        }
    }

    pub fn make(&self, id: &NodeId, peers: &[NodeId]) -> WsClusterTransport {
        let own = |tls: &Tls| self.tls_with(id, &tls.authority.node(id));
        let tls = self.tls.as_ref().map(own);
        let tls = self.options.tls.clone().or(tls);
        let options = WsOptions {
            listen: Some(self.address(id)),
            tls,
            ..self.options.clone()
        };
        WsClusterTransport::new(self.setup(id, peers), options).unwrap()
    }

    pub fn setup(&self, id: &NodeId, peers: &[NodeId]) -> TransportSetup {
        TransportSetup {
            environment: self.environment.clone(),
            cluster: "test".to_owned(),
            node: id.clone(),
            peers: peers.iter().map(|peer| self.peer(peer)).collect(),
            lanes: Lanes::Both,
        }
    }

    pub async fn start(&self, id: &str, peers: &[&str]) -> Node {
        let peers: Vec<NodeId> = peers.iter().map(|peer| node(peer)).collect();
        let transport = self.make(&node(id), &peers);
        let events = transport.start().await.unwrap();
        Node { transport, events }
    }

    pub async fn connect(&self, at: &str) -> TcpStream {
        let (host, port) = self.address(&node(at));
        self.environment.connect(&host, port).await.unwrap()
    }

    pub fn url(&self, at: &str, path_and_query: &str) -> String {
        let (host, port) = self.address(&node(at));
        format!("ws://{host}:{port}{path_and_query}")
    }

    /// Connects with an independent client.
    pub async fn dial(
        &self,
        at: &str,
        path_and_query: &str,
    ) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
        let io = self.connect(at).await;
        let url = self.url(at, path_and_query);
        let (stream, _) = tokio_tungstenite::client_async(url, io).await?;
        Ok(stream)
    }
}

#[async_trait]
impl ConformanceHarness for WsHarness {
    async fn transport(&self, node: &NodeId, peers: &[NodeId]) -> Arc<dyn ClusterTransport> {
        Arc::new(self.make(node, peers))
    }

    fn address(&self, node: &NodeId) -> NodeAddress {
        self.peer(node)
    }
}

#[async_trait]
impl StrangerHarness for WsHarness {
    async fn stranger(&self, at: &NodeId, claims: &NodeId, lane: Lane) -> Box<dyn Any + Send> {
        let query = format!("/cluster?node={claims}&lane={lane}");
        if self.tls.is_none() {
            let stream = self.dial(at.as_str(), &query).await.unwrap();
            return self.listen_to(stream);
        }
        // It has a certificate of that name, and does not say hello.
        let certificate = self.authority().node(claims);
        let config = self.authority().client(Some(&certificate), NODE_ALPN);
        let stream = self.dial_tls(at.as_str(), &query, config).await.unwrap();
        self.listen_to(stream)
    }
}

impl WsHarness {
    fn listen_to<IO>(&self, mut stream: WebSocketStream<IO>) -> Box<dyn Any + Send>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // Reading is what answers pings.
        let task = self.environment.spawn("stranger", async move {
            while let Some(Ok(_)) = stream.next().await {}
        });
        Box::new(AbortOnDrop(task))
    }

    /// Connects with an independent client, over TLS.
    pub async fn dial_tls(
        &self,
        at: &str,
        path_and_query: &str,
        config: Arc<rustls::ClientConfig>,
    ) -> Result<WebSocketStream<TlsStream<TcpStream>>, tungstenite::Error> {
        let host = "localhost".try_into().unwrap();
        let connector = tokio_rustls::TlsConnector::from(config);
        let io = connector.connect(host, self.connect(at).await).await?;
        let url = self.url(at, path_and_query);
        let (stream, _) = tokio_tungstenite::client_async(url, io).await?;
        Ok(stream)
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A started transport.
pub struct Node {
    pub transport: WsClusterTransport,
    pub events: TransportEvents,
}

impl Node {
    pub async fn next(&mut self) -> TransportEvent {
        let event = tokio::time::timeout(LONG, self.events.recv()).await;
        event.expect("in time").expect("not ended")
    }

    /// The next channel that comes up on a lane; what else happens is passed over.
    pub async fn up(&mut self, lane: Lane) -> Channel {
        loop {
            if let TransportEvent::PeerUp { channel, .. } = self.next().await
                && channel.lane == lane
            {
                return channel;
            }
        }
    }

    /// The next channel that goes down; what else happens is passed over.
    pub async fn down(&mut self) -> (Channel, String) {
        loop {
            if let TransportEvent::PeerDown { channel, reason } = self.next().await {
                return (channel, reason);
            }
        }
    }

    pub async fn is_quiet_for(&mut self, duration: Duration) -> bool {
        let event = tokio::time::timeout(duration, self.events.recv());
        event.await.is_err()
    }
}
