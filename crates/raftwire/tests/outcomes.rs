//! What a sender learns, outcome by outcome, over three nodes.

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use raftwire::{
    ClusterOptions, ConnectionId, Frame, FullQueue, Happened, OutboxPolicy, RouteOptions,
    RouteOutcome,
};
use support::{Cluster, accept, eventually, ready, receive};

fn short() -> RouteOptions {
    RouteOptions::default().deadline(Duration::from_millis(200))
}

fn patient() -> RouteOptions {
    RouteOptions::default().deadline(Duration::from_secs(60))
}

fn nobodys() -> ConnectionId {
    "~________________AAAAAA"
        .parse()
        .expect("an id by its form")
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_is_not_found() {
    let cluster = Cluster::start(3).await;
    let (connection, outbox) = accept(&cluster.nodes[0]);
    drop(outbox);

    for node in &cluster.nodes {
        assert_eq!(
            node.router().route(&connection, "hello").await,
            RouteOutcome::NotFound
        );
        assert_eq!(
            node.connection_info(&connection).await,
            Err(RouteOutcome::NotFound)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_nobody_minted_is_not_found_and_without_quorum_unavailable() {
    let cluster = Cluster::start(3).await;
    let nobodys = nobodys();

    let outcome = cluster.nodes[1].router().route(&nobodys, "hello").await;
    assert_eq!(outcome, RouteOutcome::NotFound);

    cluster.isolate(1);
    let outcome = cluster.nodes[1].router().route(&nobodys, "hello").await;
    assert_eq!(outcome, RouteOutcome::Unavailable);
    assert_eq!(
        cluster.nodes[1].router().send(&nobodys, "x"),
        Err(RouteOutcome::Unavailable)
    );
}

#[tokio::test(start_paused = true)]
async fn connections_of_an_ended_process_are_not_found_once_it_is_back() {
    let mut cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    let dead = cluster.crash(0).await;
    drop(dead);
    cluster.restart(0).await;
    ready(&cluster.nodes[0]).await;

    eventually("the new process is known", || {
        let up = cluster.nodes[1].nodes();
        up.iter()
            .any(|view| view.node == *cluster.nodes[0].node_id() && view.is_alive)
    })
    .await;
    let outcome = cluster.nodes[1].router().route(&connection, "hello").await;

    assert_eq!(outcome, RouteOutcome::NotFound);
}

#[tokio::test(start_paused = true)]
async fn messages_for_a_peer_that_does_not_answer_end_at_their_deadline_as_unknown() {
    let cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    cluster.isolate(0);

    let outcome = cluster.nodes[1]
        .router()
        .route_with(&connection, "hello", short())
        .await;

    assert_eq!(outcome, RouteOutcome::Deadline { transmitted: true });
    assert_eq!(outcome.happened(), Happened::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_to_a_peer_is_busy_and_leaves_other_peers_alone() {
    let cluster = Cluster::start(3).await;
    let (unreachable, _outbox) = accept(&cluster.nodes[0]);
    let (reachable, mut outbox) = accept(&cluster.nodes[2]);
    cluster.isolate(0);
    let router = cluster.nodes[1].router();
    let large = Frame::binary(vec![0; 1024 * 1024]);

    let routes = (0..64).map(|_| router.route_with(&unreachable, large.clone(), short()));
    let outcomes = join_all(routes).await;
    let elsewhere = router.route(&reachable, "hello").await;

    let busy = RouteOutcome::Busy {
        queue: FullQueue::Peer,
    };
    assert!(outcomes.contains(&busy), "{outcomes:?}");
    assert_eq!(elsewhere, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("hello")]);
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_limit_is_too_large_and_nothing_is_sent() {
    let cluster = Cluster::start_with(1, |options| ClusterOptions {
        message_bytes_max: 4,
        ..options
    })
    .await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let router = cluster.nodes[0].router();

    let refused = router.route(&connection, "12345").await;
    let passed = router.route(&connection, "1234").await;

    assert_eq!(
        refused,
        RouteOutcome::TooLarge {
            limit_bytes: Some(4)
        }
    );
    assert_eq!(passed, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("1234")]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_is_told_to_local_and_remote_senders() {
    let cluster = Cluster::start_with(3, |options| ClusterOptions {
        outbox_bytes_max: 100,
        outbox_policy: OutboxPolicy::Refuse,
        ..options
    })
    .await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);

    let first = cluster.nodes[1].router().route(&connection, "first").await;
    let remote = cluster.nodes[1].router().route(&connection, "second").await;
    let local = cluster.nodes[0].router().route(&connection, "third").await;

    assert_eq!(first, RouteOutcome::Delivered);
    assert_eq!(
        (remote, local),
        (RouteOutcome::SlowConsumer, RouteOutcome::SlowConsumer)
    );
    assert_eq!(receive(&mut outbox).await, [Frame::text("first")]);
}

#[tokio::test(start_paused = true)]
async fn messages_in_flight_to_a_node_that_dies_are_lost_and_later_ones_find_it_down() {
    let cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    let owner = cluster.nodes[0].node_id().clone();
    let survivor = cluster.nodes[1].clone();
    let mut events = survivor.events();

    cluster.isolate(0);
    let in_flight = survivor
        .router()
        .route_with(&connection, "hello", patient())
        .await;

    let RouteOutcome::NodeLost { node, index } = in_flight else {
        panic!("{in_flight:?}")
    };
    assert_eq!(node, owner);
    let later = survivor.router().route(&connection, "hello").await;
    assert_eq!(
        later,
        RouteOutcome::NodeDown {
            node: owner.clone()
        }
    );
    let death = loop {
        match events
            .next()
            .await
            .expect("the node runs")
            .expect("few events")
        {
            raftwire::ClusterEvent::NodeDown { node, index, .. } if node == owner => break index,
            _ => {}
        }
    };
    assert_eq!(death, index, "the outcome names the log index of the death");
}

#[tokio::test(start_paused = true)]
async fn messages_that_were_never_transmitted_to_a_node_that_died_did_not_happen() {
    let mut cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    let node = cluster.nodes[0].node_id().clone();
    let survivor = cluster.nodes[1].clone();

    drop(cluster.crash(0).await);
    // The channel has gone: the message waits for another one, and the death comes first.
    let outcome = survivor
        .router()
        .route_with(&connection, "hello", patient())
        .await;

    assert_eq!(outcome, RouteOutcome::NodeDown { node });
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_owners_limit_is_too_large_by_a_limit_that_is_not_ones_own() {
    let owner = support::name(0);
    let cluster = Cluster::start_with(3, |mut options| {
        if options.node_id.as_ref().map(|node| node.as_str()) == Some(owner.as_str()) {
            options.message_bytes_max = 4;
        }
        options
    })
    .await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let router = cluster.nodes[1].router();

    let refused = router.route(&connection, vec![0; 5]).await;
    let passed = router.route(&connection, "1234").await;

    assert_eq!(refused, RouteOutcome::TooLarge { limit_bytes: None });
    assert_eq!(passed, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("1234")]);
}

#[tokio::test(start_paused = true)]
async fn messages_for_unknown_connections_wait_in_a_bounded_room() {
    let cluster = Cluster::start(3).await;
    cluster.isolate(1);
    let router = cluster.nodes[1].router();
    let half = Frame::binary(vec![0; 512 * 1024]);
    let nobodys = nobodys();

    let routes = (0..3).map(|_| router.route(&nobodys, half.clone()));
    let outcomes = join_all(routes).await;

    let busy = RouteOutcome::Busy {
        queue: FullQueue::Parked,
    };
    assert_eq!(outcomes, [RouteOutcome::Unavailable, busy.clone(), busy]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waited_for_its_owners_name_until_its_deadline_was_not_transmitted() {
    let cluster = Cluster::start(3).await;
    cluster.isolate(1);

    let outcome = cluster.nodes[1]
        .router()
        .route_with(&nobodys(), "hello", short())
        .await;

    assert_eq!(outcome, RouteOutcome::Deadline { transmitted: false });
    assert_eq!(outcome.happened(), Happened::No);
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_its_own_node_stops_ends_at_once() {
    let cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    let sender = &cluster.nodes[1];
    cluster.isolate(0);

    let began = support::now();
    let route = sender.router().route_with(&connection, "hello", patient());
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        sender.stop().await;
    };
    let (outcome, ()) = tokio::join!(route, stop);
    let later = sender.router().route(&connection, "later").await;

    assert_eq!(outcome.happened(), Happened::Unknown, "{outcome:?}");
    assert_eq!(later.happened(), Happened::No, "{later:?}");
    // Before the owner's lease could have ended the link.
    assert!(support::now() - began < Duration::from_secs(4), "{began:?}");
}
