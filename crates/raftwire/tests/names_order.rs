//! Streams of messages to a name that moves.

mod support;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use raftwire::{
    ClusterManager, Environment, Happened, Name, NamePolicy, Outbox, OutboxClosed, RouteOutcome,
};
use support::{Cluster, accept, accept_named, eventually};

type Received = Arc<Mutex<Vec<u64>>>;
type Routes<'a> = FuturesUnordered<Pin<Box<dyn Future<Output = (u64, RouteOutcome)> + 'a>>>;

/// Keeps what a client receives until its connection is over.
fn read(mut outbox: Outbox) -> Received {
    let received = Received::default();
    let kept = Arc::clone(&received);
    let reading = async move {
        loop {
            let mut batch = Vec::new();
            if let Err(OutboxClosed { .. }) = outbox.next_batch(&mut batch).await {
                return;
            }
            let numbers = batch.iter().map(|frame| {
                let text = frame.as_text().expect("text");
                text.parse::<u64>().expect("a number")
            });
            kept.lock().expect("no panic").extend(numbers);
        }
    };
    drop(Environment::real().spawn("reading", reading));
    received
}

/// Sends numbers to `alice`, several at a time, for as long as `goes_on`; what became of each.
async fn stream(
    sender: &ClusterManager,
    mut goes_on: impl FnMut(u64) -> bool,
) -> Vec<(u64, RouteOutcome)> {
    let alice = "alice".parse().expect("a name");
    let router = sender.router();
    let mut under_way = Routes::new();
    let mut outcomes = Vec::new();
    for number in 0.. {
        if !goes_on(number) {
            break;
        }
        let alice = &alice;
        let mut route: Pin<Box<dyn Future<Output = _>>> =
            Box::pin(async move { (number, router.route(alice, number.to_string()).await) });
        // Its place in the order is that of its first poll.
        match futures_util::poll!(route.as_mut()) {
            std::task::Poll::Ready(answered) => outcomes.push(answered),
            std::task::Poll::Pending => under_way.push(route),
        }
        if under_way.len() >= 20 {
            outcomes.extend(under_way.next().await);
        }
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
    while let Some(answered) = under_way.next().await {
        outcomes.push(answered);
    }
    outcomes.sort_unstable_by_key(|(number, _)| *number);
    outcomes
}

fn taken(received: &Received) -> Vec<u64> {
    std::mem::take(&mut received.lock().expect("no panic"))
}

/// Takes the name from node to node, under the messages of one sender.
async fn take_overs(sender: usize) {
    let cluster = Cluster::start(3).await;
    let owners = [0, 1, 2, 1, 0, 2, 2, 0];
    let (_, first) = accept_named(&cluster.nodes[owners[0]], "alice").await;
    let clients = Mutex::new(vec![read(first)]);
    let taking_over = async {
        for owner in &owners[1..] {
            tokio::time::sleep(Duration::from_millis(40)).await;
            let (_, next) = accept_named(&cluster.nodes[*owner], "alice").await;
            clients.lock().expect("no panic").push(read(next));
        }
    };

    let mut is_over = false;
    let streaming = async {
        let is_last = || clients.lock().expect("no panic").len() == owners.len();
        let mut rest = 100;
        stream(&cluster.nodes[sender], |_| {
            rest -= u32::from(is_last());
            rest > 0
        })
        .await
    };
    let (outcomes, ()) = tokio::join!(streaming, async {
        taking_over.await;
        is_over = true;
    });
    assert!(is_over);
    tokio::time::sleep(Duration::from_secs(1)).await;

    let received: Vec<_> = clients
        .lock()
        .expect("no panic")
        .iter()
        .map(taken)
        .collect();
    let numbers: Vec<u64> = received.concat();
    assert!(
        numbers.is_sorted_by(|one, other| one < other),
        "once, in order, over all take-overs: {received:?}"
    );
    let happened = outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == RouteOutcome::Delivered);
    let happened: Vec<u64> = happened.map(|(number, _)| *number).collect();
    let other: Vec<_> = outcomes
        .iter()
        .filter(|(_, outcome)| *outcome != RouteOutcome::Delivered)
        .collect();
    // A client that was closed may not have read what was delivered to it last.
    assert!(
        numbers.iter().all(|number| happened.contains(number)),
        "{other:?}"
    );
    assert!(
        other
            .iter()
            .all(|(_, outcome)| *outcome == RouteOutcome::Superseded
                || *outcome == RouteOutcome::NotFound),
        "{other:?}"
    );
    assert!(happened.len() > 9 * outcomes.len() / 10, "{other:?}");
    let reached = received.iter().filter(|numbers| !numbers.is_empty());
    assert!(reached.count() >= owners.len() - 1, "{received:?}");
}

#[tokio::test(start_paused = true)]
async fn messages_stay_in_order_while_their_name_goes_from_node_to_node() {
    for sender in 0..3 {
        take_overs(sender).await;
    }
}

#[tokio::test(start_paused = true)]
async fn messages_stay_in_order_while_a_connection_gives_its_name_up_and_takes_it_again() {
    let cluster = Cluster::start(3).await;
    let (minted, outbox) = accept(&cluster.nodes[0]);
    let received = read(outbox);
    let alice: Name = "alice".parse().expect("a name");
    let owner = &cluster.nodes[0];
    let register = || owner.register_name(&minted, alice.clone(), NamePolicy::IfFree);
    register().await.expect("registered");

    let renaming = async {
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            owner.unregister_name(&alice);
            register().await.expect("registered again");
        }
    };
    let streaming = stream(&cluster.nodes[1], |number| number < 1_000);
    let (outcomes, ()) = tokio::join!(streaming, renaming);

    let delivered = outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == RouteOutcome::Delivered);
    let delivered: Vec<u64> = delivered.map(|(number, _)| *number).collect();
    assert!(delivered.len() > 500, "{outcomes:?}");
    eventually("all are read", || {
        received.lock().expect("no panic").len() == delivered.len()
    })
    .await;
    assert_eq!(taken(&received), delivered);
}

#[tokio::test(start_paused = true)]
async fn messages_to_a_name_that_is_looked_up_wait_in_order() {
    let cluster = Cluster::start(3).await;
    let (_, outbox) = accept_named(&cluster.nodes[0], "alice").await;
    let received = read(outbox);
    // A node that has not heard of the name: it has just come back.
    cluster.isolate(1);
    let (_, newer) = accept_named(&cluster.nodes[2], "alice").await;
    let newer = read(newer);

    let streaming = stream(&cluster.nodes[1], |number| number < 400);
    let healing = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        cluster.network.heal_all();
    };
    let (outcomes, ()) = tokio::join!(streaming, healing);

    assert!(
        outcomes
            .iter()
            .all(|(_, outcome)| outcome.happened() == Happened::Yes),
        "{outcomes:?}"
    );
    eventually("all are read", || {
        newer.lock().expect("no panic").len() == 400
    })
    .await;
    assert!(taken(&newer).is_sorted());
    assert!(taken(&received).is_empty());
}
