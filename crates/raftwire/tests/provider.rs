//! Connections that belong to the application.

mod support;

use std::sync::Arc;

use raftwire::{
    AcceptError, CloseCode, ClusterManager, ClusterOptions, ConnectionId, ConnectionInfo,
    ConnectionProvider, Environment, Frame, RouteOutcome, Undeliverable,
};
use raftwire_environment::SimulatedDisk;
use raftwire_transport::memory::MemoryNetwork;
use support::{Cluster, ready};

/// Takes everything but what is empty, and panics where it is told to.
#[derive(Debug, Default)]
struct Refusing;

impl ConnectionProvider for Refusing {
    fn send(&self, _: &ConnectionId, frame: Frame) -> Result<(), Undeliverable> {
        assert_ne!(frame, Frame::text("panic"), "on purpose");
        if frame.is_empty() {
            Err(Undeliverable::Refused)
        } else {
            Ok(())
        }
    }

    fn close(&self, _: &ConnectionId, _: CloseCode) {}
}

async fn cluster_with_a_provider() -> (Cluster, ConnectionId) {
    let cluster = Cluster::start_with_provider(3, Arc::new(Refusing)).await;
    let connection = cluster.nodes[0]
        .register_connection("/ws", ConnectionInfo::default())
        .expect("a ready node");
    (cluster, connection)
}

#[tokio::test(start_paused = true)]
async fn an_applications_provider_delivers_and_refuses() {
    let network = MemoryNetwork::new(1);
    let environment = Environment::simulated(1, SimulatedDisk::new(1));
    let options = ClusterOptions {
        node_id: Some("node1".parse().expect("a node id")),
        ..ClusterOptions::default()
    };
    let provider = Arc::new(Refusing);
    let node = ClusterManager::start_with_provider(options, environment, &network, provider)
        .await
        .expect("it starts");
    ready(&node).await;
    let connection = node
        .register_connection("/ws", ConnectionInfo::default())
        .expect("a ready node");

    assert_eq!(
        node.router().route(&connection, "hello").await,
        RouteOutcome::Delivered
    );
    assert_eq!(
        node.router().route(&connection, "").await,
        RouteOutcome::Refused
    );
    node.unregister_connection(&connection, CloseCode::NORMAL);
    assert_eq!(
        node.router().route(&connection, "hello").await,
        RouteOutcome::NotFound
    );
    assert!(node.accept("/ws", ConnectionInfo::default()).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_provider_refuses_messages_of_other_nodes_too() {
    let (cluster, connection) = cluster_with_a_provider().await;
    let router = cluster.nodes[1].router();

    let passed = router.route(&connection, "hello").await;
    let refused = router.route(&connection, "").await;

    assert_eq!(
        (passed, refused),
        (RouteOutcome::Delivered, RouteOutcome::Refused)
    );
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_panics_refuses_and_the_link_lives_on() {
    let (cluster, connection) = cluster_with_a_provider().await;

    // The owner itself, and another node over the link.
    for sender in &cluster.nodes[..2] {
        let router = sender.router();
        let panicked = router.route(&connection, "panic").await;
        let next = router.route(&connection, "hello").await;

        assert_eq!(
            (panicked, next),
            (RouteOutcome::Refused, RouteOutcome::Delivered)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn registering_without_a_provider_says_that_there_is_none() {
    let cluster = Cluster::start(1).await;

    let refused = cluster.nodes[0].register_connection("/ws", ConnectionInfo::default());

    assert_eq!(refused, Err(AcceptError::NoProvider));
    assert_eq!(cluster.nodes[0].local_connections(), 0);
}
