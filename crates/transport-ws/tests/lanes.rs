//! The control lane beside a data lane that is full.
#![allow(clippy::unwrap_used)] // also in what tests share

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{LONG, Node, WsHarness};
use raftwire_environment::Environment;
use raftwire_protocol::Lane;
use raftwire_transport::{Channel, ClusterTransport, TransportEvent};

const IN_FLIGHT_BYTES: usize = 16 << 20;

/// Sends data that nobody reads until this much of it is on its way.
async fn fill(node: &Node, channel: &Channel) {
    let packet = Bytes::from(vec![7; 64 << 10]);
    let mut bytes = 0;
    while bytes < IN_FLIGHT_BYTES {
        match node.transport.send(channel, packet.clone()) {
            Ok(()) => bytes += packet.len(),
            // The queue is full until its beginning has moved on.
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_packet_overtakes_16_mib_of_data() {
    let harness = WsHarness::real();
    let mut b = harness.start("b", &[]).await;
    let mut a = harness.start("a", &["b"]).await;
    let (first, second) = (a.next().await, a.next().await);
    let of_lane = |lane: Lane| {
        let channels = [&first, &second].map(TransportEvent::channel);
        channels
            .into_iter()
            .find(|channel| channel.lane == lane)
            .unwrap()
            .clone()
    };
    let data = of_lane(Lane::Data);
    let filled = fill(&a, &data);
    tokio::time::timeout(LONG, filled)
        .await
        .expect("16 MiB fit on the way");

    a.transport
        .send(&of_lane(Lane::Control), Bytes::from_static(b"urgent"))
        .unwrap();

    // A reader that is slow, so that a packet that need not wait has the time to arrive.
    let mut data_before = 0;
    let begun = Environment::real().now();
    loop {
        match b.next().await {
            TransportEvent::Received { channel, packet } => match channel.lane {
                Lane::Control => break assert_eq!(packet, "urgent"),
                Lane::Data => data_before += packet.len(),
            },
            TransportEvent::PeerUp { .. } => {}
            down @ TransportEvent::PeerDown { .. } => panic!("{down:?}"),
        }
        assert!(Environment::real().now() - begun < LONG);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(
        data_before < IN_FLIGHT_BYTES / 2,
        "{data_before} bytes came before"
    );
}
