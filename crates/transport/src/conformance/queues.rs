use std::time::Duration;

use bytes::Bytes;
use raftwire_protocol::Lane;

use super::ConformanceHarness;
use super::nodes::{A, B, C, Nodes, packet};
use crate::{SendError, TransportEvent};

/// More than a transport may take in before it says that its queue is full, the buffers of the
/// system on both sides included.
const UNREAD_BYTES_MAX: usize = 128 << 20;

/// Size of the packets that fill the queues: many to a queue, so that an order can be seen.
const FILLER_BYTES: usize = 16 << 10;

/// How long the slow reader takes for an event.
const PACE: Duration = Duration::from_millis(1);

/// How many events the slow reader takes before the control packet is sent again.
const PACES_PER_RESEND: u32 = 50;

/// How long the queue must have been full before it counts as saturated: until then what was sent
/// still moves on into the buffers of the system and of the receiver.
const SATURATED: Duration = Duration::from_millis(100);

/// Sends until the queue is full and stays so; returns how many packets went in. `sent` numbers
/// them through the whole check.
async fn saturate(nodes: &mut Nodes<'_>, to: usize, lane: Lane, sent: &mut u32) -> u32 {
    let before = *sent;
    let mut full = Duration::ZERO;
    while full < SATURATED {
        let filler = packet(*sent, FILLER_BYTES);
        match nodes.send(A, to, lane, &filler) {
            Ok(()) => {
                *sent += 1;
                full = Duration::ZERO;
            }
            Err(SendError::Full) => {
                tokio::time::sleep(PACE).await;
                full += PACE;
            }
            Err(error) => panic!("the channel to a peer that does not read: {error}"),
        }
        let bytes = *sent as usize * FILLER_BYTES;
        assert!(
            bytes <= UNREAD_BYTES_MAX,
            "{bytes} bytes went into the {lane} lane of a peer that does not read"
        );
    }
    *sent - before
}

/// A receiver that does not read makes `send` say that the queue is full, on each lane; once it
/// reads, sending works again.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn full_queue_is_an_error(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;
    let mut sent = 0;
    for lane in Lane::ALL {
        nodes[B].reads = false;
        let accepted = saturate(&mut nodes, B, lane, &mut sent).await;
        assert!(accepted > 0, "nothing at all went into the {lane} lane");

        nodes[B].reads = true;
        nodes.deliver(A, B, lane, &[packet(u32::MAX, 100)]).await;
    }
    nodes.stop_all().await;
}

/// A control packet that is sent behind a full data lane overtakes it.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn control_passes_a_saturated_data_lane(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;
    nodes[B].reads = false;
    let backlog = saturate(&mut nodes, B, Lane::Data, &mut 0).await;

    let urgent = Bytes::from_static(b"urgent");
    let mut data_before = 0;
    for step in 0_u32.. {
        if step.is_multiple_of(PACES_PER_RESEND) {
            let sent = nodes.send(A, B, Lane::Control, &urgent);
            assert_eq!(sent, Ok(()), "the control lane suffers from the data lane");
        }
        match nodes.pump_one(B).await {
            Some(TransportEvent::Received { packet, .. }) if packet == urgent => break,
            Some(TransportEvent::Received { .. }) => data_before += 1,
            _ => {}
        }
        assert!(
            data_before < backlog,
            "the control packet waited for all {backlog} data packets that were sent before it"
        );
        tokio::time::sleep(PACE).await;
    }
    nodes.stop_all().await;
}

/// A peer that does not read has no effect on what goes to another.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn peer_that_does_not_read_delays_no_other(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 3).await;
    nodes[B].reads = false;
    let mut sent = 0;
    for lane in Lane::ALL {
        saturate(&mut nodes, B, lane, &mut sent).await;
    }

    nodes.greet(A, C).await;

    nodes.stop_all().await;
}

/// `stop` ends in time with full queues, a peer that does not read, and events that nobody reads.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn stop_does_not_wait_for_a_peer_that_does_not_read(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;
    nodes[B].reads = false;
    let mut sent = 0;
    for lane in Lane::ALL {
        saturate(&mut nodes, B, lane, &mut sent).await;
    }

    nodes.stop(A).await;
    nodes.stop(B).await;

    nodes[B].reads = true;
    nodes
        .until("the events of both end", |nodes| {
            nodes[A].ended && nodes[B].ended
        })
        .await;
}
