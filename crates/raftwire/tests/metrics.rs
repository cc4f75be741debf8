//! A node's figures: they say what happened, and name who cannot be reached.

mod support;

use std::time::Duration;

use raftwire::{
    ClusterManager, ClusterMetrics, ConnectionId, Destination, DropReason, NodeId, PeerMetrics,
    RouteOutcome, SeatPolicy, UNREACHABLE_AFTER,
};
use support::{Cluster, accept, accept_named, eventually, receive};

fn routed(metrics: &ClusterMetrics, to: Destination, outcome: &str) -> (u64, u64) {
    let all = metrics.routed.iter();
    let same = all.filter(|routed| (routed.to, routed.outcome) == (to, outcome));
    same.fold((0, 0), |(count, bytes), routed| {
        (count + routed.count, bytes + routed.bytes)
    })
}

fn peer(node: &ClusterManager, other: &NodeId) -> PeerMetrics {
    let peers = node.metrics().peers;
    let found = peers.into_iter().find(|peer| peer.node == *other);
    found.expect("a member")
}

#[tokio::test(start_paused = true)]
async fn messages_are_counted_by_destination_and_outcome() {
    let cluster = Cluster::start(2).await;
    let (here, mut outbox) = accept(&cluster.nodes[0]);
    let (there, mut other_outbox) = accept(&cluster.nodes[1]);
    let (gone, outbox_of_gone) = accept(&cluster.nodes[1]);
    drop(outbox_of_gone);
    let node = &cluster.nodes[0];
    let router = node.router();

    assert_eq!(router.route(&here, "12").await, RouteOutcome::Delivered);
    assert_eq!(router.route(&there, "12345").await, RouteOutcome::Delivered);
    assert_eq!(router.route(&gone, "1").await, RouteOutcome::NotFound);
    router.send(&here, "1234").expect("sent");
    router.send(&there, "123").expect("sent");
    receive(&mut outbox).await;
    receive(&mut other_outbox).await;

    let metrics = node.metrics();
    assert_eq!(routed(&metrics, Destination::Local, "delivered"), (2, 6));
    assert_eq!(routed(&metrics, Destination::Remote, "delivered"), (1, 5));
    assert_eq!(routed(&metrics, Destination::Remote, "not_found"), (1, 1));
    assert_eq!(routed(&metrics, Destination::Remote, "sent"), (1, 3));
    let all: u64 = metrics.routed.iter().map(|routed| routed.count).sum();
    assert_eq!(all, 5, "{:?}", metrics.routed);
}

