//! From any node to any connection, over three nodes.

mod support;

use std::time::Duration;

use raftwire::{ConnectionInfo, Frame, RouteOptions, RouteOutcome};
use support::{Cluster, accept, receive};

#[tokio::test(start_paused = true)]
async fn a_single_node_is_a_cluster_and_delivers_to_itself() {
    let cluster = Cluster::start(1).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);

    let outcome = cluster.nodes[0].router().route(&connection, "hello").await;

    assert_eq!(outcome, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("hello")]);
    assert!(cluster.nodes[0].is_leader());
}

#[tokio::test(start_paused = true)]
async fn text_bytes_and_json_reach_a_connection_of_another_node() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let router = cluster.nodes[2].router();

    let outcomes = [
        router.route(&connection, "text").await,
        router.route(&connection, vec![0, 159]).await,
        router
            .route_json(&connection, &[1, 2])
            .await
            .expect("it has a JSON form"),
    ];

    assert_eq!(outcomes, [const { RouteOutcome::Delivered }; 3]);
    let expected = [
        Frame::text("text"),
        Frame::binary(vec![0, 159]),
        Frame::text("[1,2]"),
    ];
    assert_eq!(receive(&mut outbox).await, expected);
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_sender_arrive_in_order() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let router = cluster.nodes[1].router();

    let routes = (0..500).map(|number: u32| router.route(&connection, number.to_string()));
    let outcomes = futures_util::future::join_all(routes).await;

    assert!(
        outcomes
            .iter()
            .all(|outcome| *outcome == RouteOutcome::Delivered)
    );
    let mut received = Vec::new();
    while received.len() < 500 {
        received.extend(receive(&mut outbox).await);
    }
    let expected: Vec<_> = (0..500)
        .map(|number: u32| Frame::text(number.to_string()))
        .collect();
    assert_eq!(received, expected);
}

#[tokio::test(start_paused = true)]
async fn route_many_answers_for_each_id_and_one_failure_does_not_fail_the_rest() {
    let cluster = Cluster::start(3).await;
    let (local, mut local_outbox) = accept(&cluster.nodes[1]);
    let (remote, mut remote_outbox) = accept(&cluster.nodes[0]);
    let (closed, outbox) = accept(&cluster.nodes[2]);
    drop(outbox);

    let ids = [local.clone(), closed.clone(), remote.clone(), local.clone()];
    let outcomes = cluster.nodes[1].router().route_many(&ids, "to all").await;

    let expected = [
        (local, RouteOutcome::Delivered),
        (closed, RouteOutcome::NotFound),
        (remote, RouteOutcome::Delivered),
    ];
    assert_eq!(outcomes, expected);
    for outbox in [&mut local_outbox, &mut remote_outbox] {
        assert_eq!(
            receive(outbox).await,
            [Frame::text("to all")],
            "one copy each"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_message_crosses_whole_and_small_ones_to_others_are_not_behind_it() {
    let cluster = Cluster::start(3).await;
    let (big, mut big_outbox) = accept(&cluster.nodes[0]);
    let (small, mut small_outbox) = accept(&cluster.nodes[0]);
    let router = cluster.nodes[1].router();
    let payload: Vec<u8> = (0..1024 * 1024).map(|index| (index % 251) as u8).collect();

    let (one, other) = tokio::join!(
        router.route(&big, payload.clone()),
        router.route(&small, "small")
    );

    assert_eq!(
        (one, other),
        (RouteOutcome::Delivered, RouteOutcome::Delivered)
    );
    assert_eq!(receive(&mut big_outbox).await, [Frame::binary(payload)]);
    assert_eq!(receive(&mut small_outbox).await, [Frame::text("small")]);
}

#[tokio::test(start_paused = true)]
async fn counts_and_connection_info_are_asked_of_the_nodes_that_know() {
    let cluster = Cluster::start(3).await;
    let info = ConnectionInfo::default().with_metadata("device", "phone");
    let (connection, _one) = cluster.nodes[0].accept("/ws", info).expect("ready");
    let _two = accept(&cluster.nodes[1]);

    let count = cluster.nodes[2].cluster_connections().await;
    let known = cluster.nodes[2]
        .connection_info(&connection)
        .await
        .expect("it lives");

    assert_eq!((count.total, count.unknown), (2, vec![]));
    assert_eq!(cluster.nodes[2].local_connections(), 0);
    assert_eq!(known.endpoint, "/ws");
    assert_eq!(known.metadata["device"], "phone");
    let least = cluster.nodes[0].least_loaded_node().await;
    assert_eq!(least.as_ref(), Some(cluster.nodes[2].node_id()));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_no_clock_can_tell_is_taken_as_the_longest() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let options = RouteOptions::default().deadline(Duration::MAX);

    for sender in &cluster.nodes {
        let route = sender.router().route_with(&connection, "hello", options);
        assert_eq!(route.await, RouteOutcome::Delivered);
        assert_eq!(receive(&mut outbox).await, [Frame::text("hello")]);
    }
}
