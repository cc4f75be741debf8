//! Deaths, returns and restarts, as an application sees them.

mod support;

use std::time::Duration;

use raftwire::{ClusterEvent, DownReason, Frame, RouteOptions, RouteOutcome};
use support::{Cluster, accept, eventually, ready, receive};

#[tokio::test(start_paused = true)]
async fn another_leader_follows_one_that_is_cut_off_and_routes_go_on() {
    let cluster = Cluster::start(3).await;
    let old = cluster.leader().expect("a leader");
    let [one, other] = [(old + 1) % 3, (old + 2) % 3];
    let (connection, mut outbox) = accept(&cluster.nodes[one]);

    cluster.isolate(old);
    let during = cluster.nodes[other]
        .router()
        .route(&connection, "during")
        .await;
    eventually("another leader", || {
        cluster.leader().is_some_and(|leader| leader != old)
    })
    .await;
    let after = cluster.nodes[other]
        .router()
        .route(&connection, "after")
        .await;

    assert_eq!(
        (during, after),
        (RouteOutcome::Delivered, RouteOutcome::Delivered)
    );
    let mut received = receive(&mut outbox).await;
    if received.len() < 2 {
        received.extend(receive(&mut outbox).await);
    }
    assert_eq!(received, [Frame::text("during"), Frame::text("after")]);
    eventually("the old leader knows", || !cluster.nodes[old].is_leader()).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_without_its_lease_is_not_ready_and_delivers_only_to_itself() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);

    cluster.isolate(0);
    eventually("the lease ends", || !cluster.nodes[0].is_ready()).await;
    let local = cluster.nodes[0]
        .router()
        .route(&connection, "from itself")
        .await;

    assert_eq!(local, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("from itself")]);
}

#[tokio::test(start_paused = true)]
async fn a_node_is_fenced_before_its_death_is_committed() {
    let cluster = Cluster::start(3).await;
    let mut events = cluster.nodes[1].events();

    cluster.isolate(0);
    loop {
        let event = events
            .next()
            .await
            .expect("the node runs")
            .expect("few events");
        let ClusterEvent::NodeDown { node, reason, .. } = event else {
            continue;
        };
        assert_eq!(
            (&node, reason),
            (cluster.nodes[0].node_id(), DownReason::LeaseEnded)
        );
        break;
    }

    assert!(!cluster.nodes[0].is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_declared_dead_comes_back_with_its_sockets() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let before = cluster.nodes[0].nodes()[0].incarnation;

    cluster.isolate(0);
    eventually("its death", || cluster.is_down(1, 0)).await;
    let while_dead = cluster.nodes[1].router().route(&connection, "lost").await;
    cluster.network.heal_all();
    ready(&cluster.nodes[0]).await;
    eventually("its return", || !cluster.is_down(1, 0)).await;
    let back = cluster.nodes[1].router().route(&connection, "back").await;

    assert_eq!(
        while_dead,
        RouteOutcome::NodeDown {
            node: cluster.nodes[0].node_id().clone()
        }
    );
    assert_eq!(back, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("back")]);
    assert!(cluster.nodes[0].nodes()[0].incarnation > before);
}

#[tokio::test(start_paused = true)]
async fn what_a_fenced_node_was_sent_and_never_delivered_stays_undelivered_after_its_return() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let patient = RouteOptions::default().deadline(Duration::from_secs(60));

    cluster.isolate(0);
    let lost = cluster.nodes[1]
        .router()
        .route_with(&connection, "lost", patient)
        .await;
    cluster.network.heal_all();
    ready(&cluster.nodes[0]).await;
    eventually("its return", || !cluster.is_down(1, 0)).await;
    let back = cluster.nodes[1].router().route(&connection, "back").await;

    assert!(matches!(lost, RouteOutcome::NodeLost { .. }), "{lost:?}");
    assert_eq!(back, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("back")]);
}

