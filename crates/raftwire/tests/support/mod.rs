//! A cluster in one process, over the memory network, in paused time.
#![allow(dead_code)] // not everything by every test file

use std::sync::Arc;
use std::time::Duration;

use raftwire::{
    CloseCode, ClusterManager, ClusterOptions, ConnectionId, ConnectionInfo, ConnectionProvider,
    Environment, Frame, NamePolicy, Outbox,
};
use raftwire_environment::SimulatedDisk;
use raftwire_transport::memory::MemoryNetwork;

/// Far above what anything here needs: it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Cluster {
    pub(crate) network: MemoryNetwork,
    pub(crate) nodes: Vec<ClusterManager>,
    pub(crate) disks: Vec<SimulatedDisk>,
    starts: u64,
}

pub(crate) fn name(index: usize) -> String {
    format!("node{}", index + 1)
}

/// What one of so many nodes is started with: a name, and a list of all of them.
pub(crate) fn options(index: usize, count: usize) -> ClusterOptions {
    ClusterOptions {
        node_id: Some(name(index).parse().expect("a node id")),
        nodes: (0..count)
            .map(|other| name(other).parse().expect("an address"))
            .collect(),
        ..ClusterOptions::default()
    }
}

impl Cluster {
    /// Starts that many nodes and waits until all are ready.
    pub(crate) async fn start(count: usize) -> Cluster {
        Self::start_with(count, |options| options).await
    }

    /// The first node delivers by a provider of the application.
    pub(crate) async fn start_with_provider(
        count: usize,
        provider: Arc<dyn ConnectionProvider>,
    ) -> Cluster {
        Self::start_all(count, |options| options, Some(provider)).await
    }

    pub(crate) async fn start_with(
        count: usize,
        adapt: impl Fn(ClusterOptions) -> ClusterOptions,
    ) -> Cluster {
        Self::start_all(count, adapt, None).await
    }

    async fn start_all(
        count: usize,
        adapt: impl Fn(ClusterOptions) -> ClusterOptions,
        mut first_provider: Option<Arc<dyn ConnectionProvider>>,
    ) -> Cluster {
        let disks = (0..count as u64).map(SimulatedDisk::new).collect();
        let network = MemoryNetwork::new(7);
        let mut cluster = Cluster {
            network,
            nodes: Vec::new(),
            disks,
            starts: 0,
        };
        for index in 0..count {
            let node = cluster
                .start_node(index, count, &adapt, first_provider.take())
                .await;
            cluster.nodes.push(node);
        }
        for node in &cluster.nodes {
            ready(node).await;
        }
        cluster
    }

    async fn start_node(
        &mut self,
        index: usize,
        count: usize,
        adapt: &impl Fn(ClusterOptions) -> ClusterOptions,
        provider: Option<Arc<dyn ConnectionProvider>>,
    ) -> ClusterManager {
        self.starts += 1;
        let environment = Environment::simulated(self.starts, self.disks[index].clone());
        let options = adapt(options(index, count));
        let network = &self.network;
        let started = match provider {
            None => ClusterManager::start(options, environment, network).await,
            Some(provider) => {
                ClusterManager::start_with_provider(options, environment, network, provider).await
            }
        };
        started.expect("it starts")
    }

    /// Ends a node as a killed process ends, with what its disk had synced.
    pub(crate) async fn crash(&mut self, index: usize) -> ClusterManager {
        let dead = self.nodes[index].clone();
        self.network.crash(dead.node_id());
        self.disks[index].crash();
        dead
    }

    pub(crate) async fn restart(&mut self, index: usize) {
        let count = self.nodes.len();
        let node = self
            .start_node(index, count, &|options| options, None)
            .await;
        self.nodes[index] = node;
    }

    /// Nothing passes between this node and the others, either way.
    pub(crate) fn isolate(&self, index: usize) {
        let alone = self.nodes[index].node_id();
        for other in self.nodes.iter().filter(|node| node.node_id() != alone) {
            self.network.cut(alone, other.node_id());
        }
    }

    /// Whether one node has heard of the death of another.
    pub(crate) fn is_down(&self, observer: usize, node: usize) -> bool {
        let node = self.nodes[node].node_id();
        let views = self.nodes[observer].nodes();
        views
            .iter()
            .any(|view| view.node == *node && !view.is_alive)
    }

    pub(crate) fn leader(&self) -> Option<usize> {
        self.nodes.iter().position(ClusterManager::is_leader)
    }
}

pub(crate) async fn ready(node: &ClusterManager) {
    eventually("the node is ready", || node.is_ready()).await;
}

/// Waits, in virtual time, until something holds.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, wait).await.is_ok(),
        "never: {what}"
    );
}

pub(crate) fn accept(node: &ClusterManager) -> (ConnectionId, Outbox) {
    node.accept("/ws", ConnectionInfo::default())
        .expect("a ready node accepts")
}

pub(crate) async fn receive(outbox: &mut Outbox) -> Vec<Frame> {
    let mut batch = Vec::new();
    let received = tokio::time::timeout(PATIENCE, outbox.next_batch(&mut batch)).await;
    received
        .expect("a message in time")
        .expect("an open connection");
    batch
}

/// Virtual time.
#[allow(dead_code)] // not by every test file
pub(crate) fn now() -> std::time::Instant {
    Environment::real().now()
}

/// A connection with a name, taken over if another one has it.
pub(crate) async fn accept_named(node: &ClusterManager, name: &str) -> (ConnectionId, Outbox) {
    node.accept_named(
        "/ws",
        ConnectionInfo::default(),
        name.parse().expect("a name"),
        NamePolicy::TakeOver,
    )
    .await
    .expect("registered")
}

/// The code that a connection is closed with, after what its outbox still holds.
pub(crate) async fn closed(outbox: &mut Outbox) -> CloseCode {
    let until_closed = async {
        loop {
            if let Err(closed) = outbox.next_batch(&mut Vec::new()).await {
                return closed.code;
            }
        }
    };
    let closed = tokio::time::timeout(PATIENCE, until_closed).await;
    closed.expect("closed in time")
}
