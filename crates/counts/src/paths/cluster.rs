//! Nodes in one thread, over the memory network, in time that passes when nothing else is to be done.

use raftwire::{ClusterManager, ClusterOptions, ConnectionId, ConnectionInfo, Outbox};
use raftwire_environment::{Environment, SimulatedDisk};
use raftwire_transport::memory::MemoryNetwork;
use tokio::runtime::{Builder, RngSeed};

/// Runs it to its end; twice the same is twice the same.
pub(super) fn in_virtual_time<F: Future>(work: F) -> F::Output {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .rng_seed(RngSeed::from_bytes(b"counts"))
        .build();
    runtime.expect("a runtime without sockets").block_on(work)
}

/// Starts so many nodes and waits until all are ready.
pub(super) async fn start(count: u64) -> Vec<ClusterManager> {
    let network = MemoryNetwork::new(1);
    let name = |index: u64| format!("node{}", index + 1);
    let mut nodes = Vec::new();
    for index in 0..count {
        let environment = Environment::simulated(index + 1, SimulatedDisk::new(index));
        let options = ClusterOptions {
            node_id: Some(name(index).parse().expect("a node id")),
            nodes: (0..count)
                .map(|other| name(other).parse().expect("an address"))
                .collect(),
            ..ClusterOptions::default()
        };
        let node = ClusterManager::start(options, environment, &network).await;
        nodes.push(node.expect("it starts"));
    }
    for node in &nodes {
        node.ready().await;
    }
    nodes
}

/// A connection of this node.
pub(super) fn accept(node: &ClusterManager) -> (ConnectionId, Outbox) {
    let accepted = node.accept("/ws", ConnectionInfo::default());
    accepted.expect("a ready node accepts")
}
