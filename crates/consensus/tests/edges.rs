//! Nodes without a seat: the feed, promotion, and what an edge may do.

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_consensus::testing::losses_of;
use raftwire_consensus::{NamePolicy, RaftNode, Role};
use raftwire_protocol::{MintedId, Name, NodeId};
use support::{Stopwatch, TestCluster, name, names, role, state, status};
use tokio::time::sleep;

const VOTERS: [&str; 3] = ["a", "b", "c"];
const LEASE: Duration = Duration::from_secs(5);

/// How long a dead node keeps its seat in these tests.
const SEAT_KEPT: Duration = Duration::from_secs(15);

/// Three voters and two edges, all members.
async fn three_voters_and_two_edges(seed: u64) -> TestCluster {
    let mut cluster = TestCluster::started(seed, &VOTERS).await;
    cluster.start_edge("d", &VOTERS).await;
    cluster.start_edge("e", &["a"]).await;
    cluster.settled().await;
    cluster
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

fn is_dead(node: &RaftNode, whom: &str) -> bool {
    state(node)
        .members
        .get(&name(whom))
        .is_some_and(|row| !row.is_alive())
}

/// Notices a published index that goes back.
#[derive(Default)]
struct Monotonic {
    last: RefCell<BTreeMap<NodeId, (u64, u64)>>,
}

impl Monotonic {
    fn check(&self, cluster: &TestCluster) {
        for (name, node) in cluster.running() {
            let process = cluster.machines[name].starts;
            let index = state(node).applied_index;
            let before = self
                .last
                .borrow_mut()
                .insert(name.clone(), (process, index));
            if let Some((same, before)) = before
                && same == process
            {
                assert!(index >= before, "{name} went from {before} back to {index}");
            }
        }
    }
}

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
async fn any_node_may_be_killed_and_all_others_agree_that_it_is_dead() {
    let all = ["a", "b", "c", "d", "e"];
    let mut cluster = three_voters_and_two_edges(2).await;
    let indices = Monotonic::default();

    for victim in all {
        cluster.crash(victim).await;
        let took = cluster
            .until("death", LEASE * 4, || {
                indices.check(&cluster);
                cluster.running().all(|(_, node)| is_dead(node, victim))
            })
            .await;
        println!("{victim} is dead everywhere after {took:?}");
        let ends: Vec<u64> = cluster
            .running()
            .map(
                |(_, node)| match state(node).members[&name(victim)].liveness {
                    raftwire_consensus::Liveness::Dead { at, .. } => at,
                    raftwire_consensus::Liveness::Alive => panic!("dead"),
                },
            )
            .collect();
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{ends:?}");

        if ["d", "e"].contains(&victim) {
            cluster.start_edge(victim, &VOTERS).await;
        } else {
            cluster.start(victim, &VOTERS).await;
        }
        cluster.settled().await;
    }
    assert_eq!(status(&cluster.node("a")).voters, 3);
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
    let others: Vec<NodeId> = names(&["a", "b", "c", "e"])
        .into_iter()
        .filter(|node| *node != leader)
        .collect();

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
    let follower = names(&VOTERS)
        .into_iter()
        .find(|node| *node != leader)
        .expect("three");
    let others: Vec<NodeId> = names(&["a", "b", "c", "e"])
        .into_iter()
        .filter(|node| *node != follower)
        .collect();

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
        let others: Vec<NodeId> = names(&VOTERS)
            .into_iter()
            .filter(|node| *node != lonely)
            .collect();
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
    let victim = names(&VOTERS)
        .into_iter()
        .find(|node| *node != leader)
        .expect("three");

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
    let victim = names(&VOTERS)
        .into_iter()
        .find(|node| *node != leader)
        .expect("three");
    let others: Vec<NodeId> = names(&["a", "b", "c", "d", "e", "f"])
        .into_iter()
        .filter(|node| *node != victim)
        .collect();

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
    let victim = names(&VOTERS)
        .into_iter()
        .find(|node| *node != leader)
        .expect("three");
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
async fn a_wiped_edge_waits_for_its_former_lease_and_joins() {
    let mut cluster = three_voters_and_two_edges(13).await;
    let old = cluster.node("d").raft_id();

    cluster.crash("d").await;
    cluster.wipe("d");
    cluster.start_edge("d", &VOTERS).await;
    cluster.settled().await;

    assert_ne!(cluster.node("d").raft_id(), old);
    assert_eq!(role(&cluster.node("d")), Role::Edge);
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

#[tokio::test(start_paused = true)]
async fn an_edge_that_stops_says_so() {
    let cluster = three_voters_and_two_edges(15).await;
    let (edge, voter) = (cluster.node("e"), cluster.node("a"));

    edge.stop().await;

    assert!(is_dead(&voter, "e"));
    assert_eq!(role(&edge), Role::Stopped);
}

#[tokio::test(start_paused = true)]
async fn an_edge_has_names_and_is_told_of_those_that_it_lost() {
    let cluster = three_voters_and_two_edges(16).await;
    let (voter, edge, other) = (cluster.node("a"), cluster.node("d"), cluster.node("e"));
    let mut lost = edge.lost_names().expect("not taken yet");
    let alice: Name = "alice".parse().expect("a name");
    let connection = |number| MintedId::from_bytes([number; 16]);

    let first = edge
        .register_name(alice.clone(), connection(1), NamePolicy::TakeOver)
        .await
        .expect("free");
    let row = other.lookup(&alice).await.expect("a leader");
    assert_eq!(
        row.map(|row| (row.connection, row.epoch)),
        Some((connection(1), first))
    );
    let second = voter
        .register_name(alice.clone(), connection(2), NamePolicy::TakeOver)
        .await
        .expect("taken over");

    let start = Stopwatch::start();
    let told = lost.recv().await.expect("a loss");
    // A follower hears of the commit by the next heartbeat.
    assert!(
        start.elapsed() < Duration::from_millis(300),
        "{:?}",
        start.elapsed()
    );
    assert_eq!((&told.name, told.connection), (&alice, connection(1)));
    assert_eq!(told.epoch, first);
    let row = edge.lookup(&alice).await.expect("a leader");
    assert_eq!(row.map(|row| row.epoch), Some(second));

    // Told once, and acknowledged: the state keeps it no longer.
    sleep(Duration::from_secs(5)).await;
    assert!(lost.try_recv().is_err());
    let own = (*edge.membership().borrow()).expect("a member");
    assert_eq!(losses_of(&voter, own.incarnation), 0);
}
