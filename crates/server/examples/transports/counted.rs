//! Counts the packets of the data lane on their way into a transport.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use raftwire::{
    ClusterTransport, ClusterTransportFactory, Lane, NodeAddress, NodeId, TransportSetup,
};
use raftwire_transport::{Channel, CreateError, SendError, StartError, TransportEvents};

/// How many packets, and their bytes.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl Counts {
    pub(crate) fn now(&self) -> (u64, u64) {
        let packets = self.packets.load(Ordering::Relaxed);
        (packets, self.bytes.load(Ordering::Relaxed))
    }
}

/// Makes what another factory makes, counted.
pub(crate) struct CountedFactory {
    pub(crate) inner: Arc<dyn ClusterTransportFactory>,
    pub(crate) counts: Arc<Counts>,
}

impl ClusterTransportFactory for CountedFactory {
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError> {
        Ok(Arc::new(Counted {
            inner: self.inner.create_transport(setup)?,
            counts: Arc::clone(&self.counts),
        }))
    }
}

#[derive(Debug)]
struct Counted {
    inner: Arc<dyn ClusterTransport>,
    counts: Arc<Counts>,
}

#[async_trait]
impl ClusterTransport for Counted {
    async fn start(&self) -> Result<TransportEvents, StartError> {
        self.inner.start().await
    }

    async fn stop(&self) {
        self.inner.stop().await;
    }

    fn send(&self, channel: &Channel, packet: Bytes) -> Result<(), SendError> {
        let bytes = packet.len() as u64;
        self.inner.send(channel, packet)?;
        if channel.lane == Lane::Data {
            self.counts.packets.fetch_add(1, Ordering::Relaxed);
            self.counts.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        Ok(())
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

    fn learn(&self, peer: NodeAddress) {
        self.inner.learn(peer);
    }

    fn forget(&self, peer: &NodeId) {
        self.inner.forget(peer);
    }
}
