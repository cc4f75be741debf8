use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use raftwire_protocol::{Lane, NodeAddress, NodeId};

use crate::ClusterTransport;

/// Makes the transports that the suite checks.
#[async_trait]
pub trait ConformanceHarness: Send + Sync {
    /// Makes a transport, not yet started, for `node`, which knows `peers`.
    ///
    /// All that one harness has made can reach each other. Asked again for the same node, after
    /// the one before was stopped, it makes the same node again, at the same address.
    async fn transport(&self, node: &NodeId, peers: &[NodeId]) -> Arc<dyn ClusterTransport>;

    /// Where the transport of `node` is reached, as the cluster would tell the others. By default an
    /// address without a place, which is right where nobody is dialled.
    fn address(&self, node: &NodeId) -> NodeAddress {
        NodeAddress {
            node: node.clone(),
            endpoint: None,
        }
    }

    /// How long anything may take before a check fails. Only failures take this long.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// For transports on which a stranger can open a channel and say that it is somebody else.
#[async_trait]
pub trait StrangerHarness: ConformanceHarness {
    /// Opens a channel at the running transport of `at` that claims to be `claims`, and keeps it
    /// open until the returned value is dropped.
    async fn stranger(&self, at: &NodeId, claims: &NodeId, lane: Lane) -> Box<dyn Any + Send>;
}
