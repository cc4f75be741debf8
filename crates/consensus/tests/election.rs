//! Elections, and what a leader is.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_consensus::Role;
use raftwire_protocol::{NodeId, RaftId};
use support::{Stopwatch, TestCluster, name, names, others, role, status};
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn one_node_alone_founds_and_leads_at_once() {
    let cluster = TestCluster::started(1, &["a"]).await;

    let took = cluster
        .until("leader", Duration::from_secs(1), || {
            !cluster.leaders().is_empty()
        })
        .await;
    cluster.settled().await;

    assert!(took <= Duration::from_millis(200), "{took:?}");
    assert_eq!(role(&cluster.node("a")), Role::Leader);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_node_follows_and_has_no_term() {
    let mut cluster = TestCluster::new(1);
    let node = cluster.start("b", &["a", "b", "c"]).await;

    sleep(Duration::from_secs(30)).await;

    assert_eq!(status(&node).term, 0);
    assert!(!node.is_leader());
    assert_eq!(role(&node), Role::Learner);
}

#[tokio::test(start_paused = true)]
async fn three_nodes_elect_one_leader_and_become_members() {
    let cluster = TestCluster::ready(1, &["a", "b", "c"]).await;

    assert_eq!(cluster.leaders(), [name("a")]);
    for (_, node) in cluster.running() {
        assert_eq!(status(node).leader, Some(name("a")));
        assert_eq!(status(node).voters, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_leader_is_replaced_within_two_seconds_every_time() {
    let mut took = Vec::new();
    for seed in 0..20 {
        let mut cluster = TestCluster::ready(seed, &["a", "b", "c"]).await;
        let old = cluster.leader().await;

        cluster.crash(old.as_str()).await;
        let limit = Duration::from_secs(5);
        took.push(
            cluster
                .until("new leader", limit, || cluster.leaders().len() == 1)
                .await,
        );
    }
    took.sort();
    let (median, longest) = (took[took.len() / 2], took[took.len() - 1]);
    println!(
        "time to the new leader in {} runs: median {median:?}, longest {longest:?}",
        took.len()
    );
    assert!(longest < Duration::from_secs(2), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_is_none_before_there_is_another() {
    for seed in 0..5 {
        let cluster = TestCluster::ready(seed, &["a", "b", "c"]).await;
        let old = cluster.leader().await;
        let others = others(&["a", "b", "c"], &old);

        cluster.network.cut(std::slice::from_ref(&old), &others);
        for _ in 0..1_000 {
            assert!(
                cluster.leaders().len() <= 1,
                "two nodes call themselves the leader"
            );
            sleep(Duration::from_millis(5)).await;
        }

        assert!(!cluster.node(old.as_str()).is_leader());
        assert!(others.contains(&cluster.leader().await));
    }
}

#[tokio::test(start_paused = true)]
async fn voters_that_come_back_at_once_elect_nobody_while_the_old_leader_calls_itself_one() {
    let list = ["a", "b", "c"];
    for seed in 0..20 {
        let mut cluster = TestCluster::ready(seed, &list).await;
        let old = cluster.leader().await;
        let others: Vec<NodeId> = names(&list).into_iter().filter(|it| *it != old).collect();
        // One of them has heard nothing for long; the other one is the leader's quorum until it ends.
        cluster.crash(others[0].as_str()).await;
        sleep(Duration::from_secs(2)).await;
        assert!(cluster.node(old.as_str()).is_leader());

        cluster.network.cut(std::slice::from_ref(&old), &others);
        cluster.crash(others[1].as_str()).await;
        for other in &others {
            cluster.start(other.as_str(), &list).await;
        }

        let mut leaders = cluster.leaders();
        for _ in 0..3_000 {
            assert!(leaders.len() <= 1, "seed {seed}: {leaders:?}");
            sleep(Duration::from_millis(1)).await;
            leaders = cluster.leaders();
        }
        assert_eq!(leaders.len(), 1, "seed {seed}");
        assert!(others.contains(&leaders[0]), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_comes_back_follows_the_new_one() {
    let cluster = TestCluster::ready(3, &["a", "b", "c"]).await;
    cluster.network.cut(&names(&["a"]), &names(&["b", "c"]));
    sleep(Duration::from_secs(3)).await;
    let new = cluster.leader().await;

    cluster.network.heal();
    let a = cluster.node("a");
    cluster
        .until("step down", Duration::from_secs(2), || {
            role(&a) == Role::Follower
        })
        .await;

    assert_eq!(cluster.leaders(), std::slice::from_ref(&new));
    assert_eq!(status(&a).leader, Some(new));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_cut_off_does_not_disturb_the_leader_when_it_returns() {
    let cluster = TestCluster::ready(4, &["a", "b", "c"]).await;
    let term = status(&cluster.node("a")).term;

    cluster.network.cut(&names(&["c"]), &names(&["a", "b"]));
    sleep(Duration::from_secs(20)).await;
    cluster.network.heal();
    cluster.settled().await;

    assert_eq!(
        status(&cluster.node("a")).term,
        term,
        "pre-vote keeps the term where it is"
    );
    assert_eq!(cluster.leaders(), [name("a")]);
}

/// Cuts the cluster in the middle again and again and notes who led in which term.
async fn leaders_by_term(list: &[&str], seed: u64) -> BTreeMap<u64, Vec<RaftId>> {
    let cluster = TestCluster::ready(seed, list).await;
    let (left, right) = list.split_at(list.len() / 2);
    let mut leaders: BTreeMap<u64, Vec<RaftId>> = BTreeMap::new();
    for step in 0..400 {
        match step % 100 {
            0 => cluster.network.cut(&names(left), &names(right)),
            60 => cluster.network.heal(),
            _ => {}
        }
        for (_, node) in cluster.running() {
            let inspection = node.inspect().await.expect("it runs");
            if inspection.role == Role::Leader {
                let of_term = leaders.entry(status(node).term).or_default();
                if !of_term.contains(&inspection.raft_id) {
                    of_term.push(inspection.raft_id);
                }
            }
        }
        assert!(cluster.leaders().len() <= 1);
        sleep(Duration::from_millis(50)).await;
    }
    cluster.network.heal();
    cluster.settled().await;
    leaders
}

#[tokio::test(start_paused = true)]
async fn two_nodes_cut_in_the_middle_never_have_two_leaders_in_a_term() {
    let leaders = leaders_by_term(&["a", "b"], 5).await;

    assert!(
        leaders.values().all(|of_term| of_term.len() == 1),
        "{leaders:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn four_nodes_cut_in_the_middle_never_have_two_leaders_in_a_term() {
    let leaders = leaders_by_term(&["a", "b", "c", "d"], 6).await;

    assert!(
        leaders.values().all(|of_term| of_term.len() == 1),
        "{leaders:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn messages_that_make_no_sense_are_answered_and_change_nothing() {
    let cluster = TestCluster::ready(7, &["a", "b", "c"]).await;
    let node = cluster.node("b");
    let before = status(&node).term;

    for bytes in [
        &b""[..],
        b"\x01",
        b"\xff\xff\xff",
        b"\x01\x0a\xff",
        &[1; 4096],
    ] {
        let answer = node.handle(&name("a"), bytes.to_vec().into()).await;
        assert!(!answer.is_empty());
    }

    sleep(Duration::from_secs(1)).await;
    assert_eq!(status(&node).term, before);
    assert_eq!(cluster.leaders().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_stops_hands_over_without_an_election_timeout() {
    let cluster = TestCluster::ready(8, &["a", "b", "c"]).await;
    let old = cluster.leader().await;

    let start = Stopwatch::start();
    cluster.node(old.as_str()).stop().await;
    let stopped = start.elapsed();
    let new = cluster.leader().await;

    assert_ne!(new, old);
    assert!(stopped < Duration::from_millis(300), "{stopped:?}");
    let state = support::state(&cluster.node(new.as_str()));
    assert!(
        state.alive(&old).is_none(),
        "the log says that it has stopped"
    );
}

/// Its engine calls itself the leader until somebody else is elected.
#[tokio::test(start_paused = true)]
async fn a_node_that_has_lost_the_majority_soon_names_no_leader() {
    let mut cluster = TestCluster::ready(31, &["a", "b", "c"]).await;
    let leader = cluster.leader().await;
    let others = ["a", "b", "c"].map(name);
    for other in others.iter().filter(|node| **node != leader) {
        cluster.crash(other.as_str()).await;
    }
    let alone = cluster.node(leader.as_str());

    cluster
        .until("silence", Duration::from_secs(4), || {
            status(&alone).leader.is_none()
        })
        .await;

    for other in others.iter().filter(|node| **node != leader) {
        cluster.start(other.as_str(), &["a", "b", "c"]).await;
    }
    cluster.settled().await;
    assert!(status(&alone).leader.is_some());
}
