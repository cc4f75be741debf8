//! What a node makes of one message for many connections, it makes once.

mod support;

use std::cell::Cell;

use bytes::Bytes;
use raftwire::{Frame, Outbox, RouteOutcome};
use support::{Cluster, accept, receive};

/// Connections on each node.
const RECIPIENTS: usize = 50;

/// What this recipient is written, and how often it was made: as a client's session does it. Every second
/// recipient takes it compressed.
async fn encode(outbox: &mut Outbox, number: usize, encodings: &Cell<usize>) -> Vec<Bytes> {
    let frames = receive(outbox).await;
    let make = |frame: &Frame| -> Bytes {
        encodings.set(encodings.get() + 1);
        [b"<", &frame.payload()[..], b">"].concat().into()
    };
    let encoded = frames.iter().map(|frame| match number % 2 {
        0 => frame.encoded(make),
        _ => frame
            .compressed(|frame| Some(make(frame)))
            .expect("it is made"),
    });
    encoded.collect()
}

#[tokio::test(start_paused = true)]
async fn a_fan_out_is_encoded_once_a_node_however_many_it_reaches() {
    let cluster = Cluster::start(2).await;
    let mut nodes: Vec<Vec<_>> = Vec::new();
    for node in &cluster.nodes {
        nodes.push((0..RECIPIENTS).map(|_| accept(node)).collect());
    }

    let texts = ["one", "two", "three"];
    for text in texts {
        let outcome = cluster.nodes[0].router().broadcast(text).await;
        assert_eq!(outcome.counts.delivered as usize, 2 * RECIPIENTS);
    }

    for recipients in &mut nodes {
        let encodings = Cell::new(0);
        for (number, (_, outbox)) in recipients.iter_mut().enumerate() {
            let mut written = Vec::new();
            while written.len() < texts.len() {
                written.extend(encode(outbox, number, &encodings).await);
            }
            assert_eq!(written, ["<one>", "<two>", "<three>"]);
        }
        assert_eq!(
            encodings.get(),
            2 * texts.len(),
            "once as it is, once compressed"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_for_one_connection_holds_no_place_for_others() {
    let cluster = Cluster::start(1).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let sent = cluster.nodes[0].router().route(&connection, "alone").await;
    assert_eq!(sent, RouteOutcome::Delivered);

    let frames = receive(&mut outbox).await;
    let encodings = Cell::new(0);
    for _ in 0..2 {
        frames[0].encoded(|frame| {
            encodings.set(encodings.get() + 1);
            frame.payload().clone()
        });
    }
    assert_eq!(encodings.get(), 2, "nothing was kept");
}
