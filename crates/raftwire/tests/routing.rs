//! What a sender learns, outcome by outcome, over three nodes.

mod support;

use std::sync::Arc;
use std::time::Duration;

use raftwire::{
    Acknowledgement, CloseCode, ClusterManager, ClusterOptions, ConnectionId, ConnectionInfo,
    ConnectionProvider, Environment, Frame, FullQueue, Happened, OutboxPolicy, RouteOptions,
    RouteOutcome, Undeliverable,
};
use raftwire_environment::SimulatedDisk;
use raftwire_transport::memory::MemoryNetwork;
use support::{Cluster, accept, eventually, ready, receive};

const WRITTEN: Acknowledgement = Acknowledgement::Written;

fn short() -> RouteOptions {
    RouteOptions::default().deadline(Duration::from_millis(200))
}

#[tokio::test(start_paused = true)]
async fn a_single_node_is_a_cluster_and_delivers_to_itself() {
    let cluster = Cluster::start(1).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);

    let outcome = cluster.nodes[0].router().route(&connection, "hello").await;

    assert_eq!(outcome, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("hello")]);
    assert!(cluster.nodes[0].is_leader());
}

#[tokio::test(start_paused = true)]
async fn text_bytes_and_json_reach_a_connection_of_another_node() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let router = cluster.nodes[2].router();

    let outcomes = [
        router.route(&connection, "text").await,
        router.route(&connection, vec![0, 159]).await,
        router
            .route_json(&connection, &[1, 2])
            .await
            .expect("it has a JSON form"),
    ];

    assert_eq!(outcomes, [const { RouteOutcome::Delivered }; 3]);
    let expected = [
        Frame::text("text"),
        Frame::binary(vec![0, 159]),
        Frame::text("[1,2]"),
    ];
    assert_eq!(receive(&mut outbox).await, expected);
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_sender_arrive_in_order() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let router = cluster.nodes[1].router();

    let routes = (0..500).map(|number: u32| router.route(&connection, number.to_string()));
    let outcomes = futures_util::future::join_all(routes).await;

    assert!(
        outcomes
            .iter()
            .all(|outcome| *outcome == RouteOutcome::Delivered)
    );
    let mut received = Vec::new();
    while received.len() < 500 {
        received.extend(receive(&mut outbox).await);
    }
    let expected: Vec<_> = (0..500)
        .map(|number: u32| Frame::text(number.to_string()))
        .collect();
    assert_eq!(received, expected);
}

