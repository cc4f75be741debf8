//! Seats: who gets one that is free, and what becomes of whoever lost one.

use std::time::Duration;

use raftwire_consensus::Role;
use tokio::time::sleep;

use crate::support::{Stopwatch, TestCluster, names, others, role, status};
use crate::{LEASE, Monotonic, VOTERS};

/// How long a dead node keeps its seat in these tests.
const SEAT_KEPT: Duration = Duration::from_secs(15);

#[tokio::test(start_paused = true)]
async fn the_third_member_beside_the_voters_is_an_edge() {
    let cluster = six_nodes(9).await;

    let roles: Vec<Role> = ["d", "e", "f"]
        .iter()
        .map(|node| role(&cluster.node(node)))
        .collect();
    assert_eq!(roles, [Role::Learner, Role::Learner, Role::Edge]);
    assert!(cluster.node("d").has_log() && !cluster.node("f").has_log());
}

#[tokio::test(start_paused = true)]
async fn a_voter_that_is_dead_for_long_is_replaced_and_an_edge_takes_the_spares_place() {
    let mut cluster = six_nodes(10).await;
    let indices = Monotonic::default();
    let leader = cluster.leader().await;
    let victim = others(&VOTERS, &leader).remove(0);

    cluster.crash(victim.as_str()).await;
    let (d, f) = (cluster.node("d"), cluster.node("f"));
    let took = cluster
        .until("replacement", LEASE + SEAT_KEPT * 3, || {
            indices.check(&cluster);
            role(&d) == Role::Follower && f.has_log() && role(&f) == Role::Learner
        })
        .await;
    println!("a spare votes and an edge has the log {took:?} after a voter was killed");
    assert!(took >= SEAT_KEPT, "{took:?}");
    assert_eq!(status(&d).voters, 3);

    // It comes back with the log of a voter, and there is no seat for it.
    cluster.start(victim.as_str(), &VOTERS).await;
    cluster.settled().await;
    until_edge(&cluster, victim.as_str()).await;
    indices.check(&cluster);
    assert_eq!(status(&d).voters, 3);

    // Two of the three that vote now are enough; the former voter does not count.
    cluster.crash(leader.as_str()).await;
    cluster.leader().await;
}

#[tokio::test(start_paused = true)]
async fn a_voter_that_was_cut_off_for_long_comes_back_as_an_edge_without_a_restart() {
    let cluster = six_nodes(11).await;
    let indices = Monotonic::default();
    let leader = cluster.leader().await;
    let victim = others(&VOTERS, &leader).remove(0);
    let others = others(&["a", "b", "c", "d", "e", "f"], &victim);

    cluster.network.cut(std::slice::from_ref(&victim), &others);
    let d = cluster.node("d");
    cluster
        .until("replacement", LEASE + SEAT_KEPT * 3, || {
            indices.check(&cluster);
            role(&d) == Role::Follower
        })
        .await;
    sleep(Duration::from_secs(5)).await;
    cluster.network.heal();
    cluster.settled().await;
    until_edge(&cluster, victim.as_str()).await;
    indices.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn an_edge_becomes_a_voter_and_an_edge_again_and_its_index_never_goes_back() {
    let mut cluster = six_nodes(12).await;
    let indices = Monotonic::default();
    let check = |cluster: &TestCluster| indices.check(cluster);

    // Both spares go: the edge gets their seat.
    cluster.crash("d").await;
    cluster.crash("e").await;
    let f = cluster.node("f");
    cluster
        .until("a seat", LEASE + SEAT_KEPT * 3, || {
            check(&cluster);
            f.has_log()
        })
        .await;
    // A voter goes: the seat gets its vote.
    let leader = cluster.leader().await;
    let victim = others(&VOTERS, &leader).remove(0);
    cluster.crash(victim.as_str()).await;
    cluster
        .until("a vote", LEASE + SEAT_KEPT * 3, || {
            check(&cluster);
            role(&f) == Role::Follower
        })
        .await;

    // The others come back and stand by; then it goes itself for long, and finds no seat any more.
    for node in ["d", "e", victim.as_str()] {
        cluster.start(node, &VOTERS).await;
    }
    cluster.settled().await;
    until_seated(&cluster, "d").await;
    let others = names(&["a", "b", "c", "d", "e"]);
    cluster.network.cut(&names(&["f"]), &others);
    let start = Stopwatch::start();
    while start.elapsed() < LEASE * 2 + SEAT_KEPT * 2 {
        check(&cluster);
        sleep(Duration::from_millis(50)).await;
    }
    cluster.network.heal();
    cluster.settled().await;
    until_edge(&cluster, "f").await;
    check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn an_edge_that_would_have_to_vote_is_named_and_nothing_is_founded() {
    let mut cluster = TestCluster::new(14);
    cluster.start("a", &VOTERS).await;
    cluster.start("b", &VOTERS).await;
    cluster.start_edge("c", &VOTERS).await;
    sleep(Duration::from_secs(5)).await;

    let problem = status(&cluster.node("a")).problem.expect("a problem");
    assert!(problem.contains("c is an edge"), "{problem}");
    assert!(cluster.leaders().is_empty());

    // Told otherwise, it votes.
    cluster.crash("c").await;
    cluster.start("c", &VOTERS).await;
    cluster.settled().await;
    assert_eq!(status(&cluster.node("a")).voters, 3);
}

/// Three voters, two spares and an edge; seats are kept for a short time.
async fn six_nodes(seed: u64) -> TestCluster {
    let mut cluster = TestCluster::new(seed);
    cluster.timings.seat_kept = SEAT_KEPT;
    for node in VOTERS {
        cluster.start(node, &VOTERS).await;
    }
    for node in ["d", "e"] {
        cluster.start(node, &["a", "b"]).await;
        cluster.settled().await;
    }
    until_seated(&cluster, "d").await;
    until_seated(&cluster, "e").await;
    cluster.start("f", &["a", "b"]).await;
    cluster.settled().await;
    cluster
}

async fn until_seated(cluster: &TestCluster, node: &str) {
    let raft = cluster.node(node);
    cluster
        .until("seat", Duration::from_secs(20), || {
            raft.has_log() && role(&raft) != Role::Edge
        })
        .await;
}

async fn until_edge(cluster: &TestCluster, node: &str) {
    let raft = cluster.node(node);
    cluster
        .until("edge", Duration::from_secs(20), || {
            role(&raft) == Role::Edge && !raft.has_log() && cluster.holds_lease(node)
        })
        .await;
}
