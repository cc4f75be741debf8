//! An edge as a member: how it dies, returns and stops, and that it has names.

use std::time::Duration;

use raftwire_consensus::testing::losses_of;
use raftwire_consensus::{NamePolicy, Role};
use raftwire_protocol::{MintedId, Name};
use tokio::time::sleep;

use crate::support::{Stopwatch, name, role, state, status};
use crate::{LEASE, Monotonic, VOTERS, is_dead, three_voters_and_two_edges};

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
