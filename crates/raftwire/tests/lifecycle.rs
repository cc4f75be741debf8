//! Starts, stops and starts again, and what the application learns of them.

mod support;

use std::time::Duration;

use raftwire::{
    AcceptError, CONNECTION_INFO_BYTES_MAX, CloseCode, ClusterManager, ClusterOptions,
    ConnectionInfo, Environment, Frame, RouteOutcome,
};
use raftwire_environment::SimulatedDisk;
use raftwire_transport::memory::MemoryNetwork;
use support::{Cluster, accept, eventually, ready, receive};

/// Longer than a stop may take, whatever the peers do.
const STOP_MAX: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_is_down_at_once_and_its_clients_are_told_to_go() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let other = &cluster.nodes[1];

    cluster.nodes[0].stop().await;

    let end = outbox.next_batch(&mut Vec::new()).await;
    assert_eq!(
        end.map_err(|closed| closed.code),
        Err(CloseCode::GOING_AWAY)
    );
    eventually("the others know", || {
        other
            .nodes()
            .iter()
            .any(|view| view.node == *cluster.nodes[0].node_id() && !view.is_alive)
    })
    .await;
    let outcome = other.router().route(&connection, "hello").await;
    assert_eq!(
        outcome,
        RouteOutcome::NodeDown {
            node: cluster.nodes[0].node_id().clone()
        }
    );
    assert!(
        cluster.nodes[0]
            .accept("/ws", ConnectionInfo::default())
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_without_a_name_makes_one_and_keeps_it() {
    let network = MemoryNetwork::new(1);
    let disk = SimulatedDisk::new(1);
    let start = |seed| {
        let environment = Environment::simulated(seed, disk.clone());
        ClusterManager::start(ClusterOptions::default(), environment, &network)
    };

    let first = start(1).await.expect("it starts");
    ready(&first).await;
    let name = first.node_id().clone();
    network.crash(&name);
    disk.crash();
    drop(first);
    let second = start(2).await.expect("it starts again");
    ready(&second).await;

    assert_eq!(*second.node_id(), name);
    let elsewhere = Environment::simulated(2, SimulatedDisk::new(2));
    let other = ClusterManager::start(ClusterOptions::default(), elsewhere, &network);
    let other = other.await.expect("it starts");
    assert_ne!(
        *other.node_id(),
        name,
        "kept on the disk, not always the same"
    );
}

#[tokio::test(start_paused = true)]
async fn events_end_with_the_node() {
    let cluster = Cluster::start(3).await;
    let mut events = cluster.nodes[0].events();

    cluster.nodes[0].stop().await;

    let end = async { while events.next().await.is_some() {} };
    let ended = tokio::time::timeout(Duration::from_secs(1), end).await;
    assert!(ended.is_ok(), "who listens learns of the end");
    assert!(cluster.nodes[0].events().next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_was_given_up_goes_on_where_it_is_called_again() {
    let cluster = Cluster::start(3).await;
    let node = &cluster.nodes[0];
    let mut events = node.events();
    cluster.isolate(0);

    let given_up = tokio::time::timeout(Duration::from_millis(1), node.stop()).await;
    let again = tokio::time::timeout(STOP_MAX, node.stop()).await;

    assert!(given_up.is_err(), "it was still under way");
    assert!(again.is_ok());
    let end = async { while events.next().await.is_some() {} };
    let ended = tokio::time::timeout(Duration::from_secs(1), end).await;
    assert!(ended.is_ok(), "the second stop did the rest");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_node_starts_again_in_the_same_process_on_the_same_disk() {
    let mut cluster = Cluster::start(3).await;
    let stopped = cluster.nodes[0].clone();

    stopped.stop().await;
    cluster.restart(0).await;
    ready(&cluster.nodes[0]).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let outcome = cluster.nodes[1].router().route(&connection, "again").await;

    assert_eq!(outcome, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("again")]);
    assert!(!stopped.is_ready(), "the old one is still held, and over");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_a_connection_has_a_limit() {
    let cluster = Cluster::start(1).await;
    let info = |bytes| ConnectionInfo::default().with_metadata("", "x".repeat(bytes));
    let endpoint = "/ws";
    let most = CONNECTION_INFO_BYTES_MAX - endpoint.len();

    let passed = cluster.nodes[0].accept(endpoint, info(most)).map(drop);
    let refused = cluster.nodes[0].accept(endpoint, info(most + 1)).map(drop);

    assert_eq!(passed, Ok(()));
    let (bytes, limit) = (CONNECTION_INFO_BYTES_MAX + 1, CONNECTION_INFO_BYTES_MAX);
    assert_eq!(refused, Err(AcceptError::InfoTooLarge { bytes, limit }));
}
