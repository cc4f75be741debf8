//! A stranger on the wire: hears what each node receives, takes packets away and puts in his own.
#![allow(unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use raftwire::{ClusterTransport, ClusterTransportFactory, TransportSetup};
use raftwire_protocol::Lane;
use raftwire_transport::memory::MemoryNetwork;
use raftwire_transport::{
    Channel, ChannelSecurity, CreateError, SendError, StartError, TransportEvent,
    TransportEventSender, TransportEvents, event_queue,
};

/// The way of one lane to a node from another: receiver, sender, lane.
type Way = (String, String, Lane);

#[derive(Default)]
struct Heard {
    packets: BTreeMap<Way, Vec<Bytes>>,
    channels: BTreeMap<Way, Channel>,
    senders: BTreeMap<String, TransportEventSender>,
    diverted: BTreeSet<Way>,
}

/// What the transports say of their channels at a node.
type Report = Box<dyn Fn(&str) -> ChannelSecurity + Send + Sync>;

/// The stranger.
pub struct Tap {
    heard: Mutex<Heard>,
    report: Report,
}

impl Default for Tap {
    fn default() -> Tap {
        Tap::reporting(|_| ChannelSecurity::Untrusted)
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

fn way(to: &str, from: &str, lane: Lane) -> Way {
    (to.to_owned(), from.to_owned(), lane)
}

impl Tap {
    /// The transports say of their channels what `report` says at that node.
    pub fn reporting(report: impl Fn(&str) -> ChannelSecurity + Send + Sync + 'static) -> Tap {
        Tap {
            heard: Mutex::default(),
            report: Box::new(report),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every packet that came to `to` from `from` on a lane.
    pub fn heard(&self, to: &str, from: &str, lane: Lane) -> Vec<Bytes> {
        let heard = self.lock();
        let packets = heard.packets.get(&way(to, from, lane));
        packets.cloned().unwrap_or_default()
    }

    /// Takes what comes this way from now on, or lets it pass again.
    #[allow(dead_code)] // not by every test file
    pub fn divert(&self, to: &str, from: &str, lane: Lane, on: bool) {
        let mut heard = self.lock();
        if on {
            heard.diverted.insert(way(to, from, lane));
        } else {
            heard.diverted.remove(&way(to, from, lane));
        }
    }

    /// Puts a packet on the channel by which `from` reaches `to`.
    pub async fn inject(&self, to: &str, from: &str, lane: Lane, packet: Bytes) {
        let (sender, channel) = {
            let heard = self.lock();
            let channel = heard.channels[&way(to, from, lane)].clone();
            (heard.senders[to].clone(), channel)
        };
        let event = TransportEvent::Received { channel, packet };
        sender.send(event).await.expect("the node runs");
    }

    /// What the node hears instead of the event; `None`: nothing.
    fn pass(&self, to: &str, event: TransportEvent) -> Option<TransportEvent> {
        let channel = event.channel().clone();
        let way = way(to, channel.peer.as_str(), channel.lane);
        let mut heard = self.lock();
        match event {
            TransportEvent::PeerUp {
                channel, initiator, ..
            } => {
                heard.channels.insert(way, channel.clone());
                Some(TransportEvent::PeerUp {
                    channel,
                    initiator,
                    security: (self.report)(to),
                })
            }
            TransportEvent::Received { ref packet, .. } => {
                let packets = heard.packets.entry(way.clone()).or_default();
                packets.push(packet.clone());
                (!heard.diverted.contains(&way)).then_some(event)
            }
            TransportEvent::PeerDown { .. } => Some(event),
        }
    }
}

/// Makes transports of a memory network with a stranger on it.
#[derive(Debug)]
pub struct Tapped {
    network: MemoryNetwork,
    tap: Arc<Tap>,
}

impl Tapped {
    pub fn new(network: MemoryNetwork, tap: Arc<Tap>) -> Tapped {
        Tapped { network, tap }
    }
}

impl ClusterTransportFactory for Tapped {
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError> {
        let environment = setup.environment.clone();
        let node = setup.node.as_str().to_owned();
        Ok(Arc::new(TappedTransport {
            inner: self.network.transport(setup),
            tap: Arc::clone(&self.tap),
            environment,
            node,
        }))
    }
}

#[derive(Debug)]
struct TappedTransport {
    inner: Arc<dyn ClusterTransport>,
    tap: Arc<Tap>,
    environment: raftwire::Environment,
    node: String,
}

#[async_trait]
impl ClusterTransport for TappedTransport {
    async fn start(&self) -> Result<TransportEvents, StartError> {
        let mut events = self.inner.start().await?;
        let (sender, tapped) = event_queue();
        let (tap, node) = (Arc::clone(&self.tap), self.node.clone());
        tap.lock().senders.insert(node.clone(), sender.clone());
        let pump = self.environment.spawn("tap", async move {
            while let Some(event) = events.recv().await {
                if let Some(event) = tap.pass(&node, event)
                    && sender.send(event).await.is_err()
                {
                    return;
                }
            }
            tap.lock().senders.remove(&node);
        });
        drop(pump);
        Ok(tapped)
    }

    async fn stop(&self) {
        self.inner.stop().await;
    }

    fn send(&self, channel: &Channel, packet: Bytes) -> Result<(), SendError> {
        self.inner.send(channel, packet)
    }

    fn broadcast(&self, lane: Lane, packet: Bytes) -> Result<usize, SendError> {
        self.inner.broadcast(lane, packet)
    }

    fn adopt(&self, channel: &Channel) {
        self.inner.adopt(channel);
    }

    fn disconnect(&self, channel: &Channel, reason: &str) {
        self.inner.disconnect(channel, reason);
    }
}
