//! Members that know little of each other.

mod support;

use raftwire::{CloseCode, ClusterOptions, RemoveError, RouteOutcome, SeatPolicy};
use support::{Cluster, accept, closed, eventually, receive};

#[tokio::test(start_paused = true)]
async fn two_late_joiners_that_list_only_the_first_node_reach_each_other() {
    let cluster = Cluster::start_with(3, |options| ClusterOptions {
        nodes: vec!["node1".parse().expect("an address")],
        ..options
    })
    .await;
    let (id, mut outbox) = accept(&cluster.nodes[2]);

    let outcome = cluster.nodes[1].router().route(&id, "hello").await;

    assert_eq!(outcome, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn edges_deliver_to_each_other_and_learn_of_deaths() {
    let mut cluster = Cluster::start_with(3, |options| {
        let is_first = options
            .node_id
            .as_ref()
            .is_some_and(|id| id.as_str() == "node1");
        ClusterOptions {
            nodes: vec!["node1".parse().expect("an address")],
            seat: if is_first {
                SeatPolicy::Auto
            } else {
                SeatPolicy::Edge
            },
            ..options
        }
    })
    .await;
    assert!(!cluster.nodes[1].raft().has_log() && cluster.nodes[0].raft().has_log());
    let (id, mut outbox) = accept(&cluster.nodes[2]);
    let outcome = cluster.nodes[1].router().route(&id, "hello").await;
    assert_eq!(outcome, RouteOutcome::Delivered);
    receive(&mut outbox).await;

    let dead = cluster.crash(2).await;
    let edge = &cluster.nodes[1];
    let name = dead.node_id().clone();
    eventually("the death", || {
        edge.nodes()
            .iter()
            .any(|view| view.node == name && !view.is_alive && view.is_edge)
    })
    .await;
    let outcome = edge.router().route(&id, "hello").await;
    assert_eq!(outcome, RouteOutcome::NodeDown { node: name.clone() });

    let itself = edge.node_id().clone();
    assert!(matches!(
        edge.remove_node(&itself).await,
        Err(RemoveError::Alive { .. })
    ));
    edge.remove_node(&name).await.expect("it is dead");
    eventually("the removal", || {
        edge.nodes().iter().all(|view| view.node != name)
    })
    .await;
    // Nobody ends who has never been: the id is of no process that the cluster knows.
    let outcome = edge.router().route(&id, "hello").await;
    assert_eq!(outcome, RouteOutcome::NotFound);
}

/// The log issues another slot to a session that it has forgotten.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_removed_while_it_is_cut_off_goes_on_with_new_ids() {
    let cluster = Cluster::start(3).await;
    let (away, here) = (&cluster.nodes[2], &cluster.nodes[0]);
    let (old, mut old_outbox) = accept(away);
    let name = away.node_id().clone();

    cluster.isolate(2);
    eventually("the death", || {
        here.nodes()
            .iter()
            .any(|view| view.node == name && !view.is_alive)
    })
    .await;
    here.remove_node(&name).await.expect("it is dead");
    cluster.network.heal_all();

    assert_eq!(closed(&mut old_outbox).await, CloseCode::GOING_AWAY);
    drop(old_outbox);
    support::ready(away).await;
    let (new, mut outbox) = accept(away);
    for node in &cluster.nodes {
        let outcome = node.router().route(&new, "hello").await;
        assert_eq!(outcome, RouteOutcome::Delivered, "{}", node.node_id());
        let outcome = node.router().route(&old, "hello").await;
        assert_eq!(outcome, RouteOutcome::NotFound, "{}", node.node_id());
    }
    assert_eq!(receive(&mut outbox).await.len(), 3);
}