#[tokio::test(start_paused = true)]
async fn written_is_told_after_the_batch_was_written() {
    let cluster = Cluster::start(3).await;
    for sender in [0, 1] {
        let (connection, mut outbox) = accept(&cluster.nodes[0]);
        let options = RouteOptions::default().acknowledgement(WRITTEN);
        let drain = async {
            receive(&mut outbox).await;
            // Coming back says that the batch was written.
            let _ = outbox.next_batch(&mut Vec::new()).await;
        };

        let route = cluster.nodes[sender]
            .router()
            .route_with(&connection, "hello", options);
        let outcome = tokio::select! {
            outcome = route => outcome,
            () = drain => unreachable!("nothing more is sent"),
        };

        assert_eq!(outcome, RouteOutcome::Written);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_delivered_but_not_written_is_called_delivered() {
    let cluster = Cluster::start(3).await;
    let (connection, outbox) = accept(&cluster.nodes[0]);
    let options = RouteOptions::default().acknowledgement(WRITTEN);

    let route = cluster.nodes[1]
        .router()
        .route_with(&connection, "hello", options);
    let close = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(outbox);
    };
    let (outcome, ()) = tokio::join!(route, close);

    assert_eq!(outcome, RouteOutcome::Delivered);
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_is_not_found() {
    let cluster = Cluster::start(3).await;
    let (connection, outbox) = accept(&cluster.nodes[0]);
    drop(outbox);

    for node in &cluster.nodes {
        assert_eq!(
            node.router().route(&connection, "hello").await,
            RouteOutcome::NotFound
        );
        assert_eq!(
            node.connection_info(&connection).await,
            Err(RouteOutcome::NotFound)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_nobody_minted_is_not_found_and_without_quorum_unavailable() {
    let cluster = Cluster::start(3).await;
    let nobodys: ConnectionId = "~________________AAAAAA"
        .parse()
        .expect("an id by its form");

    let outcome = cluster.nodes[1].router().route(&nobodys, "hello").await;
    assert_eq!(outcome, RouteOutcome::NotFound);

    cut_off(&cluster, 1);
    let outcome = cluster.nodes[1].router().route(&nobodys, "hello").await;
    assert!(
        matches!(
            outcome,
            RouteOutcome::Unavailable | RouteOutcome::Deadline { transmitted: false }
        ),
        "{outcome:?}"
    );
    assert_eq!(
        cluster.nodes[1].router().send(&nobodys, "x"),
        Err(RouteOutcome::Unavailable)
    );
}

#[tokio::test(start_paused = true)]
async fn connections_of_an_ended_process_are_not_found_once_it_is_back() {
    let mut cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    let dead = cluster.crash(0).await;
    drop(dead);
    cluster.restart(0).await;
    ready(&cluster.nodes[0]).await;

    eventually("the new process is known", || {
        let up = cluster.nodes[1].nodes();
        up.iter()
            .any(|view| view.node == *cluster.nodes[0].node_id() && view.is_alive)
    })
    .await;
    let outcome = cluster.nodes[1].router().route(&connection, "hello").await;

    assert_eq!(outcome, RouteOutcome::NotFound);
}

#[tokio::test(start_paused = true)]
async fn messages_for_a_peer_that_does_not_answer_end_at_their_deadline_as_unknown() {
    let cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    cut_off(&cluster, 0);

    let outcome = cluster.nodes[1]
        .router()
        .route_with(&connection, "hello", short())
        .await;

    assert_eq!(outcome, RouteOutcome::Deadline { transmitted: true });
    assert_eq!(outcome.happened(), Happened::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_to_a_peer_is_busy_and_leaves_other_peers_alone() {
    let cluster = Cluster::start(3).await;
    let (unreachable, _outbox) = accept(&cluster.nodes[0]);
    let (reachable, mut outbox) = accept(&cluster.nodes[2]);
    cut_off(&cluster, 0);
    let router = cluster.nodes[1].router();
    let large = Frame::binary(vec![0; 1024 * 1024]);

    let routes = (0..64).map(|_| router.route_with(&unreachable, large.clone(), short()));
    let outcomes = futures_util::future::join_all(routes).await;
    let elsewhere = router.route(&reachable, "hello").await;

    let busy = RouteOutcome::Busy {
        queue: FullQueue::Peer,
    };
    assert!(outcomes.contains(&busy), "{outcomes:?}");
    assert_eq!(elsewhere, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("hello")]);
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_limit_is_too_large_and_nothing_is_sent() {
    let cluster = Cluster::start_with(1, |options| ClusterOptions {
        message_bytes_max: 4,
        ..options
    })
    .await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let router = cluster.nodes[0].router();

    let refused = router.route(&connection, "12345").await;
    let passed = router.route(&connection, "1234").await;

    assert_eq!(
        refused,
        RouteOutcome::TooLarge {
            limit_bytes: Some(4)
        }
    );
    assert_eq!(passed, RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("1234")]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_is_told_to_local_and_remote_senders() {
    let cluster = Cluster::start_with(3, |options| ClusterOptions {
        outbox_bytes_max: 100,
        outbox_policy: OutboxPolicy::Refuse,
        ..options
    })
    .await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);

    let first = cluster.nodes[1].router().route(&connection, "first").await;
    let remote = cluster.nodes[1].router().route(&connection, "second").await;
    let local = cluster.nodes[0].router().route(&connection, "third").await;

    assert_eq!(first, RouteOutcome::Delivered);
    assert_eq!(
        (remote, local),
        (RouteOutcome::SlowConsumer, RouteOutcome::SlowConsumer)
    );
    assert_eq!(receive(&mut outbox).await, [Frame::text("first")]);
}

#[tokio::test(start_paused = true)]
async fn messages_in_flight_to_a_node_that_dies_are_lost_and_later_ones_find_it_down() {
    let cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    let owner = cluster.nodes[0].node_id().clone();
    let survivor = cluster.nodes[1].clone();
    let mut events = survivor.events();

    cut_off(&cluster, 0);
    let options = RouteOptions::default().deadline(Duration::from_secs(60));
    let in_flight = survivor
        .router()
        .route_with(&connection, "hello", options)
        .await;

    let RouteOutcome::NodeLost { node, index } = in_flight else {
        panic!("{in_flight:?}")
    };
    assert_eq!(node, owner);
    let later = survivor.router().route(&connection, "hello").await;
    assert_eq!(
        later,
        RouteOutcome::NodeDown {
            node: owner.clone()
        }
    );
    let death = loop {
        match events
            .next()
            .await
            .expect("the node runs")
            .expect("few events")
        {
            raftwire::ClusterEvent::NodeDown { node, index, .. } if node == owner => break index,
            _ => {}
        }
    };
    assert_eq!(death, index, "the outcome names the log index of the death");
}

#[tokio::test(start_paused = true)]
async fn messages_that_were_never_transmitted_to_a_node_that_died_did_not_happen() {
    let mut cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    let node = cluster.nodes[0].node_id().clone();
    let survivor = cluster.nodes[1].clone();

    drop(cluster.crash(0).await);
    // The channel has gone: the message waits for another one, and the death comes first.
    let options = RouteOptions::default().deadline(Duration::from_secs(60));
    let outcome = survivor
        .router()
        .route_with(&connection, "hello", options)
        .await;

    assert_eq!(outcome, RouteOutcome::NodeDown { node });
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_is_down_at_once_and_its_clients_are_told_to_go() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let other = &cluster.nodes[1];

    cluster.nodes[0].stop().await;

    let end = outbox.next_batch(&mut Vec::new()).await;
    assert_eq!(
        end.map_err(|closed| closed.code),
        Err(CloseCode::GOING_AWAY)
    );
    eventually("the others know", || {
        other
            .nodes()
            .iter()
            .any(|view| view.node == *cluster.nodes[0].node_id() && !view.is_alive)
    })
    .await;
    let outcome = other.router().route(&connection, "hello").await;
    assert_eq!(
        outcome,
        RouteOutcome::NodeDown {
            node: cluster.nodes[0].node_id().clone()
        }
    );
    assert!(
        cluster.nodes[0]
            .accept("/ws", ConnectionInfo::default())
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn route_many_answers_for_each_id_and_one_failure_does_not_fail_the_rest() {
    let cluster = Cluster::start(3).await;
    let (local, mut local_outbox) = accept(&cluster.nodes[1]);
    let (remote, mut remote_outbox) = accept(&cluster.nodes[0]);
    let (closed, outbox) = accept(&cluster.nodes[2]);
    drop(outbox);

    let ids = [local, closed, remote, local];
    let outcomes = cluster.nodes[1].router().route_many(&ids, "to all").await;

    let expected = [
        (local, RouteOutcome::Delivered),
        (closed, RouteOutcome::NotFound),
        (remote, RouteOutcome::Delivered),
    ];
    assert_eq!(outcomes, expected);
    for outbox in [&mut local_outbox, &mut remote_outbox] {
        assert_eq!(
            receive(outbox).await,
            [Frame::text("to all")],
            "one copy each"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_message_crosses_whole_and_small_ones_to_others_are_not_behind_it() {
    let cluster = Cluster::start(3).await;
    let (big, mut big_outbox) = accept(&cluster.nodes[0]);
    let (small, mut small_outbox) = accept(&cluster.nodes[0]);
    let router = cluster.nodes[1].router();
    let payload: Vec<u8> = (0..1024 * 1024).map(|index| (index % 251) as u8).collect();

    let (one, other) = tokio::join!(
        router.route(&big, payload.clone()),
        router.route(&small, "small")
    );

    assert_eq!(
        (one, other),
        (RouteOutcome::Delivered, RouteOutcome::Delivered)
    );
    assert_eq!(receive(&mut big_outbox).await, [Frame::binary(payload)]);
    assert_eq!(receive(&mut small_outbox).await, [Frame::text("small")]);
}

#[tokio::test(start_paused = true)]
async fn counts_and_connection_info_are_asked_of_the_nodes_that_know() {
    let cluster = Cluster::start(3).await;
    let info = ConnectionInfo::default().with_metadata("device", "phone");
    let (connection, _one) = cluster.nodes[0].accept("/ws", info).expect("ready");
    let _two = accept(&cluster.nodes[1]);

    let count = cluster.nodes[2].cluster_connections().await;
    let known = cluster.nodes[2]
        .connection_info(&connection)
        .await
        .expect("it lives");

    assert_eq!((count.total, count.unknown), (2, vec![]));
    assert_eq!(cluster.nodes[2].local_connections(), 0);
    assert_eq!(known.endpoint, "/ws");
    assert_eq!(known.metadata["device"], "phone");
    let least = cluster.nodes[0].least_loaded_node().await;
    assert_eq!(least.as_ref(), Some(cluster.nodes[2].node_id()));
}

#[derive(Debug, Default)]
struct Refusing;

impl ConnectionProvider for Refusing {
    fn send(&self, _: &ConnectionId, frame: Frame) -> Result<(), Undeliverable> {
        if frame.is_empty() {
            Err(Undeliverable::Refused)
        } else {
            Ok(())
        }
    }

    fn close(&self, _: &ConnectionId, _: CloseCode) {}
}

#[tokio::test(start_paused = true)]
async fn an_applications_provider_delivers_and_refuses() {
    let network = MemoryNetwork::new(1);
    let environment = Environment::simulated(1, SimulatedDisk::new(1));
    let options = ClusterOptions {
        node_id: Some("node1".parse().expect("a node id")),
        ..ClusterOptions::default()
    };
    let provider = Arc::new(Refusing);
    let node = ClusterManager::start_with_provider(options, environment, &network, provider)
        .await
        .expect("it starts");
    ready(&node).await;
    let connection = node
        .register_connection("/ws", ConnectionInfo::default())
        .expect("a ready node");

    assert_eq!(
        node.router().route(&connection, "hello").await,
        RouteOutcome::Delivered
    );
    assert_eq!(
        node.router().route(&connection, "").await,
        RouteOutcome::Refused
    );
    node.unregister_connection(&connection, CloseCode::NORMAL);
    assert_eq!(
        node.router().route(&connection, "hello").await,
        RouteOutcome::NotFound
    );
    assert!(node.accept("/ws", ConnectionInfo::default()).is_err());
}

fn cut_off(cluster: &Cluster, index: usize) {
    let alone = cluster.nodes[index].node_id();
    for other in cluster.nodes.iter().filter(|node| node.node_id() != alone) {
        cluster.network.cut(alone, other.node_id());
    }
}
