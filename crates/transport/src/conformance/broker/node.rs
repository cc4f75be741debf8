use std::time::Duration;

use bytes::Bytes;
use raftwire_environment::Environment;
use raftwire_protocol::{Lane, NodeAddress, NodeId};

use crate::broker::BrokerTransport;
use crate::{
    Channel, ClusterTransport, Lanes, SendError, TransportEvent, TransportEvents, TransportSetup,
};

/// How long anything may take before a check fails. Only failures take this long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long an event is waited for before what was waited for is looked at again.
const LOOK: Duration = Duration::from_millis(100);

/// How long a packet that was sent may take before it is sent again.
const ARRIVAL: Duration = Duration::from_millis(200);

/// What a transport is made with, in a cluster of this name.
///
/// # Panics
///
/// When one of the ids is none.
pub fn setup(cluster: &str, node: &str, peers: &[&str]) -> TransportSetup {
    let id = |text: &str| -> NodeId { text.parse().expect("the id of a node") };
    let peers = peers.iter().map(|peer| NodeAddress {
        node: id(peer),
        endpoint: None,
    });
    TransportSetup {
        environment: Environment::real(),
        cluster: cluster.to_owned(),
        node: id(node),
        peers: peers.collect(),
        lanes: Lanes::Both,
    }
}

/// A started transport that adopts every channel, and what it has told.
#[derive(Debug)]
pub struct BrokerNode {
    /// The transport.
    pub transport: BrokerTransport,
    events: TransportEvents,
    /// The channels that are up, the newest last.
    pub up: Vec<Channel>,
    /// The packets that have come, in order.
    pub received: Vec<Bytes>,
    /// The channels that went down, each with the reason.
    pub downs: Vec<(Channel, String)>,
}

impl BrokerNode {
    /// Starts a transport.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start(transport: BrokerTransport) -> Self {
        let events = match transport.start().await {
            Ok(events) => events,
            Err(error) => panic!("{} does not start: {error}", transport.node_id()),
        };
        Self {
            transport,
            events,
            up: Vec::new(),
            received: Vec::new(),
            downs: Vec::new(),
        }
    }

    /// Takes in one event, if one comes in time.
    ///
    /// # Panics
    ///
    /// When the transport has stopped.
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

    /// Takes events in until something is true.
    ///
    /// # Panics
    ///
    /// When it does not become true in time.
    pub async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let wait = async {
            while !done(self) {
                self.step(LOOK).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "waited {PATIENCE:?} in vain until {what}");
    }

    /// Waits until every channel is down.
    ///
    /// # Panics
    ///
    /// When one stays up.
    pub async fn until_all_channels_are_down(&mut self) {
        self.until("all channels are down", |node| node.up.is_empty())
            .await;
    }

    /// The newest channel that is up to a peer, once there is one.
    ///
    /// # Panics
    ///
    /// When none comes up in time.
    pub async fn channel(&mut self, peer: &str, lane: Lane) -> Channel {
        let mut found = None;
        self.until("the channel is up", |node| {
            let mut up = node.up.iter().rev();
            found = up
                .find(|channel| channel.peer.as_str() == peer && channel.lane == lane)
                .cloned();
            found.is_some()
        })
        .await;
        found.expect("it was waited for")
    }

    /// Whether nothing at all is told for so long.
    pub async fn is_quiet_for(&mut self, duration: Duration) -> bool {
        !self.step(duration).await
    }
}

/// Sends from one to the other, again and again, until it has arrived.
///
/// # Panics
///
/// When it does not arrive in time.
pub async fn deliver(from: &mut BrokerNode, to: &mut BrokerNode, lane: Lane, text: &str) {
    let packet = Bytes::copy_from_slice(text.as_bytes());
    let peer = to.transport.node_id().to_string();
    let arrive = async {
        while !to.received.contains(&packet) {
            let channel = from.channel(&peer, lane).await;
            match from.transport.send(&channel, packet.clone()) {
                Ok(()) | Err(SendError::Full | SendError::NotConnected) => {}
                Err(error) => panic!("{error}"),
            }
            to.step(ARRIVAL).await;
            while from.step(Duration::from_millis(1)).await {}
        }
    };
    let arrived = tokio::time::timeout(PATIENCE, arrive).await;
    assert!(arrived.is_ok(), "{text:?} has not arrived");
}

/// Delivers a packet on each lane in each direction, all with a text that was not used before.
///
/// # Panics
///
/// When one does not arrive in time.
pub async fn greet(a: &mut BrokerNode, b: &mut BrokerNode, text: &str) {
    for lane in Lane::ALL {
        deliver(a, b, lane, &format!("{text} there, {lane}")).await;
        deliver(b, a, lane, &format!("{text} back, {lane}")).await;
    }
}
