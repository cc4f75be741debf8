//! Founding, and what prevents it.

mod support;

use std::time::Duration;

use raftwire_consensus::{RaftOptions, Storage};
use support::{TestCluster, name, names, state, status};
use tokio::time::sleep;

fn cluster_ids(cluster: &TestCluster) -> Vec<Option<u128>> {
    let mut ids: Vec<Option<u128>> = cluster
        .running()
        .map(|(_, node)| state(node).cluster_id)
        .collect();
    ids.dedup();
    ids
}

#[tokio::test(start_paused = true)]
async fn order_repetitions_and_oneself_make_no_difference() {
    let mut cluster = TestCluster::new(1);
    cluster.start("a", &["b", "c"]).await;
    cluster.start("b", &["c", "b", "a", "c"]).await;
    cluster.start("c", &["a", "b", "a"]).await;

    cluster.settled().await;

    assert_eq!(cluster_ids(&cluster).len(), 1);
    assert_eq!(status(&cluster.node("a")).voters, 3);
    assert_eq!(state(&cluster.node("c")).founding, names(&["a", "b", "c"]));
}

#[tokio::test(start_paused = true)]
async fn lists_that_differ_are_refused_and_the_difference_is_shown() {
    let mut cluster = TestCluster::new(2);
    cluster.start("a", &["a", "b", "c"]).await;
    cluster.start("b", &["a", "b"]).await;
    cluster.start("c", &["a", "b", "c"]).await;

    sleep(Duration::from_secs(10)).await;

    let problem = status(&cluster.node("a"))
        .problem
        .expect("a problem is shown");
    assert!(
        problem.contains("b has another list") && problem.contains("only here: c"),
        "{problem}"
    );
    assert_eq!(cluster_ids(&cluster), [None]);
    assert!(cluster.leaders().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_was_mended_founds() {
    let mut cluster = TestCluster::new(3);
    cluster.start("a", &["a", "b"]).await;
    cluster.start("b", &["b"]).await;
    cluster.crash("b").await;
    cluster.wipe("b");
    cluster.start("b", &["a", "b"]).await;

    cluster.settled().await;

    assert_eq!(cluster_ids(&cluster).len(), 1);
    assert_eq!(status(&cluster.node("a")).problem, None);
}

#[tokio::test(start_paused = true)]
async fn nobody_founds_before_all_voters_are_heard() {
    let mut cluster = TestCluster::new(4);
    cluster.start("a", &["a", "b", "c"]).await;
    cluster.start("b", &["a", "b", "c"]).await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(cluster_ids(&cluster), [None]);

    cluster.start("c", &["a", "b", "c"]).await;

    cluster.settled().await;
}

#[tokio::test(start_paused = true)]
async fn of_four_three_vote_and_of_six_five() {
    for (list, voters) in [
        (&["a", "b", "c", "d"][..], 3),
        (&["a", "b", "c", "d", "e"][..], 5),
        (&["a", "b", "c", "d", "e", "f"][..], 5),
    ] {
        let cluster = TestCluster::ready(5, list).await;

        assert_eq!(status(&cluster.node("a")).voters, voters);
        let last = list.last().expect("not empty");
        assert_eq!(state(&cluster.node(last)).members.len(), list.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_joiner_with_another_list_joins_and_does_not_found() {
    let mut cluster = TestCluster::ready(6, &["a", "b", "c"]).await;

    cluster.start("d", &["a", "b", "c", "d"]).await;
    cluster.settled().await;

    assert_eq!(cluster_ids(&cluster).len(), 1);
    assert_eq!(status(&cluster.node("d")).voters, 3);
}

#[tokio::test(start_paused = true)]
async fn a_founder_that_crashes_at_any_moment_founds_once() {
    for millis in (0..120).step_by(3) {
        let list = ["a", "b", "c"];
        let mut cluster = TestCluster::started(100 + millis, &list).await;
        sleep(Duration::from_millis(millis)).await;
        cluster.crash("a").await;
        sleep(Duration::from_millis(500)).await;
        cluster.start("a", &list).await;

        cluster.settled().await;

        assert_eq!(cluster_ids(&cluster).len(), 1, "crashed after {millis} ms");
        let voters = status(&cluster.node("b")).voters;
        assert_eq!(voters, 3, "crashed after {millis} ms");
    }
}

fn ephemeral(mut options: RaftOptions) -> RaftOptions {
    options.storage = Storage::Ephemeral;
    options
}

#[tokio::test(start_paused = true)]
async fn voters_are_all_ephemeral_or_none() {
    let list = ["a", "b", "c"];
    let mut cluster = TestCluster::new(7);
    for node in list {
        let mut options = cluster.options(node, &list);
        if node == "b" {
            options = ephemeral(options);
        }
        cluster.start_with(options).await.expect("opens");
    }

    sleep(Duration::from_secs(5)).await;

    let problem = status(&cluster.node("a"))
        .problem
        .expect("a problem is shown");
    assert!(problem.contains("b is ephemeral and a is not"), "{problem}");
    assert_eq!(cluster_ids(&cluster), [None]);
}

#[tokio::test(start_paused = true)]
async fn an_ephemeral_voter_that_restarts_gets_its_vote_back() {
    let list = ["a", "b", "c"];
    let mut cluster = TestCluster::new(8);
    for node in list {
        let options = cluster.options(node, &list);
        cluster.start_with(ephemeral(options)).await.expect("opens");
    }
    cluster.settled().await;

    // One after the other, so that a majority lives throughout.
    for node in list {
        cluster.crash(node).await;
        let options = cluster.options(node, &list);
        let raft = cluster.start_with(ephemeral(options)).await.expect("opens");
        let own = raft.raft_id().get();
        cluster.settled().await;
        for _ in 0..100 {
            let inspection = raft.inspect().await.expect("it runs");
            if inspection
                .voters
                .iter()
                .any(|(voter, _)| voter.get() == own)
            {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    let voters = cluster.node("a").inspect().await.expect("it runs").voters;
    for node in list {
        let raft_id = cluster.node(node).raft_id();
        assert!(
            voters.contains(&(raft_id, Some(name(node)))),
            "{node} votes again: {voters:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_founding_that_waits_says_for_whom() {
    let mut cluster = TestCluster::new(33);
    let list = ["a", "b", "c"];
    let (a, b) = (
        cluster.start("a", &list).await,
        cluster.start("b", &list).await,
    );
    for node in [&a, &b] {
        cluster
            .until("the reason", Duration::from_secs(10), || {
                let problem = status(node).problem;
                problem.is_some_and(|problem| problem.starts_with("waiting for c:"))
            })
            .await;
    }

    cluster.start("c", &list).await;
    cluster.settled().await;
    assert_eq!((status(&a).problem, status(&b).problem), (None, None));
}
