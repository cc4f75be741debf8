//! `kill -9` of real processes while hundreds of clients send to each other.

mod support;

use std::time::Duration;

use raftwire_environment::Environment;
use support::{Client, Cluster, Traffic, eventually};
use tokio::task::JoinHandle;

const RUNS: usize = 10;
/// Clients of each node in the ring: three nodes hold 300.
const CLIENTS_PER_NODE: usize = 100;
/// Clients that come and go meanwhile.
const CHURNERS: usize = 10;

/// So many clients on each of these nodes, in an order in which each one's neighbour in the ring
/// is on another node.
async fn clients(cluster: &Cluster, nodes: &[usize], each: usize) -> Vec<(usize, Client)> {
    let mut clients = Vec::new();
    for _ in 0..each {
        for node in nodes {
            clients.push((*node, cluster.node(*node).client().await));
        }
    }
    clients
}

/// Connects to one node after the other and goes again, for ever.
fn churn(environment: &Environment, ports: Vec<u16>) -> Vec<JoinHandle<()>> {
    let churner = |offset: usize| {
        let ports = ports.clone();
        async move {
            for turn in offset.. {
                if let Some(client) = Client::try_connect(ports[turn % ports.len()]).await {
                    drop(client);
                } else {
                    // The node is down: a client would pause as well.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    };
    (0..CHURNERS)
        .map(|offset| environment.spawn("churn", churner(offset)))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_leader_is_replaced_in_every_run() {
    let environment = Environment::real();
    let mut cluster = Cluster::start(3).await;
    let mut traffic = Traffic::new();
    traffic.ring(clients(&cluster, &[0, 1, 2], CLIENTS_PER_NODE).await);
    let churners = churn(
        &environment,
        (0..3).map(|node| cluster.node(node).port).collect(),
    );

    let mut terms = Vec::new();
    for _ in 0..RUNS {
        let before = traffic.received();
        let (old, report) = cluster.leader_among(&[0, 1, 2]).await;
        cluster.kill(old).await;
        let survivors: Vec<usize> = (0..3).filter(|node| *node != old).collect();
        let (_, elected) = cluster.leader_among(&survivors).await;
        assert!(elected.term > report.term);
        terms.push(elected.term);
        cluster.restart(old).await;
        // The node hosts clients again when it is killed again.
        traffic.ring(clients(&cluster, &[old, survivors[0]], CLIENTS_PER_NODE / 10).await);
        eventually("messages after the failover", async || {
            (traffic.received() > before + CLIENTS_PER_NODE).then_some(())
        })
        .await;
    }
    churners.iter().for_each(JoinHandle::abort);
    let tally = traffic.settle().await;

    assert_eq!(terms.len(), RUNS);
    assert!(terms.is_sorted(), "{terms:?}");
    assert!(tally.acknowledged > RUNS * CLIENTS_PER_NODE, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_comes_back_without_touching_others() {
    let mut cluster = Cluster::start(3).await;
    let (leader, _) = cluster.leader_among(&[0, 1, 2]).await;
    let killed = (leader + 1) % 3;
    let others: Vec<usize> = (0..3).filter(|node| *node != killed).collect();
    let mut traffic = Traffic::new();
    traffic.ring(clients(&cluster, &others, 20).await);

    cluster.kill(killed).await;
    cluster.restart(killed).await;
    traffic.ring(clients(&cluster, &[killed, others[0], killed, others[1]], 5).await);
    let before = traffic.received();
    eventually("messages with the new process", async || {
        (traffic.received() > before + 500).then_some(())
    })
    .await;

    assert_eq!(
        [traffic.ended_on(others[0]), traffic.ended_on(others[1])],
        [0, 0]
    );
    let (still, _) = cluster.leader_among(&[0, 1, 2]).await;
    assert_eq!(still, leader, "a follower's death is no election");
    let tally = traffic.settle().await;
    assert_eq!((tally.refused, tally.unknown), (0, 0), "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_cluster_that_was_killed_is_the_same_cluster_again() {
    let mut cluster = Cluster::start(3).await;
    let (_, before) = cluster.leader_among(&[0, 1, 2]).await;
    for node in 0..3 {
        cluster.kill(node).await;
    }

    for node in 0..3 {
        cluster.node_mut(node).start();
    }
    for node in 0..3 {
        cluster.ready(node).await;
    }
    let (_, after) = cluster.leader_among(&[0, 1, 2]).await;
    let mut traffic = Traffic::new();
    traffic.ring(clients(&cluster, &[0, 1, 2], 5).await);
    eventually("messages", async || {
        (traffic.received() > 100).then_some(())
    })
    .await;
    let tally = traffic.settle().await;

    assert!(after.term > before.term && after.applied_index > before.applied_index);
    assert_eq!((tally.refused, tally.unknown), (0, 0), "{tally:?}");
}
