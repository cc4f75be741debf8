//! Messages for the same audience that wait one behind the other are delivered together.

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use raftwire::{Audience, ClusterManager, FanOptions, Frame, Group, Outbox, RouteOutcome};
use support::{Cluster, accept, receive};

/// More than one turn of a fan-out reaches.
const RECIPIENTS: usize = 300;
const BURST: usize = 8;

fn group(name: &str) -> Group {
    name.parse().expect("a group")
}

/// The members of a group on this node, once every node has heard of them.
async fn members(node: &ClusterManager, name: &str, count: usize) -> Vec<Outbox> {
    let mut outboxes = Vec::new();
    for _ in 0..count {
        let (connection, outbox) = accept(node);
        node.join_settled(&connection, group(name))
            .await
            .expect("every living node hears of it");
        outboxes.push(outbox);
    }
    outboxes
}

/// Sends at once to all of these groups, in this order, and how many got each message.
async fn burst(node: &ClusterManager, names: &[&str]) -> Vec<u64> {
    let router = node.router();
    let sends = names.iter().enumerate().map(|(number, name)| async move {
        let outcome = router.send_to_group(&group(name), number.to_string()).await;
        assert!(outcome.is_complete(), "{outcome}");
        outcome.counts.delivered
    });
    join_all(sends).await
}

fn numbered(numbers: impl IntoIterator<Item = usize>) -> Vec<Frame> {
    let texts = numbers.into_iter().map(|number| number.to_string());
    texts.map(Frame::text).collect()
}

async fn assert_that_a_burst_comes_at_once(cluster: &Cluster, owner: usize) {
    let mut outboxes = members(&cluster.nodes[owner], "room", RECIPIENTS).await;
    let mut first = outboxes.remove(0);

    // The first one waits when the burst comes.
    let sending = burst(&cluster.nodes[0], &["room"; BURST]);
    let (read, counts) = tokio::join!(receive(&mut first), sending);

    assert_eq!(counts, [RECIPIENTS as u64; BURST]);
    assert_eq!(read, numbered(0..BURST), "in one batch");
    for outbox in &mut outboxes {
        assert_eq!(receive(outbox).await, numbered(0..BURST));
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_reaches_each_connection_of_this_node_at_once() {
    let cluster = Cluster::start(1).await;
    assert_that_a_burst_comes_at_once(&cluster, 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_reaches_each_connection_of_another_node_at_once() {
    let cluster = Cluster::start(2).await;
    assert_that_a_burst_comes_at_once(&cluster, 1).await;
}

#[tokio::test(start_paused = true)]
async fn each_message_of_a_burst_is_counted_for_its_own_audience_and_keeps_its_place() {
    let cluster = Cluster::start(2).await;
    for owner in [0, 1] {
        let [one, other] = [["one0", "other0"], ["one1", "other1"]][owner];
        let node = &cluster.nodes[owner];
        let (mut ones, mut others) = (members(node, one, 3).await, members(node, other, 2).await);
        let (connection, mut both) = accept(node);
        for name in [one, other] {
            let joined = node.join_settled(&connection, group(name)).await;
            joined.expect("every living node hears of it");
        }

        let sent = [one, one, other, one, other, other, one];
        let counts = burst(&cluster.nodes[0], &sent).await;

        assert_eq!(counts, [4, 4, 3, 4, 3, 3, 4]);
        for outbox in &mut ones {
            assert_eq!(receive_all(outbox, 4).await, numbered([0, 1, 3, 6]));
        }
        for outbox in &mut others {
            assert_eq!(receive_all(outbox, 3).await, numbered([2, 4, 5]));
        }
        assert_eq!(receive_all(&mut both, 7).await, numbered(0..7));
    }
}

async fn receive_all(outbox: &mut Outbox, count: usize) -> Vec<Frame> {
    let mut received = Vec::new();
    while received.len() < count {
        received.extend(receive(outbox).await);
    }
    received
}

#[tokio::test(start_paused = true)]
async fn a_message_of_a_burst_whose_deadline_has_passed_is_not_delivered_with_the_others() {
    let cluster = Cluster::start(1).await;
    let node = &cluster.nodes[0];
    let mut outboxes = members(node, "room", 1).await;
    let (router, audience) = (node.router(), Audience::Group(group("room")));
    let send = |text: &'static str, deadline: Duration| {
        let options = FanOptions::default().deadline(deadline);
        router.fan_out(&audience, text, options)
    };

    let patient = Duration::from_secs(5);
    let sends = [
        send("first", patient),
        send("late", Duration::ZERO),
        send("last", patient),
    ];
    let [first, late, last] = join_all(sends).await.try_into().expect("three");

    for outcome in [first, last] {
        assert_eq!(outcome.counts.delivered, 1, "{outcome}");
    }
    assert_eq!(late.counts.total(), 0);
    let missed: Vec<_> = late.missed.into_values().collect();
    assert_eq!(missed, [RouteOutcome::Deadline { transmitted: false }]);
    let received = receive_all(&mut outboxes[0], 2).await;
    assert_eq!(received, ["first", "last"].map(Frame::text));
}
