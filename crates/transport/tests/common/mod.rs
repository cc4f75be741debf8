//! The memory network as the suite's harness wants it.
#![allow(dead_code, unreachable_pub)] // each test file uses some of it

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use raftwire_environment::{Environment, SimulatedDisk};
use raftwire_protocol::{Lane, NodeAddress, NodeId};
use raftwire_transport::conformance::{ConformanceHarness, StrangerHarness};
use raftwire_transport::memory::{LinkProfile, MemoryNetwork};
use raftwire_transport::{ClusterTransport, Lanes, TransportSetup};

pub struct MemoryHarness {
    pub network: MemoryNetwork,
}

impl MemoryHarness {
    pub fn good(seed: u64) -> Self {
        Self {
            network: MemoryNetwork::new(seed),
        }
    }

    /// A network that loses, repeats and reorders.
    pub fn bad(seed: u64) -> Self {
        let harness = Self::good(seed);
        harness.network.set_default_profile(LinkProfile::bad());
        harness
    }
}

pub fn setup(node: &NodeId, peers: &[NodeId]) -> TransportSetup {
    TransportSetup {
        environment: Environment::simulated(1, SimulatedDisk::new(1)),
        cluster: "test".to_owned(),
        node: node.clone(),
        peers: peers
            .iter()
            .map(|peer| NodeAddress {
                node: peer.clone(),
                endpoint: None,
            })
            .collect(),
        lanes: Lanes::Both,
    }
}

#[async_trait]
impl ConformanceHarness for MemoryHarness {
    async fn transport(&self, node: &NodeId, peers: &[NodeId]) -> Arc<dyn ClusterTransport> {
        self.network.transport(setup(node, peers))
    }
}

#[async_trait]
impl StrangerHarness for MemoryHarness {
    async fn stranger(&self, at: &NodeId, claims: &NodeId, _lane: Lane) -> Box<dyn Any + Send> {
        let stranger = self
            .network
            .transport(setup(claims, std::slice::from_ref(at)));
        let events = stranger.start().await.expect("starts");
        // The stranger is gone when nobody reads its events any more.
        Box::new((stranger, events))
    }
}
