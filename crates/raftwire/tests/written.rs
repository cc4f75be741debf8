//! The second reply: that a message was handed to the socket.

mod support;

use std::time::Duration;

use raftwire::{Acknowledgement, RouteOptions, RouteOutcome};
use support::{Cluster, accept, ready, receive};

const WRITTEN: Acknowledgement = Acknowledgement::Written;

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
    let began = support::now();
    let (outcome, ()) = tokio::join!(route, close);

    assert_eq!(outcome, RouteOutcome::Delivered);
    assert!(
        support::now() - began < Duration::from_secs(1),
        "told by the owner, not by the deadline"
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_reply_that_a_former_process_asked_for_is_not_told_to_the_new_one() {
    let mut cluster = Cluster::start(3).await;
    let (first, mut first_outbox) = accept(&cluster.nodes[0]);
    let (second, _second_outbox) = accept(&cluster.nodes[0]);
    let options = RouteOptions::default()
        .acknowledgement(WRITTEN)
        .deadline(Duration::from_secs(1));
    let former = cluster.nodes[1].clone();
    let unwritten = former
        .router()
        .route_with(&first, "by the former", options)
        .await;
    assert_eq!(unwritten, RouteOutcome::Delivered);

    drop((former, cluster.crash(1).await));
    cluster.restart(1).await;
    ready(&cluster.nodes[1]).await;
    let router = cluster.nodes[1].router();
    // Its first question, as the former's was: the same token.
    let route = router.route_with(&second, "by the new one", options);
    let drain = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        receive(&mut first_outbox).await;
        // Coming back says that the batch was written.
        let mut none = Vec::new();
        let again = first_outbox.next_batch(&mut none);
        drop(tokio::time::timeout(Duration::from_millis(1), again).await);
    };
    let began = support::now();
    let (outcome, ()) = tokio::join!(route, drain);

    assert_eq!(outcome, RouteOutcome::Delivered);
    assert!(
        support::now() - began >= Duration::from_secs(1),
        "nobody told the new process anything: it waited to its deadline"
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_second_reply_when_its_own_node_stops_is_told_delivered_at_once() {
    let cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    let sender = &cluster.nodes[1];
    let options = RouteOptions::default()
        .acknowledgement(WRITTEN)
        .deadline(Duration::from_secs(60));

    let began = support::now();
    let route = sender.router().route_with(&connection, "hello", options);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        sender.stop().await;
    };
    let (outcome, ()) = tokio::join!(route, stop);

    assert_eq!(outcome, RouteOutcome::Delivered);
    assert!(support::now() - began < Duration::from_secs(4), "{began:?}");
}
