use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_protocol::{Lane, NodeId};
use raftwire_transport::broker::{BrokerStatistics, BrokerTransport};
use raftwire_transport::{
    Channel, ClusterTransport, CreateError, SendError, StartError, TransportEvents, TransportSetup,
};

use crate::RedisOptions;
use crate::session::RedisClient;

/// Carries packets between nodes over the Pub/Sub of Redis. Cheap to clone; the clones are the
/// same transport.
#[derive(Clone, Debug)]
pub struct RedisClusterTransport {
    inner: BrokerTransport,
}

impl RedisClusterTransport {
    /// Makes a transport; nothing is opened yet. Addresses of peers are not used: on a broker a
    /// name is enough. Reads the file of authorities, if one is given.
    ///
    /// # Errors
    ///
    /// If an option cannot work.
    pub fn new(setup: TransportSetup, options: RedisOptions) -> Result<Self, CreateError> {
        let channels = options.channels.clone();
        let waits = options.connection.waits_for_broker();
        let client = RedisClient::new(options, setup.cluster.clone(), &setup.environment)?;
        let inner = BrokerTransport::new(setup, channels, Arc::new(client), waits)?;
        Ok(Self { inner })
    }

    /// The node that it is for.
    pub fn node_id(&self) -> &NodeId {
        self.inner.node_id()
    }

    /// What it has counted.
    pub fn statistics(&self) -> BrokerStatistics {
        self.inner.statistics()
    }
}

#[async_trait]
impl ClusterTransport for RedisClusterTransport {
    async fn start(&self) -> Result<TransportEvents, StartError> {
        self.inner.start().await
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
