//! Messages from one node to a connection of another.

use std::future::poll_fn;

use bytes::Bytes;
use raftwire::{Outbox, RouteOptions, RouteOutcome};
use raftwire_protocol::Frame;

use super::AT_ONCE;
use super::cluster::{accept, in_virtual_time, start};

/// Bytes of a payload.
const PAYLOAD_BYTES: usize = 100;

pub(super) fn acknowledged(messages: u64) {
    in_virtual_time(async {
        let nodes = start(2).await;
        let (connection, mut outbox) = accept(&nodes[1]);
        let mut queue = nodes[0].router().outcome_queue(AT_ONCE as usize);
        let payload = Bytes::from(vec![0; PAYLOAD_BYTES]);
        for _ in 0..messages / AT_ONCE {
            for token in 0..AT_ONCE {
                let frame = Frame::binary(payload.clone());
                let started = queue.start(token, &connection, frame, RouteOptions::default());
                assert_eq!(started, Ok(None), "it is on its way");
            }
            while !queue.is_empty() {
                let (_, outcome) = poll_fn(|context| queue.poll_next(context)).await;
                assert_eq!(outcome, RouteOutcome::Delivered);
            }
            empty(&mut outbox).await;
        }
    });
}

pub(super) fn forgotten(messages: u64) {
    in_virtual_time(async {
        let nodes = start(2).await;
        let (connection, mut outbox) = accept(&nodes[1]);
        let router = nodes[0].router();
        let payload = Bytes::from(vec![0; PAYLOAD_BYTES]);
        for _ in 0..messages / AT_ONCE {
            for _ in 0..AT_ONCE {
                let sent = router.send(&connection, Frame::binary(payload.clone()));
                assert_eq!(sent, Ok(()));
            }
            empty(&mut outbox).await;
        }
    });
}

/// Takes all that was sent at once out of an outbox.
async fn empty(outbox: &mut Outbox) {
    let mut batch = Vec::new();
    while batch.len() < AT_ONCE as usize {
        outbox.next_batch(&mut batch).await.expect("it is open");
    }
}
