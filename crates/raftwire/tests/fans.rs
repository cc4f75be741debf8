//! One message for many connections, over three nodes.

mod support;

use std::time::Duration;

use raftwire::{
    Audience, ClusterManager, ConnectionId, FanOptions, FanOutcome, Frame, Group, NodeId, Outbox,
    OutboxPolicy, RouteOutcome, UserId,
};
use support::{Cluster, accept, eventually, ready, receive};

fn group(name: &str) -> Group {
    name.parse().expect("a group")
}

fn user(name: &str) -> UserId {
    name.parse().expect("a user")
}

async fn member(node: &ClusterManager, name: &str) -> (ConnectionId, Outbox) {
    let (connection, outbox) = accept(node);
    let joined = node.join_settled(&connection, group(name)).await;
    joined.expect("every living node hears of it");
    (connection, outbox)
}

async fn fan_out(node: &ClusterManager, name: &str, message: &str) -> FanOutcome {
    node.router().send_to_group(&group(name), message).await
}

/// How many were reached, where every node answered.
fn delivered(outcome: &FanOutcome) -> u64 {
    assert!(outcome.is_complete(), "{outcome}");
    assert_eq!(
        outcome.counts.total(),
        outcome.counts.delivered,
        "{outcome}"
    );
    outcome.counts.delivered
}

async fn receive_all(outbox: &mut Outbox, count: usize) -> Vec<Frame> {
    let mut received = Vec::new();
    while received.len() < count {
        received.extend(receive(outbox).await);
    }
    received
}

/// Nothing arrives, for far longer than anything here takes.
async fn assert_silent(outbox: &mut Outbox) {
    let mut batch = Vec::new();
    let next = tokio::time::timeout(Duration::from_secs(2), outbox.next_batch(&mut batch)).await;
    assert!(next.is_err() && batch.is_empty(), "{next:?} {batch:?}");
}

#[tokio::test(start_paused = true)]
async fn a_user_is_reached_on_every_node_and_device_once() {
    let cluster = Cluster::start(3).await;
    let mut devices = Vec::new();
    for index in [0, 0, 1, 2] {
        let node = &cluster.nodes[index];
        let (connection, outbox) = accept(node);
        node.set_user(&connection, Some(user("alice")))
            .expect("its own");
        node.join_settled(&connection, group("all"))
            .await
            .expect("settled");
        devices.push(outbox);
    }
    let (stranger, mut others) = accept(&cluster.nodes[1]);
    cluster.nodes[1]
        .set_user(&stranger, Some(user("bob")))
        .expect("its own");

    let outcome = cluster.nodes[1]
        .router()
        .send_to_user(&user("alice"), "hello")
        .await;

    assert_eq!(delivered(&outcome), 4);
    for outbox in &mut devices {
        assert_eq!(receive(outbox).await, [Frame::text("hello")]);
        assert_silent(outbox).await;
    }
    assert_silent(&mut others).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_after_a_settled_join_arrives_once_from_every_node() {
    let cluster = Cluster::start(3).await;
    let (_connection, mut outbox) = member(&cluster.nodes[2], "room").await;

    for (index, node) in cluster.nodes.iter().enumerate() {
        let outcome = fan_out(node, "room", &index.to_string()).await;
        assert_eq!(delivered(&outcome), 1);
    }

    let expected = ["0", "1", "2"].map(Frame::text);
    assert_eq!(receive_all(&mut outbox, 3).await, expected);
    assert_silent(&mut outbox).await;
}

#[tokio::test(start_paused = true)]
async fn a_plain_join_is_heard_of_everywhere_soon() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    cluster.nodes[0]
        .join(&connection, group("room"))
        .expect("its own");

    tokio::time::sleep(Duration::from_millis(100)).await;
    let outcome = fan_out(&cluster.nodes[1], "room", "soon").await;

    assert_eq!(delivered(&outcome), 1);
    assert_eq!(receive(&mut outbox).await, [Frame::text("soon")]);
}