#[tokio::test(start_paused = true)]
async fn what_reaches_a_node_without_its_lease_is_not_delivered_before_its_death() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let router = cluster.nodes[1].router().clone();
    // Its renewals do not arrive; what the others send it does.
    for other in &cluster.nodes[1..] {
        let network = &cluster.network;
        network.cut_one_way(cluster.nodes[0].node_id(), other.node_id());
    }

    let patient = RouteOptions::default().deadline(Duration::from_secs(60));
    let in_time = router.route_with(&connection, "in time", patient);
    let fenced = async {
        assert_eq!(receive(&mut outbox).await, [Frame::text("in time")]);
        eventually("the lease ends", || !cluster.nodes[0].is_ready()).await;
        assert!(!cluster.is_down(1, 0), "fenced first, dead after");
        let held = router.route_with(&connection, "held", patient);
        let death = eventually("its death", || cluster.is_down(1, 0));
        let (held, ()) = tokio::join!(held, death);
        held
    };
    let (in_time, held) = tokio::join!(in_time, fenced);

    assert!(
        matches!(in_time, RouteOutcome::NodeLost { .. }),
        "{in_time:?}"
    );
    assert!(matches!(held, RouteOutcome::NodeLost { .. }), "{held:?}");
    let mut batch = Vec::new();
    let next = tokio::time::timeout(Duration::from_secs(10), outbox.next_batch(&mut batch)).await;
    assert!(next.is_err() && batch.is_empty(), "{next:?} {batch:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restarted_node_is_reached_again_and_others_are_not_touched() {
    let mut cluster = Cluster::start(3).await;
    let (bystander, mut outbox) = accept(&cluster.nodes[2]);
    drop(cluster.crash(0).await);

    cluster.restart(0).await;
    ready(&cluster.nodes[0]).await;
    let (connection, mut new_outbox) = accept(&cluster.nodes[0]);
    let to_new = cluster.nodes[1]
        .router()
        .route(&connection, "to the new process")
        .await;
    let from_new = cluster.nodes[0]
        .router()
        .route(&bystander, "from the new process")
        .await;

    assert_eq!(
        (to_new, from_new),
        (RouteOutcome::Delivered, RouteOutcome::Delivered)
    );
    assert_eq!(
        receive(&mut new_outbox).await,
        [Frame::text("to the new process")]
    );
    assert_eq!(
        receive(&mut outbox).await,
        [Frame::text("from the new process")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_whole_cluster_that_was_killed_starts_again_as_the_same_cluster() {
    let mut cluster = Cluster::start(3).await;
    let term = cluster.nodes[0].term();
    for index in 0..3 {
        drop(cluster.crash(index).await);
    }

    for index in 0..3 {
        cluster.restart(index).await;
    }
    for node in &cluster.nodes {
        ready(node).await;
    }
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let outcome = cluster.nodes[1].router().route(&connection, "again").await;

    assert_eq!(outcome, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("again")]);
    assert!(cluster.nodes[0].term() > term);
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_though_no_peer_answers() {
    let cluster = Cluster::start(3).await;
    cluster.isolate(0);

    let stopped = tokio::time::timeout(Duration::from_secs(30), cluster.nodes[0].stop()).await;

    assert!(stopped.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_away_hears_of_a_leader_that_lost_its_disk_meanwhile() {
    let mut cluster = Cluster::start(5).await;
    let leader = cluster.leader().expect("a leader");
    let [away, wiped] = [(leader + 1) % 5, (leader + 2) % 5];

    cluster.isolate(away);
    let dead = cluster.crash(wiped).await;
    drop(dead);
    cluster.disks[wiped] = raftwire_environment::SimulatedDisk::new(99);
    cluster.restart(wiped).await;
    cluster.isolate(away);
    ready(&cluster.nodes[wiped]).await;
    let votes = cluster.nodes[wiped].status();
    eventually("the wiped node votes", || {
        votes.borrow().role == raftwire_consensus::Role::Follower
    })
    .await;
    // Leaders are killed until the one with the new disk leads.
    for _ in 0..20 {
        eventually("a leader", || {
            cluster.leader().is_some_and(|leader| leader != away)
        })
        .await;
        let leader = cluster.leader().expect("a leader");
        if leader == wiped {
            break;
        }
        // A node waits for an election as long as it drew when it started, so the wiped one draws too.
        drop(cluster.crash(wiped).await);
        cluster.restart(wiped).await;
        cluster.isolate(away);
        ready(&cluster.nodes[wiped]).await;
        // One that is back at once, and heard nobody since, would be the first to stand.
        drop(cluster.crash(leader).await);
        eventually("another leader", || {
            cluster
                .leader()
                .is_some_and(|it| it != away && it != leader)
        })
        .await;
        cluster.restart(leader).await;
        cluster.isolate(away);
        ready(&cluster.nodes[leader]).await;
    }
    assert_eq!(cluster.leader(), Some(wiped));

    cluster.network.heal_all();

    ready(&cluster.nodes[away]).await;
    let known = cluster.nodes[away].leader();
    assert_eq!(known.as_ref(), Some(cluster.nodes[wiped].node_id()));
}
