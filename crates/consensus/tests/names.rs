//! Names: who has one, the same everywhere.

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use raftwire_consensus::testing::{
    Command, NameOperation, NamesBatch, compact, has_names_to_sweep, propose, unacknowledged_losses,
};
use raftwire_consensus::{NamePolicy, NameRow, RaftNode, RegisterError};
use support::{TestCluster, called, connection, name, others, state};
use tokio::time::sleep;

const LIST: [&str; 3] = ["a", "b", "c"];

/// How long anything may take that nothing keeps from happening.
const SOON: Duration = Duration::from_secs(5);

fn row(node: &RaftNode, number: u8, epoch: u64) -> NameRow {
    let membership = *node.membership().borrow();
    NameRow {
        connection: connection(number),
        epoch,
        incarnation: membership.expect("a member").incarnation,
    }
}

async fn take(node: &RaftNode, text: &str, number: u8) -> Result<u64, RegisterError> {
    node.register_name(called(text), connection(number), NamePolicy::TakeOver)
        .await
}

async fn take_if_free(node: &RaftNode, text: &str, number: u8) -> Result<u64, RegisterError> {
    node.register_name(called(text), connection(number), NamePolicy::IfFree)
        .await
}

#[tokio::test(start_paused = true)]
async fn a_name_means_the_same_on_every_node() {
    let cluster = TestCluster::ready(1, &LIST).await;
    let a = cluster.node("a");

    let epoch = take_if_free(&a, "alice", 1).await.expect("registered");

    for node in LIST.map(|node| cluster.node(node)) {
        let found = node.lookup(&called("alice")).await;
        assert_eq!(found, Ok(Some(row(&a, 1, epoch))));
        assert_eq!(node.name(&called("alice")), Some(row(&a, 1, epoch)));
        assert_eq!(node.lookup(&called("bob")).await, Ok(None));
    }

    a.unregister_name(called("alice"), epoch).await;
    cluster
        .until("end of the name", SOON, || {
            cluster
                .running()
                .all(|(_, node)| node.name(&called("alice")).is_none())
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn of_two_that_want_a_free_name_at_once_one_gets_it() {
    for seed in 10..20 {
        let cluster = TestCluster::ready(seed, &LIST).await;
        let (a, b) = (cluster.node("a"), cluster.node("b"));

        let outcomes = tokio::join!(take_if_free(&a, "x", 1), take_if_free(&b, "x", 2));

        let winner = match outcomes {
            (Ok(epoch), Err(RegisterError::Taken { by })) if by == name("a") => row(&a, 1, epoch),
            (Err(RegisterError::Taken { by }), Ok(epoch)) if by == name("b") => row(&b, 2, epoch),
            other => panic!("{other:?}"),
        };
        for node in LIST.map(|node| cluster.node(node)) {
            assert_eq!(node.lookup(&called("x")).await, Ok(Some(winner)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_that_take_a_name_at_once_the_later_has_it_and_the_earlier_is_told() {
    for seed in 20..30 {
        let cluster = TestCluster::ready(seed, &LIST).await;
        let (a, b) = (cluster.node("a"), cluster.node("b"));
        let lost_by_a = a.lost_names().expect("not taken");
        let lost_by_b = b.lost_names().expect("not taken");

        let (of_a, of_b) = tokio::join!(take(&a, "x", 1), take(&b, "x", 2));
        let (of_a, of_b) = (of_a.expect("registered"), of_b.expect("registered"));

        let winner = if of_a > of_b {
            row(&a, 1, of_a)
        } else {
            row(&b, 2, of_b)
        };
        for node in LIST.map(|node| cluster.node(node)) {
            assert_eq!(node.lookup(&called("x")).await, Ok(Some(winner)));
        }
        let (mut told, mut other, loser) = if of_a > of_b {
            (lost_by_b, lost_by_a, (connection(2), of_b))
        } else {
            (lost_by_a, lost_by_b, (connection(1), of_a))
        };
        let loss = told.recv().await.expect("told");
        assert_eq!((loss.connection, loss.epoch), loser);
        assert!(other.try_recv().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn losses_wait_for_a_slow_reader_and_are_told_in_order() {
    const NAMES: usize = 3_000;
    let cluster = TestCluster::ready(30, &LIST).await;
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let mut lost = a.lost_names().expect("not taken");
    let texts: Vec<String> = (0..NAMES).map(|at| format!("n{at:04}")).collect();
    let taken = join_all(texts.iter().map(|text| take(&a, text, 1))).await;
    assert!(taken.iter().all(Result::is_ok));
    let over = join_all(texts.iter().map(|text| take(&b, text, 2))).await;
    assert!(over.iter().all(Result::is_ok));
    sleep(SOON).await;
    assert!(unacknowledged_losses(&a) > NAMES / 4);

    for text in &texts {
        let loss = lost.recv().await.expect("told");
        assert_eq!(loss.name, called(text));
    }

    cluster
        .until("acknowledgement", SOON, || unacknowledged_losses(&a) == 0)
        .await;
    assert!(lost.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn the_names_of_a_dead_node_mean_nothing_at_once_and_are_cleared_away() {
    let mut cluster = TestCluster::ready(40, &LIST).await;
    let c = cluster.node("c");
    let taken = join_all((0..3_000).map(|at| {
        let (c, text) = (&c, format!("n{at}"));
        async move { take(c, &text, 1).await }
    }))
    .await;
    assert!(taken.iter().all(Result::is_ok));
    drop(c);

    cluster.crash("c").await;

    let a = cluster.node("a");
    let mut states = a.state();
    let died = states
        .wait_for(|state| state.alive(&name("c")).is_none())
        .await;
    let at_death = died.expect("the node runs").clone();
    assert_eq!((at_death.names(), at_death.name(&called("n7"))), (0, None));
    cluster
        .until("sweep", SOON, || {
            cluster.running().all(|(_, node)| !has_names_to_sweep(node))
        })
        .await;
    assert!(take_if_free(&a, "n7", 2).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn there_are_no_more_names_than_the_founding_allows() {
    let mut cluster = TestCluster::new(50);
    for node in LIST {
        let mut options = cluster.options(node, &LIST);
        options.names_max = 3;
        cluster.start_with(options).await.expect("starts");
    }
    cluster.settled().await;
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let mut epochs = Vec::new();
    for text in ["x", "y", "z"] {
        epochs.push(take_if_free(&a, text, 1).await.expect("registered"));
    }

    let full = take_if_free(&b, "w", 2).await;
    assert_eq!(full, Err(RegisterError::Full { limit: 3 }));

    a.unregister_name(called("y"), epochs[1]).await;
    cluster.until("room", SOON, || state(&b).names() == 2).await;
    assert!(take_if_free(&b, "w", 2).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn names_come_back_from_the_log_and_from_a_snapshot() {
    let mut cluster = TestCluster::ready(60, &LIST).await;
    let a = cluster.node("a");
    let first = take(&a, "first", 1).await.expect("registered");
    for node in ["a", "b", "c"] {
        compact(&cluster.node(node)).await.expect("a snapshot");
    }
    let second = take(&a, "second", 2).await.expect("registered");

    for wiped in [false, true] {
        cluster.crash("b").await;
        if wiped {
            // A voter that lost its disk comes back once its former lease has ended.
            cluster.wipe("b");
        }
        let b = cluster.start("b", &LIST).await;
        cluster
            .until("names", Duration::from_secs(20), || state(&b).names() == 2)
            .await;
        assert_eq!(b.name(&called("first")), Some(row(&a, 1, first)));
        assert_eq!(b.name(&called("second")), Some(row(&a, 2, second)));
        cluster.settled().await;
        let hashes = LIST.map(|node| state(&cluster.node(node)));
        let newest = hashes.iter().max_by_key(|state| state.applied_index);
        let newest = newest.expect("three");
        for state in &hashes {
            if state.applied_index == newest.applied_index {
                assert_eq!(state.hash(), newest.hash());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_names_nothing_for_another() {
    let cluster = TestCluster::ready(70, &LIST).await;
    let leader = cluster.leader().await;
    let follower = cluster.node(others(&LIST, &leader)[0].as_str());
    let of_the_leader = row(&cluster.node(leader.as_str()), 1, 0);
    let batch = NamesBatch {
        node: leader,
        incarnation: of_the_leader.incarnation,
        number: 1,
        acknowledged_lost: 0,
        operations: vec![NameOperation::Register {
            name: called("x"),
            connection: connection(1),
            policy: NamePolicy::TakeOver,
        }],
    };

    let outcome = propose(&follower, &Command::Names(batch), SOON).await;

    assert_eq!(outcome, None);
    assert_eq!(follower.lookup(&called("x")).await, Ok(None));
}
