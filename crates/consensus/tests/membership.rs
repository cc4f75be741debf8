//! Who is alive: joins, leases, and the one committed death.

mod support;

use std::sync::Arc;
use std::time::Duration;

use raftwire_consensus::{ClusterEvent, DownReason, Liveness, RaftNode, Role};
use raftwire_protocol::NodeId;
use support::{Stopwatch, TestCluster, name, names, others, state, status};
use tokio::time::sleep;

const LEASE: Duration = Duration::from_secs(5);

fn is_dead(node: &RaftNode, whom: &str) -> bool {
    let state = state(node);
    state
        .members
        .get(&name(whom))
        .is_some_and(|row| !row.is_alive())
}

fn drain(events: &mut tokio::sync::mpsc::Receiver<ClusterEvent>) -> Vec<ClusterEvent> {
    let mut all = Vec::new();
    while let Ok(event) = events.try_recv() {
        all.push(event);
    }
    all
}

/// Waits for the death of `whom` to be committed somewhere, and asserts at every step that the
/// node does not hold its lease once it is.
async fn dies_without_its_lease(cluster: &TestCluster, whom: &str, limit: Duration) -> Duration {
    let start = Stopwatch::start();
    loop {
        let dead = cluster.running().any(|(_, node)| is_dead(node, whom));
        assert!(
            !(dead && cluster.holds_lease(whom)),
            "{whom} is dead and holds its lease"
        );
        if dead {
            return start.elapsed();
        }
        assert!(start.elapsed() < limit, "{whom} is not declared dead");
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_node_holds_its_lease_and_keeps_it() {
    let cluster = TestCluster::ready(1, &["a", "b", "c", "d"]).await;

    for _ in 0..600 {
        assert!(
            ["a", "b", "c", "d"]
                .iter()
                .all(|node| cluster.holds_lease(node))
        );
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(state(&cluster.node("a")).last_incarnation, 4);
}

#[tokio::test(start_paused = true)]
async fn a_failover_costs_nobody_else_their_lease() {
    let mut cluster = TestCluster::ready(2, &["a", "b", "c"]).await;
    let leader = cluster.leader().await;
    let others = others(&["a", "b", "c"], &leader);

    cluster.crash(leader.as_str()).await;

    let start = Stopwatch::start();
    while start.elapsed() < LEASE * 3 {
        assert!(others.iter().all(|node| cluster.holds_lease(node.as_str())));
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_a_node_that_is_cut_off_ends_before_its_death_is_committed() {
    for (seed, victim) in [(3, "a"), (4, "b"), (5, "c")] {
        let cluster = TestCluster::ready(seed, &["a", "b", "c"]).await;
        let others: Vec<NodeId> = names(&["a", "b", "c"])
            .into_iter()
            .filter(|node| *node != name(victim))
            .collect();

        cluster.network.cut(&names(&[victim]), &others);
        let died = dies_without_its_lease(&cluster, victim, LEASE * 3).await;

        println!("{victim} is declared dead {died:?} after it was cut off");
        assert!(died > LEASE * 4 / 5, "{died:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_declared_dead_comes_back_under_a_new_incarnation() {
    let cluster = TestCluster::ready(6, &["a", "b", "c"]).await;
    let c = cluster.node("c");
    let before = (*c.membership().borrow()).expect("a member");
    cluster.network.cut(&names(&["c"]), &names(&["a", "b"]));
    dies_without_its_lease(&cluster, "c", LEASE * 3).await;

    cluster.network.heal();
    cluster
        .until("rejoin", Duration::from_secs(5), || {
            c.membership().borrow().is_some_and(|now| now != before) && cluster.holds_lease("c")
        })
        .await;

    let after = (*c.membership().borrow()).expect("a member");
    assert!(after.incarnation > before.incarnation);
    assert_eq!((after.slot, after.boot), (before.slot, before.boot));
}

#[tokio::test(start_paused = true)]
async fn a_restart_supersedes_the_former_session_at_once() {
    let mut cluster = TestCluster::ready(7, &["a", "b", "c"]).await;
    let before = (*cluster.node("c").membership().borrow()).expect("a member");
    let mut events = cluster.node("a").events().expect("not taken yet");
    sleep(Duration::from_millis(100)).await;
    drain(&mut events);

    cluster.crash("c").await;
    let c = cluster.start("c", &["a", "b", "c"]).await;
    let took = cluster
        .until("rejoin", LEASE, || {
            c.membership().borrow().is_some() && cluster.holds_lease("c")
        })
        .await;

    assert!(took < Duration::from_secs(1), "{took:?}");
    let after = (*c.membership().borrow()).expect("a member");
    assert!(after.incarnation > before.incarnation && after.boot > before.boot);
    assert_eq!(after.slot, before.slot);
    sleep(Duration::from_millis(500)).await;
    let events = drain(&mut events);
    let [
        ClusterEvent::NodeDown {
            incarnation: down,
            reason: DownReason::Superseded,
            index: end,
            ..
        },
        ClusterEvent::NodeUp {
            incarnation: up,
            index: begin,
            ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((*down, *up), (before.incarnation, after.incarnation));
    assert_eq!(end, begin);
}

#[tokio::test(start_paused = true)]
async fn other_data_under_the_same_name_waits_for_the_old_lease_to_end() {
    let mut cluster = TestCluster::ready(8, &["a", "b", "c"]).await;
    let old = cluster.node("c").raft_id();

    cluster.crash("c").await;
    cluster.wipe("c");
    let c = cluster.start("c", &["a", "b", "c"]).await;
    let (mut refused, start) = (false, Stopwatch::start());
    while c.membership().borrow().is_none() {
        if let Some(problem) = status(&c).problem {
            refused |= problem.contains(&format!("raft id {old}"));
        }
        assert!(start.elapsed() < LEASE * 3, "it never joins");
        sleep(Duration::from_millis(10)).await;
    }

    assert!(refused, "the reason is shown");
    assert!(start.elapsed() > LEASE * 4 / 5, "{:?}", start.elapsed());
    assert_ne!(c.raft_id(), old);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(status(&c).problem, None);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_can_send_and_not_hear_does_not_live_for_ever() {
    let cluster = TestCluster::ready(9, &["a", "b", "c"]).await;
    let leader = cluster.leader().await;
    let deaf = others(&["a", "b", "c"], &leader).remove(0);

    cluster.network.cut_one_way(&leader, &deaf);
    let died = dies_without_its_lease(&cluster, deaf.as_str(), LEASE * 3).await;

    println!("the deaf node is declared dead after {died:?}");
    assert!(died <= LEASE * 2, "{died:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_hears_nobody_does_not_stay_for_ever() {
    let cluster = TestCluster::ready(10, &["a", "b", "c"]).await;
    let leader = cluster.leader().await;
    let others = others(&["a", "b", "c"], &leader);

    for other in &others {
        cluster.network.cut_one_way(other, &leader);
    }
    let took = cluster
        .until("another leader", LEASE * 4, || {
            cluster.leaders().iter().any(|now| others.contains(now))
        })
        .await;

    println!("the leader that hears nobody is replaced after {took:?}");
    assert!(!cluster.node(leader.as_str()).is_leader());
    dies_without_its_lease(&cluster, leader.as_str(), LEASE * 4).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_leases_end_and_nobody_is_declared_dead() {
    let cluster = TestCluster::ready(11, &["a", "b", "c"]).await;

    cluster.network.cut(&names(&["a"]), &names(&["b", "c"]));
    cluster.network.cut(&names(&["b"]), &names(&["c"]));
    sleep(LEASE * 6).await;
    assert!(
        ["a", "b", "c"]
            .iter()
            .all(|node| !cluster.holds_lease(node))
    );
    assert!(cluster.leaders().is_empty());
    cluster.network.heal();
    cluster.settled().await;

    let state = state(&cluster.node("a"));
    assert_eq!(
        state.last_incarnation, 3,
        "everyone is who they were: {state:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_leaves_and_keeps_its_seat() {
    let mut cluster = TestCluster::ready(12, &["a", "b", "c"]).await;
    let before = (*cluster.node("c").membership().borrow()).expect("a member");

    let c = cluster.node("c");
    c.stop().await;
    assert!(!cluster.holds_lease("c"));
    assert_eq!(status(&c).role, Role::Stopped);
    let a = cluster.node("a");
    cluster
        .until("farewell", Duration::from_millis(500), || is_dead(&a, "c"))
        .await;
    let row = state(&a).members[&name("c")].clone();
    assert!(matches!(
        row.liveness,
        Liveness::Dead {
            reason: DownReason::Left,
            ..
        }
    ));
    assert_eq!(status(&a).voters, 3);

    drop(c);
    cluster.crash("c").await;
    let c = cluster.start("c", &["a", "b", "c"]).await;
    cluster.settled().await;
    let after = (*c.membership().borrow()).expect("a member");
    assert_eq!(after.slot, before.slot);
    assert!(after.boot > before.boot);
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_in_time_though_nobody_answers() {
    let cluster = TestCluster::ready(13, &["a", "b", "c"]).await;
    let leader = cluster.leader().await;
    let others = others(&["a", "b", "c"], &leader);
    cluster.network.cut(std::slice::from_ref(&leader), &others);

    for node in ["a", "b", "c"] {
        let start = Stopwatch::start();
        cluster.node(node).stop().await;
        assert!(
            start.elapsed() <= Duration::from_secs(3),
            "{:?}",
            start.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn events_tell_of_every_member_and_of_a_death_with_its_index() {
    let mut cluster = TestCluster::started(14, &["a", "b", "c"]).await;
    let a: Arc<RaftNode> = cluster.node("a");
    let mut events = a.events().expect("not taken yet");
    assert!(a.events().is_none(), "they can be taken once");
    cluster.settled().await;
    sleep(Duration::from_millis(100)).await;
    let ups = drain(&mut events)
        .into_iter()
        .filter(|event| matches!(event, ClusterEvent::NodeUp { .. }))
        .count();
    assert_eq!(ups, 3);

    cluster.crash("b").await;
    cluster.until("death", LEASE * 2, || is_dead(&a, "b")).await;
    sleep(Duration::from_millis(100)).await;

    let Liveness::Dead { at, .. } = state(&a).members[&name("b")].liveness else {
        panic!("dead")
    };
    let told = drain(&mut events);
    assert!(
        told.iter().any(|event| matches!(
            event,
            ClusterEvent::NodeDown { index, reason: DownReason::LeaseEnded, .. } if *index == at
        )),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_spare_node_that_was_away_for_minutes_comes_back() {
    let cluster = TestCluster::ready(15, &["a", "b", "c", "d"]).await;
    let d = cluster.node("d");
    let before = (*d.membership().borrow()).expect("a member");

    cluster
        .network
        .cut(&names(&["d"]), &names(&["a", "b", "c"]));
    sleep(Duration::from_secs(180)).await;
    assert!(is_dead(&cluster.node("a"), "d"));
    cluster.network.heal();
    cluster.settled().await;

    let after = (*d.membership().borrow()).expect("a member");
    assert!(after.incarnation > before.incarnation);
    assert_eq!((after.slot, after.boot), (before.slot, before.boot));
}