#[tokio::test(start_paused = true)]
async fn connections_are_counted_when_they_come_and_when_they_go() {
    let cluster = Cluster::start(1).await;
    let (_kept, _outbox) = accept(&cluster.nodes[0]);
    let (_, outbox) = accept(&cluster.nodes[0]);
    drop(outbox);

    let connections = cluster.nodes[0].metrics().connections;
    assert_eq!(
        (connections.open, connections.accepted, connections.closed),
        (1, 2, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn names_are_told_of_the_cluster_and_of_the_node() {
    let cluster = Cluster::start_with(3, |mut options| {
        let voters = ["node1", "node2"];
        let node = options.node_id.as_ref().expect("named").as_str();
        if !voters.contains(&node) {
            options.seat = SeatPolicy::Edge;
        }
        options.nodes = voters
            .map(|node| node.parse().expect("an address"))
            .to_vec();
        options.names_max = 10;
        options
    })
    .await;
    let (_alice, outbox) = accept_named(&cluster.nodes[0], "alice").await;
    let (_bob, _outbox) = accept_named(&cluster.nodes[1], "bob").await;
    let (_nameless, _other) = accept(&cluster.nodes[0]);
    let names = |index: usize| {
        let names = cluster.nodes[index].metrics().names;
        (names.registered, names.limit, names.local)
    };

    eventually("both are known", || {
        [0, 1].map(names) == [(Some(2), Some(10), 1); 2]
    })
    .await;
    assert_eq!(names(2), (None, Some(10), 0), "an edge has no log");
    drop(outbox);
    eventually("the name has ended", || {
        [0, 1].map(names) == [(Some(1), Some(10), 0), (Some(1), Some(10), 1)]
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn both_ends_of_a_link_count_the_same_messages() {
    let cluster = Cluster::start(2).await;
    let (there, mut outbox) = accept(&cluster.nodes[1]);
    let (gone, outbox_of_gone) = accept(&cluster.nodes[1]);
    drop(outbox_of_gone);
    for _ in 0..10 {
        let outcome = cluster.nodes[0].router().route(&there, "text").await;
        assert_eq!(outcome, RouteOutcome::Delivered);
    }
    cluster.nodes[0].router().route(&gone, "text").await;
    receive(&mut outbox).await;
    let [one, two] = [&cluster.nodes[0], &cluster.nodes[1]];
    let sender = || peer(one, two.node_id());
    let receiver = || peer(two, one.node_id());
    eventually("everything is acknowledged", || {
        sender().link.in_flight_segments == 0
    })
    .await;

    let (sent, received) = (sender().link, receiver().link);
    // The nodes tell each other of their users and groups by the same link.
    assert!(sent.segments_sent >= 11, "{sent:?}");
    assert_eq!(sent.segments_resent, 0);
    assert_eq!(
        (received.messages_received, received.messages_refused),
        (10, 1)
    );
    assert_eq!((sent.queued_messages, sent.waiting_messages), (0, 0));
    eventually("the packets have arrived", || {
        sender().link.bytes_sent == receiver().link.bytes_received
    })
    .await;
    assert!(sent.round_trip.is_some() && sent.packets_sent > 0);
    assert!(sender().control.is_up && sender().data.is_up);
    assert!(sender().control.opened >= 1);
}

#[tokio::test(start_paused = true)]
async fn consensus_and_lease_are_told() {
    let cluster = Cluster::start(3).await;
    eventually("everybody knows the leader", || {
        let mut nodes = cluster.nodes.iter();
        nodes.all(|node| node.metrics().consensus.leader_changes > 0)
    })
    .await;
    let leaders = cluster.nodes.iter().map(|node| {
        let consensus = node.metrics().consensus;
        assert_eq!(
            (
                consensus.voters,
                consensus.members_alive,
                consensus.members_dead
            ),
            (3, 3, 0)
        );
        assert!(consensus.term > 0 && consensus.applied_index > 0);
        assert!(consensus.lease_left > Duration::ZERO);
        assert!(consensus.leader.is_some());
        u32::from(consensus.is_leader)
    });
    assert_eq!(leaders.sum::<u32>(), 1);
}

#[tokio::test(start_paused = true)]
async fn living_nodes_that_are_cut_from_each_other_name_each_other_and_nobody_else() {
    let cluster = Cluster::start(3).await;
    let leader = cluster.leader().expect("a leader");
    let [one, two] = [(leader + 1) % 3, (leader + 2) % 3];
    let [one, two, leader] = [one, two, leader].map(|index| &cluster.nodes[index]);
    let unreachable = |node: &ClusterManager| {
        let peers = node.metrics().peers.into_iter();
        let cut = peers.filter(PeerMetrics::is_unreachable);
        cut.map(|peer| peer.node).collect::<Vec<_>>()
    };
    tokio::time::sleep(UNREACHABLE_AFTER * 2).await;
    assert_eq!(unreachable(one), []);

    cluster.network.detect_cuts(Some(Duration::from_secs(1)));
    cluster.network.cut(one.node_id(), two.node_id());
    eventually("the channels are gone", || {
        peer(one, two.node_id()).cut_off_for.is_some()
    })
    .await;
    assert_eq!(unreachable(one), [], "not at once");
    eventually("they name each other", || {
        unreachable(one) == [two.node_id().clone()] && unreachable(two) == [one.node_id().clone()]
    })
    .await;
    assert!(peer(one, two.node_id()).is_alive, "the leader hears both");
    assert_eq!(unreachable(leader), []);

    cluster.network.heal_all();
    eventually("they are together again", || {
        unreachable(one).is_empty() && unreachable(two).is_empty()
    })
    .await;
    assert_eq!(peer(one, two.node_id()).cut_off_for, None);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_died_is_dead_and_not_unreachable() {
    let mut cluster = Cluster::start(3).await;
    let dead = (cluster.leader().expect("a leader") + 1) % 3;
    let name = cluster.nodes[dead].node_id().clone();
    let observer = cluster.nodes[(dead + 1) % 3].clone();
    cluster.network.detect_cuts(Some(Duration::from_secs(1)));
    drop(cluster.crash(dead).await);

    let watch = async {
        loop {
            let seen = peer(&observer, &name);
            assert!(!seen.is_unreachable(), "{seen:?}");
            if !seen.is_alive {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let committed = tokio::time::timeout(Duration::from_secs(120), watch).await;
    committed.expect("its death is committed");
    tokio::time::sleep(UNREACHABLE_AFTER * 2).await;
    assert!(!peer(&observer, &name).is_unreachable());
    assert_eq!(observer.metrics().consensus.members_dead, 1);
}

#[tokio::test(start_paused = true)]
async fn parked_messages_are_seen_while_they_wait() {
    let cluster = Cluster::start(3).await;
    let leader = cluster.leader().expect("a leader");
    let node = &cluster.nodes[(leader + 1) % 3];
    // Of a process that nobody has heard of.
    let nobodys: ConnectionId = "~________________AAAAAA".parse().expect("an id");
    cluster.isolate((leader + 1) % 3);
    let seen = eventually("it waits", || {
        let parked = node.metrics().parked;
        parked.messages == 1 && parked.bytes > 4
    });
    let (outcome, ()) = tokio::join!(node.router().route(&nobodys, "text"), seen);

    assert_eq!(outcome, RouteOutcome::Unavailable);
    let parked = node.metrics().parked;
    assert_eq!((parked.messages, parked.bytes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn every_reason_is_listed_though_it_never_was() {
    let cluster = Cluster::start(1).await;
    let metrics = cluster.nodes[0].metrics();
    assert_eq!(
        metrics.dropped_packets,
        DropReason::ALL.map(|reason| (reason, 0))
    );
    assert!(
        metrics
            .handshake_failures
            .iter()
            .all(|failed| failed.count == 0)
    );
    assert!(metrics.handshake_failures.len() >= 20);
}
