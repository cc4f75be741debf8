use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_protocol::{Lane, NodeAddress, NodeId};

use crate::{Channel, ClusterTransport, SendError, StartError, TransportEvents};

/// Two transports, one a lane: the control lane rides on the first, the data lane on the second.
///
/// What befalls one of them is nothing to the other: while the data lane's broker is away, leader
/// and leases stay, because they are the control lane's. A channel belongs to the transport of its
/// lane; hellos and keys are of a channel, so each lane has its own, between the same two sessions.
#[derive(Clone, Debug)]
pub struct SplitClusterTransport {
    control: Arc<dyn ClusterTransport>,
    data: Arc<dyn ClusterTransport>,
}

impl SplitClusterTransport {
    /// Puts two transports together that are not started yet, made for the same node and each for its
    /// lane ([`TransportSetup::lanes`](crate::TransportSetup)).
    pub fn new(control: Arc<dyn ClusterTransport>, data: Arc<dyn ClusterTransport>) -> Self {
        Self { control, data }
    }

    /// What carries a lane.
    pub fn lane(&self, lane: Lane) -> &Arc<dyn ClusterTransport> {
        match lane {
            Lane::Control => &self.control,
            Lane::Data => &self.data,
        }
    }
}

#[async_trait]
impl ClusterTransport for SplitClusterTransport {
    async fn start(&self) -> Result<TransportEvents, StartError> {
        let control = self.control.start().await?;
        match self.data.start().await {
            Ok(data) => Ok(TransportEvents::of_two(control, data)),
            Err(error) => {
                self.control.stop().await;
                Err(error)
            }
        }
    }

    async fn stop(&self) {
        tokio::join!(self.control.stop(), self.data.stop());
    }

    fn send(&self, channel: &Channel, packet: Bytes) -> Result<(), SendError> {
        self.lane(channel.lane).send(channel, packet)
    }

    fn broadcast(&self, lane: Lane, packet: Bytes) -> Result<usize, SendError> {
        self.lane(lane).broadcast(lane, packet)
    }

    fn adopt(&self, channel: &Channel) {
        self.lane(channel.lane).adopt(channel);
    }

    fn disconnect(&self, channel: &Channel, reason: &str) {
        self.lane(channel.lane).disconnect(channel, reason);
    }

    fn learn(&self, peer: NodeAddress) {
        self.control.learn(peer.clone());
        self.data.learn(peer);
    }

    fn forget(&self, peer: &NodeId) {
        self.control.forget(peer);
        self.data.forget(peer);
    }
}