#[tokio::test(start_paused = true)]
async fn leaving_and_ending_stop_delivery() {
    let cluster = Cluster::start(3).await;
    let node = &cluster.nodes[0];
    let (left, mut outbox) = member(node, "room").await;
    let (ended, gone) = member(node, "room").await;
    let (_stays, mut stays) = member(node, "room").await;

    node.leave(&left, &group("room"));
    drop(gone);
    let outcome = fan_out(&cluster.nodes[1], "room", "to who is left").await;

    assert_eq!(delivered(&outcome), 1);
    assert_eq!(receive(&mut stays).await, [Frame::text("to who is left")]);
    assert_silent(&mut outbox).await;
    assert!(node.memberships(&ended).is_err());
    assert_eq!(node.memberships(&left), Ok((None, Vec::new())));
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_is_counted_and_slows_nobody() {
    let cluster = Cluster::start_with(3, |mut options| {
        options.outbox_bytes_max = 1_000;
        options.outbox_policy = OutboxPolicy::Refuse;
        options
    })
    .await;
    let (_slow, _never_read) = member(&cluster.nodes[0], "room").await;
    let (_quick, mut quick) = member(&cluster.nodes[0], "room").await;
    let message = "m".repeat(600);

    let first = fan_out(&cluster.nodes[1], "room", &message).await;
    assert_eq!(receive(&mut quick).await.len(), 1);
    let second = fan_out(&cluster.nodes[1], "room", &message).await;

    assert_eq!(delivered(&first), 2);
    let counts = second.counts;
    assert_eq!((counts.delivered, counts.slow_consumer), (1, 1));
    assert!(second.is_complete());
    assert_eq!(receive(&mut quick).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn everyone_is_reached_by_a_broadcast() {
    let cluster = Cluster::start(3).await;
    let mut outboxes: Vec<_> = cluster.nodes.iter().map(|node| accept(node).1).collect();

    let outcome = cluster.nodes[2].router().broadcast("all of you").await;

    assert_eq!(delivered(&outcome), 3);
    for outbox in &mut outboxes {
        assert_eq!(receive(outbox).await, [Frame::text("all of you")]);
    }
}

#[tokio::test(start_paused = true)]
async fn fan_outs_of_one_sender_keep_their_order_whoever_they_are_for() {
    let cluster = Cluster::start(3).await;
    let node = &cluster.nodes[0];
    let (connection, mut outbox) = member(node, "one").await;
    node.join_settled(&connection, group("other"))
        .await
        .expect("settled");
    node.set_user(&connection, Some(user("alice")))
        .expect("its own");
    // Large ones travel in parts, which smaller messages to others pass.
    let large = "l".repeat(200_000);
    let router = cluster.nodes[1].router();

    for round in 0..20 {
        let name = if round % 2 == 0 { "one" } else { "other" };
        let text = format!("{round} {}", if round % 3 == 0 { &large } else { "" });
        let missed = router.fan_out_and_forget(&Audience::Group(group(name)), text);
        assert!(missed.is_empty());
    }

    let received = receive_all(&mut outbox, 20).await;
    let rounds: Vec<usize> = received
        .iter()
        .filter_map(|frame| frame.as_text()?.split(' ').next()?.parse().ok())
        .collect();
    assert_eq!(rounds, (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn local_fan_outs_keep_their_order_over_many_connections() {
    let cluster = Cluster::start(1).await;
    let node = &cluster.nodes[0];
    let mut outboxes = Vec::new();
    for _ in 0..1_000 {
        let (connection, outbox) = accept(node);
        node.join(&connection, group("room")).expect("its own");
        outboxes.push(outbox);
    }
    let room = Audience::Group(group("room"));

    let send = |text: &'static str| node.router().fan_out(&room, text, FanOptions::default());
    let (first, second, third) = tokio::join!(send("a"), send("b"), send("c"));

    for outcome in [first, second, third] {
        assert_eq!(delivered(&outcome), 1_000);
    }
    for outbox in &mut outboxes {
        assert_eq!(
            receive_all(outbox, 3).await,
            ["a", "b", "c"].map(Frame::text)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_copy_a_node_crosses_the_wire_however_many_connections_it_is_for() {
    let cluster = Cluster::start(3).await;
    let mut outboxes = Vec::new();
    for node in &cluster.nodes {
        for _ in 0..50 {
            let (connection, outbox) = accept(node);
            node.join(&connection, group("room")).expect("its own");
            outboxes.push(outbox);
        }
        member(node, "settled").await;
    }
    let message = "m".repeat(320_000);
    let packets_of_copy = 320_000 / (32 * 1024) + 1;

    let before = cluster.network.statistics().accepted;
    let outcome = fan_out(&cluster.nodes[0], "room", &message).await;
    let packets = cluster.network.statistics().accepted - before;

    assert_eq!(delivered(&outcome), 150);
    // Two copies, acknowledgements, and what nodes say to each other anyway: far from a third one for
    // each of a hundred connections.
    assert!(packets < 6 * packets_of_copy, "{packets} packets");
    for outbox in &mut outboxes {
        assert_eq!(receive(outbox).await[0].len(), message.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_fan_out_to_many_connections_and_messages_to_single_ones_pass_side_by_side() {
    let cluster = Cluster::start(3).await;
    let node = &cluster.nodes[0];
    let mut outboxes = Vec::new();
    for _ in 0..3_000 {
        let (connection, outbox) = accept(node);
        node.join(&connection, group("room")).expect("its own");
        outboxes.push(outbox);
    }
    let (single, mut outbox) = member(node, "single").await;
    let router = cluster.nodes[1].router();

    let room = group("room");
    let many = router.send_to_group(&room, "many");
    let singles = async {
        for _ in 0..20 {
            assert_eq!(router.route(&single, "one").await, RouteOutcome::Delivered);
        }
    };
    let (outcome, ()) = tokio::join!(many, singles);

    assert_eq!(delivered(&outcome), 3_000);
    assert_eq!(receive_all(&mut outbox, 20).await.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn fan_outs_are_counted_by_audience_and_by_what_became_of_them() {
    let cluster = Cluster::start(2).await;
    let [sender, other] = [&cluster.nodes[0], &cluster.nodes[1]];
    let (_here, _outbox) = member(sender, "news").await;
    let (_there, _other_outbox) = member(other, "news").await;
    let limit = sender.router().broadcast(vec![0; 64 * 1024 * 1024]).await;
    assert_eq!(limit.missed.len(), 2, "{limit}");
    assert_eq!(delivered(&fan_out(sender, "news", "one").await), 2);
    assert_eq!(delivered(&fan_out(sender, "weather", "two").await), 0);
    let missed = sender
        .router()
        .fan_out_and_forget(&Audience::User(user("alice")), "three");
    assert!(missed.is_empty(), "{missed:?}");

    let counted: Vec<_> = sender
        .metrics()
        .fan_outs
        .iter()
        .map(|fans| {
            let ended = (fans.complete, fans.incomplete, fans.forgotten);
            let silent = (fans.missed_nodes, fans.unknown_nodes);
            (fans.audience, ended, fans.counts.delivered, silent)
        })
        .collect();

    let expected = [
        ("user", (0, 0, 1), 0, (0, 0)),
        ("group", (2, 0, 0), 2, (0, 0)),
        ("everyone", (0, 1, 0), 0, (2, 0)),
    ];
    assert_eq!(counted, expected);
    let nothing = other.metrics().fan_outs;
    assert!(
        nothing.iter().all(|fans| fans.complete == 0),
        "the sender's"
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_is_missed_by_all() {
    let cluster = Cluster::start_with(3, |mut options| {
        options.message_bytes_max = 100;
        options
    })
    .await;
    let (_connection, _outbox) = member(&cluster.nodes[1], "room").await;

    let outcome = fan_out(&cluster.nodes[0], "room", &"m".repeat(101)).await;

    let too_large = RouteOutcome::TooLarge {
        limit_bytes: Some(100),
    };
    let nodes = [0, 1].map(|index: usize| cluster.nodes[index].node_id().clone());
    let missed: Vec<(NodeId, RouteOutcome)> = outcome.missed.into_iter().collect();
    assert_eq!(missed, nodes.map(|node| (node, too_large.clone())));
    assert!(outcome.unknown.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_with_a_fan_out_in_flight_is_named_as_unknown_and_its_rows_are_gone() {
    let cluster = Cluster::start(3).await;
    let (_lost, _outbox) = member(&cluster.nodes[0], "room").await;
    let (_well, mut well) = member(&cluster.nodes[2], "room").await;
    let patient = FanOptions::default().deadline(Duration::from_secs(60));
    let room = Audience::Group(group("room"));
    let router = cluster.nodes[1].router();

    cluster.isolate(0);
    let during = router.fan_out(&room, "during", patient).await;
    let after = router.fan_out(&room, "after", patient).await;

    assert_eq!(during.counts.delivered, 1);
    assert!(during.missed.is_empty(), "{during}");
    let unknown: Vec<_> = during.unknown.iter().collect();
    let [(node, RouteOutcome::NodeLost { .. })] = unknown[..] else {
        panic!("{during}");
    };
    assert_eq!(node, cluster.nodes[0].node_id());
    assert_eq!(delivered(&after), 1);
    let expected = ["during", "after"].map(Frame::text);
    assert_eq!(receive_all(&mut well, 2).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_answer_by_the_deadline_is_named_as_unknown() {
    let cluster = Cluster::start(3).await;
    let (_silent, _outbox) = member(&cluster.nodes[0], "room").await;
    let room = Audience::Group(group("room"));
    let started = support::now();

    cluster.isolate(0);
    let hurried = FanOptions::default().deadline(Duration::from_millis(500));
    let router = cluster.nodes[1].router();
    let outcome = router.fan_out(&room, "anybody", hurried).await;

    assert!(support::now() - started < Duration::from_millis(600));
    let transmitted = RouteOutcome::Deadline { transmitted: true };
    let silent = cluster.nodes[0].node_id().clone();
    let unknown: Vec<_> = outcome.unknown.into_iter().collect();
    assert_eq!(unknown, [(silent, transmitted)]);
}

#[tokio::test(start_paused = true)]
async fn a_fenced_node_holds_the_fan_outs_of_others_and_delivers_its_own() {
    let cluster = Cluster::start(3).await;
    let (_connection, mut outbox) = member(&cluster.nodes[0], "room").await;
    let room = Audience::Group(group("room"));
    let patient = FanOptions::default().deadline(Duration::from_secs(60));
    // Its renewals do not arrive; what the others send it does.
    for other in &cluster.nodes[1..] {
        let network = &cluster.network;
        network.cut_one_way(cluster.nodes[0].node_id(), other.node_id());
    }
    eventually("the lease ends", || !cluster.nodes[0].is_ready()).await;

    let held = cluster.nodes[1].router().fan_out(&room, "held", patient);
    let own = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        fan_out(&cluster.nodes[0], "room", "own").await
    };
    let (held, own) = tokio::join!(held, own);

    assert_eq!(own.counts.delivered, 1);
    // It cannot speak for the others, nor for those that it has not heard of.
    assert!(
        own.is_fenced && own.missed.len() + own.unknown.len() == 2,
        "{own}"
    );
    assert_eq!(receive(&mut outbox).await, [Frame::text("own")]);
    assert_eq!(held.unknown.len() + held.missed.len(), 1, "{held}");
    assert_silent(&mut outbox).await;
}

/// While a node is held dead, a member of another one joins without its hearing of it.
#[tokio::test(start_paused = true)]
async fn a_fan_out_of_a_fenced_node_does_not_pass_over_who_joined_meanwhile() {
    let cluster = Cluster::start(3).await;
    let fenced = &cluster.nodes[0];
    cluster.isolate(0);
    eventually("its death", || {
        let views = cluster.nodes[1].nodes();
        let its = views.iter().find(|view| view.node == *fenced.node_id());
        its.is_some_and(|view| !view.is_alive)
    })
    .await;
    let (_connection, mut outbox) = member(&cluster.nodes[1], "room").await;

    let outcome = fan_out(fenced, "room", "hello").await;

    assert_silent(&mut outbox).await;
    assert!(!outcome.is_complete() && outcome.is_fenced, "{outcome}");
    let node = cluster.nodes[1].node_id();
    let is_named = outcome.missed.contains_key(node) || outcome.unknown.contains_key(node);
    assert!(is_named, "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_declared_dead_comes_back_with_its_groups() {
    let cluster = Cluster::start(3).await;
    let (_connection, mut outbox) = member(&cluster.nodes[0], "room").await;
    let is_down = || {
        let views = cluster.nodes[1].nodes();
        let its = views
            .iter()
            .find(|view| view.node == *cluster.nodes[0].node_id());
        its.is_some_and(|view| !view.is_alive)
    };

    cluster.isolate(0);
    eventually("its death", is_down).await;
    let while_dead = fan_out(&cluster.nodes[1], "room", "lost").await;
    cluster.network.heal_all();
    ready(&cluster.nodes[0]).await;
    eventually("its return", || !is_down()).await;
    let back = fan_out(&cluster.nodes[1], "room", "back").await;
    let settled = cluster.nodes[0]
        .join_settled(&_connection, group("another"))
        .await;
    let another = fan_out(&cluster.nodes[2], "another", "another").await;

    assert_eq!(delivered(&while_dead), 0);
    assert_eq!(delivered(&back), 1);
    assert_eq!((settled, delivered(&another)), (Ok(()), 1));
    let expected = ["back", "another"].map(Frame::text);
    assert_eq!(receive_all(&mut outbox, 2).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_has_just_started_misses_nobody() {
    let mut cluster = Cluster::start(3).await;
    let (_one, mut one) = member(&cluster.nodes[0], "room").await;
    let (_two, mut two) = member(&cluster.nodes[1], "room").await;
    drop(cluster.crash(2).await);

    cluster.restart(2).await;
    ready(&cluster.nodes[2]).await;
    let outcome = fan_out(&cluster.nodes[2], "room", "first words").await;

    assert_eq!(delivered(&outcome), 2);
    for outbox in [&mut one, &mut two] {
        assert_eq!(receive(outbox).await, [Frame::text("first words")]);
    }
}
