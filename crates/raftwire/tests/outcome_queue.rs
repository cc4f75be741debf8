//! The outcomes of many messages in one queue, over three nodes.

mod support;

use std::future::poll_fn;
use std::time::Duration;

use raftwire::{
    Acknowledgement, ClusterManager, ConnectionId, Destination, Frame, FullQueue, OutcomeQueue,
    RouteOptions, RouteOutcome, TooManyInFlight,
};
use support::{Cluster, accept, accept_named, receive};

const MANY: usize = 10_000;

fn queue(node: &ClusterManager) -> OutcomeQueue {
    node.router().outcome_queue(MANY)
}

fn short() -> RouteOptions {
    RouteOptions::default().deadline(Duration::from_millis(200))
}

async fn next(queue: &mut OutcomeQueue) -> (u64, RouteOutcome) {
    poll_fn(|context| queue.poll_next(context)).await
}

fn start(queue: &mut OutcomeQueue, token: u64, to: &ConnectionId) -> Option<RouteOutcome> {
    queue
        .start(token, to, token.to_string(), RouteOptions::default())
        .expect("room")
}

#[tokio::test(start_paused = true)]
async fn outcomes_come_with_their_tokens_and_messages_in_their_order() {
    let cluster = Cluster::start(3).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let mut queue = queue(&cluster.nodes[1]);

    for token in 0..500 {
        assert_eq!(start(&mut queue, token, &connection), None);
    }
    assert_eq!(queue.len(), 500);
    let mut outcomes = Vec::new();
    while !queue.is_empty() {
        outcomes.push(next(&mut queue).await);
    }

    outcomes.sort_unstable();
    let expected = (0..500).map(|token| (token, RouteOutcome::Delivered));
    assert!(outcomes.into_iter().eq(expected));
    let mut received = Vec::new();
    while received.len() < 500 {
        received.extend(receive(&mut outbox).await);
    }
    let expected = (0..500).map(|token: u64| Frame::text(token.to_string()));
    assert!(received.into_iter().eq(expected));
}

#[tokio::test(start_paused = true)]
async fn what_is_known_at_once_is_said_at_once_and_all_is_counted() {
    let cluster = Cluster::start(3).await;
    let (here, _outbox) = accept(&cluster.nodes[0]);
    let (closed, outbox) = accept(&cluster.nodes[0]);
    let (there, _other) = accept(&cluster.nodes[1]);
    drop(outbox);
    let mut queue = queue(&cluster.nodes[0]);

    assert_eq!(start(&mut queue, 1, &here), Some(RouteOutcome::Delivered));
    assert_eq!(start(&mut queue, 2, &closed), Some(RouteOutcome::NotFound));
    assert_eq!(start(&mut queue, 3, &there), None);
    assert_eq!(next(&mut queue).await, (3, RouteOutcome::Delivered));

    let counted = |to, outcome| {
        let routed = cluster.nodes[0].metrics().routed;
        let same =
            |routed: &&raftwire::RoutedMessages| (routed.to, routed.outcome) == (to, outcome);
        let count: u64 = routed.iter().filter(same).map(|routed| routed.count).sum();
        count
    };
    assert_eq!(counted(Destination::Local, "delivered"), 1);
    assert_eq!(counted(Destination::Local, "not_found"), 1);
    assert_eq!(counted(Destination::Remote, "delivered"), 1);
}

#[tokio::test(start_paused = true)]
async fn names_unknown_ids_and_second_replies_have_their_outcomes_too() {
    let cluster = Cluster::start(3).await;
    let (_, mut named) = accept_named(&cluster.nodes[0], "alice").await;
    let (id, mut outbox) = accept(&cluster.nodes[0]);
    let mut queue = queue(&cluster.nodes[1]);
    let written = RouteOptions::default().acknowledgement(Acknowledgement::Written);

    start(&mut queue, 1, &"alice".parse().expect("a name"));
    start(
        &mut queue,
        2,
        &"~________________AAAAAA".parse().expect("an id"),
    );
    assert_eq!(queue.start(3, &id, "3", written), Ok(None));

    let mut outcomes = Vec::new();
    let collecting = async {
        while !queue.is_empty() {
            outcomes.push(next(&mut queue).await);
        }
    };
    let writing = async {
        assert_eq!(receive(&mut named).await, [Frame::text("1")]);
        assert_eq!(receive(&mut outbox).await, [Frame::text("3")]);
        // Coming back for more says that it was written.
        let more = tokio::time::timeout(Duration::from_secs(1), receive(&mut outbox)).await;
        assert!(more.is_err());
    };
    tokio::join!(collecting, writing);

    outcomes.sort_unstable();
    let expected = [
        (1, RouteOutcome::Delivered),
        (2, RouteOutcome::NotFound),
        (3, RouteOutcome::Written),
    ];
    assert_eq!(outcomes, expected);
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_answered_once_and_never_as_another_one() {
    let cluster = Cluster::start(3).await;
    let (unreachable, _outbox) = accept(&cluster.nodes[0]);
    let (reachable, _other) = accept(&cluster.nodes[2]);
    cluster.isolate(0);
    let mut queue = queue(&cluster.nodes[1]);
    let large = Frame::binary(vec![0; 1024 * 1024]);

    let busy = RouteOutcome::Busy {
        queue: FullQueue::Peer,
    };
    let mut token = 0;
    // Until the queue to the peer is full; nobody takes anything out of it meanwhile.
    let refused = loop {
        match queue.start(token, &unreachable, large.clone(), short()) {
            Ok(Some(outcome)) => break outcome,
            Ok(None) => token += 1,
            Err(full) => panic!("{full}"),
        }
    };
    assert_eq!(refused, busy);
    // It has the place that the refused one would have had.
    assert_eq!(start(&mut queue, 1_000_000, &reachable), None);

    let mut outcomes = Vec::new();
    while !queue.is_empty() {
        outcomes.push(next(&mut queue).await);
    }
    outcomes.sort_unstable();
    assert_eq!(outcomes.pop(), Some((1_000_000, RouteOutcome::Delivered)));
    let is_undelivered = |outcome: &RouteOutcome| {
        matches!(outcome, RouteOutcome::Deadline { .. }) || *outcome == busy
    };
    assert!(outcomes.iter().all(|(_, outcome)| is_undelivered(outcome)));
    let tokens = outcomes.into_iter().map(|(token, _)| token);
    assert!(tokens.eq(0..token));
}

#[tokio::test(start_paused = true)]
async fn no_more_are_on_their_way_than_may_be() {
    let cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    let mut queue = cluster.nodes[1].router().outcome_queue(2);

    start(&mut queue, 1, &connection);
    start(&mut queue, 2, &connection);
    let full = TooManyInFlight { in_flight_max: 2 };
    let third = queue.start(3, &connection, "x", RouteOptions::default());
    assert_eq!(third, Err(full));

    next(&mut queue).await;
    assert_eq!(start(&mut queue, 3, &connection), None);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_answers_what_is_on_its_way() {
    let cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    cluster.isolate(1);
    let mut queue = queue(&cluster.nodes[1]);
    start(&mut queue, 1, &connection);

    let (_, (token, outcome)) = tokio::join!(cluster.nodes[1].stop(), next(&mut queue));

    assert_eq!(token, 1);
    assert_ne!(outcome.happened(), raftwire::Happened::Yes);
}
