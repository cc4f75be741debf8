//! Lookups: linearizable, and few questions for many names.

mod support;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use raftwire_consensus::testing::{lookup_rounds, set_has_log};
use raftwire_consensus::{NamePolicy, RaftNode};
use raftwire_environment::Environment;
use support::{TestCluster, called, connection, others};
use tokio::time::sleep;

const LIST: [&str; 3] = ["a", "b", "c"];

async fn take(node: &RaftNode, text: &str, number: u8) -> u64 {
    node.register_name(called(text), connection(number), NamePolicy::TakeOver)
        .await
        .expect("a quorum is there")
}

async fn follower(cluster: &TestCluster) -> Arc<RaftNode> {
    let leader = cluster.leader().await;
    cluster.node(others(&LIST, &leader)[0].as_str())
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_unknown_names_are_two_questions() {
    let cluster = TestCluster::ready(1, &LIST).await;
    let node = follower(&cluster).await;
    let before = lookup_rounds(&node);
    let calls = cluster.network.calls();

    let found = join_all((0..10_000).map(|at| {
        let (node, name) = (&node, called(&format!("n{at}")));
        async move { node.lookup(&name).await }
    }))
    .await;

    assert!(found.iter().all(|row| *row == Ok(None)));
    assert!(lookup_rounds(&node) - before <= 2);
    assert!(
        cluster.network.calls() - calls < 50,
        "heartbeats and questions"
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_without_the_log_asks_for_a_thousand_names_at_once() {
    let cluster = TestCluster::ready(2, &LIST).await;
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let epoch = take(&a, "n7", 1).await;
    set_has_log(&b, false);
    let calls = cluster.network.calls();

    let found = join_all((0..10_000).map(|at| {
        let (b, name) = (&b, called(&format!("n{at}")));
        async move { b.lookup(&name).await }
    }))
    .await;

    for (at, row) in found.into_iter().enumerate() {
        let epochs = row.expect("a quorum").map(|row| row.epoch);
        assert_eq!(epochs, (at == 7).then_some(epoch));
    }
    assert!(
        cluster.network.calls() - calls < 200,
        "{}",
        cluster.network.calls() - calls
    );
    assert_eq!(b.name(&called("n7")).map(|row| row.epoch), Some(epoch));
    assert_eq!(b.name(&called("n8")), None);
}

#[tokio::test(start_paused = true)]
async fn a_node_without_the_log_keeps_what_a_name_meant_and_not_that_it_meant_nothing() {
    let mut cluster = TestCluster::ready(3, &LIST).await;
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    set_has_log(&b, false);
    assert_eq!(b.lookup(&called("x")).await, Ok(None));
    let first = take(&a, "x", 1).await;

    let found = b
        .lookup(&called("x"))
        .await
        .expect("a quorum")
        .expect("registered");
    assert_eq!(found.epoch, first);
    let second = take(&a, "x", 2).await;
    assert_eq!(b.name(&called("x")), Some(found), "until it asks again");
    let found = b.lookup(&called("x")).await.expect("a quorum");
    assert_eq!(found.map(|row| row.epoch), Some(second));
    assert_eq!(b.name(&called("x")), found);

    a.unregister_name(called("x"), second).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(b.lookup(&called("x")).await, Ok(None));
    assert_eq!(b.name(&called("x")), None);

    take(&a, "y", 3).await;
    assert!(b.lookup(&called("y")).await.expect("a quorum").is_some());
    drop(a);
    cluster.crash("a").await;
    let mut states = b.state();
    let died = states.wait_for(|state| state.alive(&"a".parse().expect("valid")).is_none());
    drop(died.await.expect("it runs"));
    assert_eq!(b.name(&called("y")), None, "its owner is dead");
}

/// One register: the epoch of a name only rises, so a history is linearizable if no lookup finds
/// less than what was known before it began, or more than was begun before it ended.
#[tokio::test(start_paused = true)]
async fn a_lookup_finds_what_was_registered_before_it_and_nothing_older_than_an_earlier_one() {
    for seed in 10..16 {
        let mut cluster = TestCluster::ready(seed, &LIST).await;
        cluster
            .network
            .set_delay(Duration::from_millis(seed % 4 * 3));
        set_has_log(&cluster.node("c"), false);
        let leader = cluster.leader().await;
        let known = Cell::new(0_u64);
        let random = Environment::simulated(seed, raftwire_environment::SimulatedDisk::new(seed));
        let pause = || Duration::from_micros(random.random_range(0..20_000));
        let nodes = LIST.map(|node| cluster.node(node));

        let writers = nodes.iter().zip(1..).map(|(node, number)| {
            let (known, pause) = (&known, &pause);
            async move {
                for _ in 0..15 {
                    let epoch = take(node, "x", number).await;
                    known.set(known.get().max(epoch));
                    sleep(pause()).await;
                }
            }
        });
        let readers = nodes.iter().chain(&nodes).map(|node| {
            let (known, pause) = (&known, &pause);
            async move {
                for _ in 0..40 {
                    let before = known.get();
                    if let Ok(row) = node.lookup(&called("x")).await {
                        let found = row.map_or(0, |row| row.epoch);
                        assert!(found >= before, "{found} though {before} was known");
                        known.set(known.get().max(found));
                    }
                    sleep(pause()).await;
                }
            }
        });
        let disturbance = async {
            sleep(Duration::from_millis(60)).await;
            let others = others(&LIST, &leader);
            cluster.network.cut(std::slice::from_ref(&leader), &others);
            sleep(Duration::from_millis(1_500)).await;
            cluster.network.heal();
        };
        tokio::join!(join_all(writers), join_all(readers), disturbance);

        assert!(known.get() > 0);
        drop(nodes);
        cluster.crash("a").await;
    }
}
