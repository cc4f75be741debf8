//! A cluster over a transport of one's own: `transport.rs` is all of it that Raftwire asks for.
//!
//! Run it with `cargo run -p raftwire --example custom_transport`.

use std::error::Error;

use raftwire::{ClusterManager, ClusterOptions, ConnectionInfo, Environment, RouteOutcome};

pub(crate) use switchboard::Switchboard;

mod switchboard;
mod transport;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let switchboard = Switchboard::default();
    let mut nodes = Vec::new();
    for name in ["node1", "node2", "node3"] {
        let options = ClusterOptions {
            node_id: Some(name.parse()?),
            // The switchboard needs no addresses: names will do.
            nodes: vec!["node1".parse()?, "node2".parse()?, "node3".parse()?],
            ephemeral: true,
            ..ClusterOptions::default()
        };
        nodes.push(ClusterManager::start(options, Environment::real(), &switchboard).await?);
    }
    for node in &nodes {
        node.ready().await;
    }

    // Larger than a packet: what is above the transport cuts it and puts it together again.
    let (alice, mut outbox) = nodes[0].accept("/ws", ConnectionInfo::default())?;
    let text = "over the switchboard ".repeat(20_000);
    let outcome = nodes[2].router().route(&alice, text.as_str()).await;
    assert_eq!(outcome, RouteOutcome::Delivered);

    let mut received = Vec::new();
    let batch = outbox.next_batch(&mut received).await;
    batch.map_err(|closed| closed.code.reason())?;
    assert_eq!(received[0].as_text(), Some(text.as_str()));

    for node in &nodes {
        node.stop().await;
    }
    Ok(())
}
