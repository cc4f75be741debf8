//! The feed: what an edge knows without a log, from whom, and how old it may be.

use std::time::Duration;

use raftwire_consensus::Role;
use tokio::time::sleep;

use crate::support::{Stopwatch, name, names, others, role, state, status};
use crate::{LEASE, Monotonic, VOTERS, is_dead, three_voters_and_two_edges};

#[tokio::test(start_paused = true)]
async fn an_edge_is_a_member_and_knows_what_is_agreed_on_without_a_log() {
    let cluster = three_voters_and_two_edges(1).await;
    sleep(Duration::from_secs(10)).await;

    let leader = cluster.leader().await;
    let voter = cluster.node("a");
    for edge in ["d", "e"] {
        let raft = cluster.node(edge);
        assert_eq!(role(&raft), Role::Edge);
        assert!(!raft.has_log() && state(&raft).is_fed());
        assert_eq!(status(&raft).leader.as_ref(), Some(&leader));
        assert_eq!(status(&raft).voters, 3);
        assert_eq!(status(&raft).last_log_index, 0);
        assert_eq!(state(&raft).members, state(&voter).members);
        assert_eq!(state(&raft).cluster_id, state(&voter).cluster_id);
        assert!(state(&voter).members[&name(edge)].edge);
    }
    assert!(voter.has_log() && !state(&voter).is_fed());
    assert_eq!(status(&voter).voters, 3);
}

#[tokio::test(start_paused = true)]
async fn an_edge_hears_of_a_change_at_once() {
    let mut cluster = three_voters_and_two_edges(3).await;
    sleep(Duration::from_secs(3)).await;

    cluster.crash("e").await;
    cluster.start_edge("e", &VOTERS).await;
    let (voter, edge) = (cluster.node("a"), cluster.node("d"));
    let session = || state(&voter).members[&name("e")].session;
    let before = state(&edge).members[&name("e")].session;
    cluster.until("join", LEASE, || session() != before).await;
    let took = cluster
        .until("news", LEASE, || {
            state(&edge).members[&name("e")].session == session()
        })
        .await;

    assert!(took <= Duration::from_millis(50), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_edge_answers_what_is_committed_and_its_feed_follows_at_once() {
    let cluster = three_voters_and_two_edges(4).await;
    let edge = cluster.node("e");
    sleep(Duration::from_millis(2_345)).await;

    for _ in 0..20 {
        let index = edge.read_index().await.expect("a leader");
        let took = cluster
            .until("index", LEASE, || state(&edge).applied_index >= index)
            .await;
        assert!(took <= Duration::from_millis(50), "{took:?}");
        sleep(Duration::from_millis(77)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_edge_that_is_cut_off_from_its_source_asks_another() {
    let cluster = three_voters_and_two_edges(5).await;
    let leader = cluster.leader().await;
    let edge = cluster.node("d");
    let others = others(&["a", "b", "c", "e"], &leader);

    // Only the leader is left, so whomever it asked before, it has to find that one.
    cluster.network.cut(&names(&["d"]), &others);
    cluster.network.cut(&names(&["e"]), &names(&VOTERS));
    cluster
        .until("news", LEASE * 3, || is_dead(&edge, "e"))
        .await;
    let start = Stopwatch::start();
    while start.elapsed() < LEASE * 2 {
        assert!(cluster.holds_lease("d"));
        sleep(Duration::from_millis(50)).await;
    }
    cluster.network.heal();
    cluster.settled().await;
}

#[tokio::test(start_paused = true)]
async fn an_edge_whose_feed_is_stale_lets_its_lease_end() {
    let cluster = three_voters_and_two_edges(6).await;
    sleep(Duration::from_secs(2)).await;

    cluster.network.set_unfed(&name("d"), true);
    let fenced = cluster
        .until("fence", LEASE * 3, || !cluster.holds_lease("d"))
        .await;
    println!("an edge without its feed is fenced after {fenced:?}");
    let stale_max = Duration::from_secs(4);
    assert!(fenced <= stale_max + LEASE * 4 / 5, "{fenced:?}");
    assert!(fenced >= stale_max, "{fenced:?}");
    assert!(cluster.holds_lease("e"));

    cluster.network.set_unfed(&name("d"), false);
    cluster.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_voter_that_has_no_leader_feeds_nobody() {
    let cluster = three_voters_and_two_edges(7).await;
    let leader = cluster.leader().await;
    let follower = others(&VOTERS, &leader).remove(0);
    let others = others(&["a", "b", "c", "e"], &follower);

    // The edge and one voter are together, apart from the rest.
    cluster.network.cut(&[follower.clone(), name("d")], &others);
    sleep(LEASE * 4).await;
    assert!(!cluster.holds_lease("d") && !cluster.holds_lease(follower.as_str()));
    let edge = cluster.node("d");
    let known = state(&edge).applied_index;
    assert!(is_dead(&cluster.node(leader.as_str()), "d"));

    cluster.network.heal();
    cluster.settled().await;
    assert!(state(&edge).applied_index > known);
}

#[tokio::test(start_paused = true)]
async fn what_an_edge_knows_survives_loss_and_a_slow_network() {
    let mut cluster = three_voters_and_two_edges(8).await;
    let indices = Monotonic::default();
    cluster.network.set_delay(Duration::from_millis(15));

    for round in 0..6_u64 {
        let source = VOTERS[(round % 3) as usize];
        cluster.network.cut_one_way(&name(source), &name("d"));
        cluster.crash("e").await;
        cluster.start_edge("e", &VOTERS).await;
        for _ in 0..60 {
            indices.check(&cluster);
            sleep(Duration::from_millis(50)).await;
        }
        cluster.network.heal();
        cluster.settled().await;
        let (edge, voter) = (cluster.node("d"), cluster.node("a"));
        cluster
            .until("agreement", LEASE, || {
                state(&edge).members == state(&voter).members
            })
            .await;
    }
}

/// A leader that has lost its quorum goes on to answer whoever reaches it, and so do its followers.
#[tokio::test(start_paused = true)]
async fn an_edge_that_reaches_the_majority_is_not_kept_by_a_leader_without_one() {
    for seed in 20..24 {
        let cluster = three_voters_and_two_edges(seed).await;
        let lonely = cluster.leader().await;
        let others = others(&VOTERS, &lonely);
        cluster.network.cut(std::slice::from_ref(&lonely), &others);

        // Longer than what was left of the leases of both edges, and then some.
        sleep(LEASE * 3).await;

        for edge in ["d", "e"] {
            let leader = status(&cluster.node(edge)).leader;
            assert!(
                leader
                    .as_ref()
                    .is_some_and(|leader| others.contains(leader)),
                "{edge} of seed {seed} follows {leader:?}, {lonely} is alone"
            );
            assert!(cluster.holds_lease(edge), "{edge} of seed {seed} is fenced");
        }
    }
}
