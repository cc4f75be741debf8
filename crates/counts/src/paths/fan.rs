//! A message for a group, as far as the outboxes of this node's connections.

use bytes::Bytes;
use raftwire::Group;
use raftwire_protocol::Frame;

use super::cluster::{accept, in_virtual_time, start};

/// Connections in the group.
const MEMBERS: u64 = 100;
/// Bytes of a payload.
const PAYLOAD_BYTES: usize = 64;

pub(super) fn local(copies: u64) {
    in_virtual_time(async {
        let nodes = start(1).await;
        let group: Group = "everyone".parse().expect("a group");
        let mut outboxes = Vec::new();
        for _ in 0..MEMBERS {
            let (connection, outbox) = accept(&nodes[0]);
            let joined = nodes[0].join(&connection, group.clone());
            joined.expect("there is room");
            outboxes.push(outbox);
        }
        let (router, mut batch) = (nodes[0].router(), Vec::new());
        let payload = Bytes::from(vec![0; PAYLOAD_BYTES]);
        for _ in 0..copies / MEMBERS {
            let frame = Frame::binary(payload.clone());
            let outcome = router.send_to_group(&group, frame).await;
            assert_eq!(outcome.counts.delivered, MEMBERS);
            for outbox in &mut outboxes {
                outbox.next_batch(&mut batch).await.expect("it is open");
                batch.clear();
            }
        }
    });
}
