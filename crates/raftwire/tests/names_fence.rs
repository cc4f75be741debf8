//! Names of nodes without a lease, of dead ones, and of those that came back.

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use raftwire::{
    CloseCode, ConnectionId, ConnectionInfo, Frame, NamePolicy, NamedConnectionError,
    RegisterNameError, RouteOptions, RouteOutcome,
};
use support::{Cluster, accept_named, closed, eventually, ready, receive};

fn named(text: &str) -> ConnectionId {
    text.parse().expect("a name")
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_cut_off_from_the_majority_delivers_nothing_to_its_named_connections() {
    let cluster = Cluster::start(3).await;
    let (alice, mut outbox) = accept_named(&cluster.nodes[0], "alice").await;

    cluster.isolate(0);
    eventually("the lease ends", || !cluster.nodes[0].is_ready()).await;
    let node = &cluster.nodes[0];
    let local = node.router().route(&alice, "hello").await;
    let forgotten = node.router().send(&alice, "hello");
    let info = ConnectionInfo::default();
    let name = "bob".parse().expect("a name");
    let registered = node
        .accept_named("/ws", info, name, NamePolicy::TakeOver)
        .await;

    assert_eq!(local, RouteOutcome::Unavailable);
    assert_eq!(forgotten, Err(RouteOutcome::Unavailable));
    let refused = registered.map(drop).expect_err("it is fenced");
    assert_eq!(
        refused,
        NamedConnectionError::Name(RegisterNameError::NotMember)
    );
    let read = tokio::time::timeout(Duration::from_secs(1), receive(&mut outbox)).await;
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test(start_paused = true)]
async fn names_of_a_dead_node_are_not_found() {
    let mut cluster = Cluster::start(3).await;
    let (alice, _outbox) = accept_named(&cluster.nodes[0], "alice").await;
    let hello = cluster.nodes[1].router().route(&alice, "hello").await;
    assert_eq!(hello, RouteOutcome::Delivered);

    drop(cluster.crash(0).await);
    eventually("its death", || {
        cluster.is_down(1, 0) && cluster.is_down(2, 0)
    })
    .await;

    for survivor in &cluster.nodes[1..] {
        let outcome = survivor.router().route(&alice, "hello").await;
        assert_eq!(outcome, RouteOutcome::NotFound);
    }
    let (_, mut outbox) = accept_named(&cluster.nodes[1], "alice").await;
    let outcome = cluster.nodes[2].router().route(&alice, "again").await;
    assert_eq!(outcome, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("again")]);
}

#[tokio::test(start_paused = true)]
async fn names_of_a_dead_node_are_unavailable_without_a_leader() {
    let mut cluster = Cluster::start(3).await;
    let (alice, _outbox) = accept_named(&cluster.nodes[0], "alice").await;
    drop(cluster.crash(0).await);
    eventually("its death", || cluster.is_down(1, 0)).await;

    cluster.isolate(1);
    let patient = RouteOptions::default().deadline(Duration::from_secs(60));
    let router = cluster.nodes[1].router();
    let outcome = router.route_with(&alice, "hello", patient).await;

    assert_eq!(outcome, RouteOutcome::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_back_takes_back_its_names_that_are_free_and_closes_the_others() {
    let cluster = Cluster::start(3).await;
    let (kept, mut kept_outbox) = accept_named(&cluster.nodes[0], "kept").await;
    let (lost, mut lost_outbox) = accept_named(&cluster.nodes[0], "lost").await;
    let old = cluster.nodes[1].router().route(&kept, "before").await;
    assert_eq!(old, RouteOutcome::Delivered);

    cluster.isolate(0);
    eventually("its death", || cluster.is_down(1, 0)).await;
    let (_, mut newer) = accept_named(&cluster.nodes[1], "lost").await;
    let while_dead = cluster.nodes[1].router().route(&kept, "while dead").await;
    cluster.network.heal_all();
    ready(&cluster.nodes[0]).await;

    assert_eq!(while_dead, RouteOutcome::NotFound);
    assert_eq!(closed(&mut lost_outbox).await, CloseCode::SUPERSEDED);
    eventually("the name is back", || {
        let states = cluster.nodes.iter().map(|node| node.raft().state());
        states.into_iter().all(|state| state.borrow().names() == 2)
    })
    .await;
    for node in &cluster.nodes {
        let to_kept = node.router().route(&kept, "kept").await;
        let to_lost = node.router().route(&lost, "lost").await;
        assert_eq!(
            (to_kept, to_lost),
            (RouteOutcome::Delivered, RouteOutcome::Delivered)
        );
    }
    let mut received = receive(&mut kept_outbox).await;
    received.dedup();
    assert_eq!(received, [Frame::text("before"), Frame::text("kept")]);
    assert_eq!(receive(&mut newer).await.len(), 3);
    assert_eq!(cluster.nodes[0].local_connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_unknown_names_make_few_lookups() {
    let cluster = Cluster::start(3).await;
    let leader = cluster.leader().expect("a leader");
    let sender = &cluster.nodes[(leader + 1) % 3];
    let names: Vec<_> = (0..10_000)
        .map(|number| named(&format!("nobody-{number}")))
        .collect();
    let before = cluster.network.statistics().accepted;

    let routes = names.iter().map(|name| sender.router().route(name, ""));
    let outcomes = join_all(routes).await;

    let not_found = outcomes
        .iter()
        .filter(|outcome| **outcome == RouteOutcome::NotFound);
    let busy = RouteOutcome::Busy {
        queue: raftwire::FullQueue::Parked,
    };
    let busy = outcomes.iter().filter(|outcome| **outcome == busy);
    let (not_found, busy) = (not_found.count(), busy.count());
    assert_eq!(not_found + busy, names.len(), "{outcomes:?}");
    // As many as the room has seats for at a time.
    assert!(not_found >= 4_000, "{not_found}");
    let packets = cluster.network.statistics().accepted - before;
    assert!(packets < 200, "{packets} packets");
}
