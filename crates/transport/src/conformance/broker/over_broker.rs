use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use raftwire_protocol::{Lane, NodeId};
use tokio::sync::Mutex;

use super::{BrokerHarness, PATIENCE};
use crate::conformance::{ConformanceHarness, StrangerHarness};
use crate::{ClusterTransport, TransportEvents};

/// The cluster that the checks for every transport are made in.
const CLUSTER: &str = "conformance";

/// Makes the transports for the checks that all transports pass, of those that a broker's harness makes.
pub struct OverBroker<H> {
    harness: H,
    /// Kept until the end: a stranger has channels on both lanes, and one that goes while the
    /// next one comes could be taken for it.
    strangers: Mutex<Vec<Stranger>>,
}

/// A transport that proves nothing, kept for as long as it is to be there.
type Stranger = (NodeId, Arc<dyn ClusterTransport>, TransportEvents);

impl<H: BrokerHarness> OverBroker<H> {
    /// All at the broker of this harness.
    pub fn new(harness: H) -> Self {
        Self {
            harness,
            strangers: Mutex::default(),
        }
    }
}

#[async_trait]
impl<H: BrokerHarness> ConformanceHarness for OverBroker<H> {
    async fn transport(&self, node: &NodeId, peers: &[NodeId]) -> Arc<dyn ClusterTransport> {
        let peers: Vec<&str> = peers.iter().map(NodeId::as_str).collect();
        let transport = self.harness.transport(CLUSTER, node.as_str(), &peers);
        Arc::new(transport)
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }
}

#[async_trait]
impl<H: BrokerHarness> StrangerHarness for OverBroker<H> {
    async fn stranger(&self, _at: &NodeId, claims: &NodeId, _lane: Lane) -> Box<dyn Any + Send> {
        let mut strangers = self.strangers.lock().await;
        if !strangers.iter().any(|(claimed, ..)| claimed == claims) {
            let stranger = self.transport(claims, &[]).await;
            match stranger.start().await {
                Ok(events) => strangers.push((claims.clone(), stranger, events)),
                Err(error) => panic!("the stranger does not start: {error}"),
            }
        }
        Box::new(())
    }
}

impl<H> fmt::Debug for OverBroker<H> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OverBroker").finish_non_exhaustive()
    }
}
