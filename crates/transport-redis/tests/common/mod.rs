//! Nodes on a private Redis server, and a stranger who publishes what he likes.
#![allow(
    dead_code, // each test file uses some of it
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods // tests start real servers
)]

mod redis_server;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_environment::Environment;
use raftwire_protocol::{Lane, NodeId};
use raftwire_transport::conformance::{ConformanceHarness, StrangerHarness};
use raftwire_transport::{
    Channel, ClusterTransport, Lanes, SendError, TransportEvent, TransportEvents, TransportSetup,
};
use raftwire_transport_redis::{RedisClusterTransport, RedisOptions};

#[allow(unused_imports)]
pub use redis_server::{RedisServer, free_port};

/// Longer than anything takes, and shorter than forever.
pub const LONG: Duration = Duration::from_secs(60);

pub fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

pub fn setup(cluster: &str, id: &NodeId, peers: &[NodeId]) -> TransportSetup {
    TransportSetup {
        environment: Environment::real(),
        cluster: cluster.to_owned(),
        node: id.clone(),
        peers: peers
            .iter()
            .map(|peer| peer.as_str().parse().unwrap())
            .collect(),
        lanes: Lanes::Both,
    }
}

pub fn make(url: &str, cluster: &str, id: &str, peers: &[&str]) -> RedisClusterTransport {
    let options = RedisOptions::new(url.parse().unwrap());
    let peers: Vec<NodeId> = peers.iter().map(|peer| node(peer)).collect();
    RedisClusterTransport::new(setup(cluster, &node(id), &peers), options).unwrap()
}

/// A transport that proves nothing, kept for as long as it is to be there.
type Stranger = (NodeId, Arc<dyn ClusterTransport>, TransportEvents);

/// A server of its own for each check.
pub struct RedisHarness {
    pub server: RedisServer,
    /// Kept until the end: a stranger has channels on both lanes, and one that goes while the
    /// next one comes could be taken for it.
    strangers: tokio::sync::Mutex<Vec<Stranger>>,
}

impl RedisHarness {
    pub fn new() -> Self {
        Self {
            server: RedisServer::start(),
            strangers: tokio::sync::Mutex::default(),
        }
    }
}

#[async_trait]
impl ConformanceHarness for RedisHarness {
    async fn transport(&self, node: &NodeId, peers: &[NodeId]) -> Arc<dyn ClusterTransport> {
        let options = RedisOptions::new(self.server.url().parse().unwrap());
        let setup = setup("conformance", node, peers);
        Arc::new(RedisClusterTransport::new(setup, options).unwrap())
    }

    fn patience(&self) -> Duration {
        LONG
    }
}

#[async_trait]
impl StrangerHarness for RedisHarness {
    async fn stranger(&self, _at: &NodeId, claims: &NodeId, _lane: Lane) -> Box<dyn Any + Send> {
        let mut strangers = self.strangers.lock().await;
        if !strangers.iter().any(|(claimed, ..)| claimed == claims) {
            let stranger = self.transport(claims, &[]).await;
            let events = stranger.start().await.unwrap();
            strangers.push((claims.clone(), stranger, events));
        }
        Box::new(())
    }
}

/// A started transport.
pub struct Node {
    pub transport: RedisClusterTransport,
    pub events: TransportEvents,
    /// What comes is put here while something else is waited for.
    pub up: Vec<Channel>,
    pub received: Vec<Bytes>,
    pub downs: Vec<(Channel, String)>,
}

impl Node {
    pub async fn start(transport: RedisClusterTransport) -> Self {
        let events = transport.start().await.unwrap();
        Self {
            transport,
            events,
            up: Vec::new(),
            received: Vec::new(),
            downs: Vec::new(),
        }
    }

    /// Takes in one event, if one comes in time.
    pub async fn step(&mut self, patience: Duration) -> bool {
        let Ok(event) = tokio::time::timeout(patience, self.events.recv()).await else {
            return false;
        };
        match event.expect("the transport runs") {
            TransportEvent::PeerUp { channel, .. } => {
                self.transport.adopt(&channel);
                self.up.push(channel);
            }
            TransportEvent::Received { packet, .. } => self.received.push(packet),
            TransportEvent::PeerDown { channel, reason } => {
                self.up.retain(|up| *up != channel);
                self.downs.push((channel, reason));
            }
        }
        true
    }

    pub async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let wait = async {
            while !done(self) {
                self.step(Duration::from_millis(100)).await;
            }
        };
        let waited = tokio::time::timeout(LONG, wait).await;
        assert!(waited.is_ok(), "waited in vain until {what}");
    }

    /// The channel that is up to a peer, once there is one.
    pub async fn channel(&mut self, peer: &str, lane: Lane) -> Channel {
        let find = |node: &Self| {
            let mut up = node.up.iter().rev();
            up.find(|channel| channel.peer.as_str() == peer && channel.lane == lane)
                .cloned()
        };
        self.until("the channel is up", |node| find(node).is_some())
            .await;
        find(self).unwrap()
    }

    /// Whether nothing at all is told for so long.
    pub async fn is_quiet_for(&mut self, duration: Duration) -> bool {
        !self.step(duration).await
    }
}

/// Sends from one to the other, again and again, until it has arrived.
pub async fn deliver(from: &mut Node, to: &mut Node, lane: Lane, text: &'static str) {
    let packet = Bytes::from_static(text.as_bytes());
    let peer = to.transport.node_id().to_string();
    let arrive = async {
        while !to.received.contains(&packet) {
            let channel = from.channel(&peer, lane).await;
            match from.transport.send(&channel, packet.clone()) {
                Ok(()) | Err(SendError::Full | SendError::NotConnected) => {}
                Err(error) => panic!("{error}"),
            }
            to.step(Duration::from_millis(200)).await;
            while from.step(Duration::from_millis(1)).await {}
        }
    };
    let arrived = tokio::time::timeout(LONG, arrive).await;
    assert!(arrived.is_ok(), "{text:?} has not arrived");
}
