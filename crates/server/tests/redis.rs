//! Three real nodes whose traffic rides on a private Redis server, and what that server does.

mod support;

#[path = "../../transport-redis/tests/common/redis_server.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]
mod redis_server;

use std::time::Duration;

use redis_server::RedisServer;
use support::{Client, Cluster, Settings, Traffic, eventually};

/// How often the broker is killed.
const KILLS: usize = 5;

/// Longer than the silence after which a broker counts as gone.
const PAUSE: Duration = Duration::from_secs(5);

const CLIENTS_PER_NODE: usize = 8;

fn settings(server: &RedisServer) -> Settings {
    Settings::default()
        .with_flag("transport-type", "redis")
        .with_variable("RAFTWIRE_REDIS_CONNECTION_STRING", &server.url())
        .with_variable("RAFTWIRE_SECRET", "what the three nodes of the test know")
}

async fn ring(cluster: &Cluster, traffic: &mut Traffic) {
    let mut clients: Vec<(usize, Client)> = Vec::new();
    for _ in 0..CLIENTS_PER_NODE {
        for node in 0..cluster.len() {
            clients.push((node, cluster.node(node).client().await));
        }
    }
    traffic.ring(clients);
}

/// Waits until the traffic flows again.
async fn flows(traffic: &Traffic, what: &str) {
    let before = traffic.received();
    let enough = before + 20 * CLIENTS_PER_NODE;
    eventually(what, async || (traffic.received() > enough).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_message_arrives_while_the_broker_fails() {
    let mut server = RedisServer::start();
    let cluster = Cluster::start_with(3, &settings(&server)).await;
    let mut traffic = Traffic::new();
    ring(&cluster, &mut traffic).await;
    flows(&traffic, "messages over the broker").await;

    for run in 1..=KILLS {
        server.kill();
        server.restart();
        cluster.leader_among(&[0, 1, 2]).await;
        flows(
            &traffic,
            &format!("messages after death {run} of the broker"),
        )
        .await;
    }
    server.pause();
    tokio::time::sleep(PAUSE).await;
    server.resume();
    cluster.leader_among(&[0, 1, 2]).await;
    flows(&traffic, "messages after the broker hung").await;
    for kind in ["pubsub", "normal"] {
        server.ask(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]);
        flows(&traffic, "messages after the broker cut its connections").await;
    }

    for node in 0..3 {
        assert_eq!(
            traffic.ended_on(node),
            0,
            "a client of node {node} was closed"
        );
    }
    let tally = traffic.settle().await;
    assert!(tally.acknowledged > 100 * KILLS, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_killed_while_the_broker_dies() {
    let mut server = RedisServer::start();
    let mut cluster = Cluster::start_with(3, &settings(&server)).await;
    let mut traffic = Traffic::new();
    ring(&cluster, &mut traffic).await;
    flows(&traffic, "messages over the broker").await;
    let (old, before) = cluster.leader_among(&[0, 1, 2]).await;

    server.kill();
    cluster.kill(old).await;
    server.restart();
    let survivors: Vec<usize> = (0..3).filter(|node| *node != old).collect();
    let (_, elected) = cluster.leader_among(&survivors).await;
    cluster.restart(old).await;

    assert!(elected.term > before.term);
    flows(&traffic, "messages between the survivors").await;
    let tally = traffic.settle().await;
    assert!(tally.acknowledged > 100, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_says_what_carries_the_cluster_and_how_long_things_take() {
    let server = RedisServer::start();
    let cluster = Cluster::start_with(1, &settings(&server)).await;

    let log = cluster.node(0).log();

    for words in [
        "timings between nodes",
        "transport=\"redis\"",
        &format!("broker=\"{}\"", server.url()),
        "heartbeat=400ms",
        "lease=12s",
        "connected to Redis",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
}
