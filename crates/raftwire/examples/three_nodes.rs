//! Three nodes in one process: a message from a connection of one to a connection of another.
//!
//! Run it with `cargo run -p raftwire --example three_nodes`.

use std::error::Error;

use raftwire::{ClusterManager, ClusterOptions, ConnectionInfo, Environment, RouteOutcome};
use raftwire_transport::memory::MemoryNetwork;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    // In place of sockets: a network in memory. A server would use `raftwire-transport-ws`.
    let network = MemoryNetwork::new(1);
    let mut nodes = Vec::new();
    for name in ["node1", "node2", "node3"] {
        let options = ClusterOptions {
            node_id: Some(name.parse()?),
            // Each node lists all: listing oneself makes no difference.
            nodes: vec!["node1".parse()?, "node2".parse()?, "node3".parse()?],
            ephemeral: true,
            ..ClusterOptions::default()
        };
        nodes.push(ClusterManager::start(options, Environment::real(), &network).await?);
    }
    for node in &nodes {
        node.ready().await;
    }

    let (alice, mut alices_outbox) = nodes[0].accept("/ws", ConnectionInfo::default())?;
    let outcome = nodes[2]
        .router()
        .route(&alice, "hello from the third node")
        .await;
    assert_eq!(outcome, RouteOutcome::Delivered);

    let mut received = Vec::new();
    alices_outbox
        .next_batch(&mut received)
        .await
        .map_err(|closed| closed.code.reason())?;
    assert_eq!(received[0].as_text(), Some("hello from the third node"));

    drop(alices_outbox);
    let outcome = nodes[2].router().route(&alice, "still there?").await;
    assert_eq!(outcome, RouteOutcome::NotFound);

    for node in &nodes {
        node.stop().await;
    }
    Ok(())
}
