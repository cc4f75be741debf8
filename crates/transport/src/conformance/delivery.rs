use bytes::Bytes;
use raftwire_protocol::Lane;

use super::ConformanceHarness;
use super::nodes::{A, B, C, Nodes, packet};
use crate::{Channel, ChannelId, SendError};

/// Packets of every size, from nothing to the largest, arrive with the bytes that were sent, on
/// both lanes and in both directions.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn bytes_arrive_unchanged(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;
    for lane in Lane::ALL {
        let limit = lane.packet_bytes_max();
        let sizes = [
            0,
            1,
            63,
            64,
            125,
            126,
            4_096,
            65_535,
            65_536,
            limit - 1,
            limit,
        ];
        let sizes = sizes.into_iter().filter(|size| *size <= limit);
        let packets: Vec<Bytes> = (1..).zip(sizes).map(|(n, size)| packet(n, size)).collect();

        nodes.deliver(A, B, lane, &packets).await;
        nodes.deliver(B, A, lane, &packets).await;
    }
    nodes.stop_all().await;
}

/// A packet over the lane's limit is refused with the limit, and harms nothing.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn packet_over_the_limit_is_refused(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;
    for lane in Lane::ALL {
        let limit = lane.packet_bytes_max();
        let refusal = SendError::TooLarge {
            bytes: limit + 1,
            limit,
        };
        let channel = nodes.channel(A, B, lane);
        let transport = &nodes[A].transport;

        let sent = transport.send(&channel, packet(1, limit + 1));
        assert_eq!(sent, Err(refusal), "send on the {lane} lane");
        let sent = transport.broadcast(lane, packet(1, limit + 1));
        assert_eq!(sent, Err(refusal), "broadcast on the {lane} lane");
    }
    nodes.greet(A, B).await;
    nodes.stop_all().await;
}

/// Where there is no channel, sending says so: a channel that never was, and one that has ended.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn send_without_channel_is_not_connected(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;
    for lane in Lane::ALL {
        let never = Channel {
            peer: nodes.id(B),
            lane,
            id: ChannelId::new(u64::MAX),
        };
        let sent = nodes[A].transport.send(&never, packet(1, 1));
        assert_eq!(sent, Err(SendError::NotConnected), "{never} never was");

        let ended = nodes.channel(A, B, lane);
        nodes[A].transport.disconnect(&ended, "check");
        nodes
            .until("the disconnected channel is down", |nodes| {
                !nodes[A].is_up(&ended)
            })
            .await;
        let sent = nodes[A].transport.send(&ended, packet(1, 1));
        assert_eq!(sent, Err(SendError::NotConnected), "{ended} has ended");
    }
    nodes.stop_all().await;
}

/// A broadcast reaches every peer, on the lane that it was sent on.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn broadcast_reaches_every_peer(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 3).await;
    for (number, lane) in (1..).zip(Lane::ALL) {
        let packet = packet(number, 1_000);
        nodes.broadcast(lane, &packet).await;
        for node in [B, C] {
            let heard = nodes[node].received.iter();
            let heard: Vec<_> = heard.filter(|(_, heard)| *heard == packet).collect();
            assert!(heard.iter().all(|(channel, _)| channel.lane == lane));
        }
    }
    nodes.stop_all().await;
}
