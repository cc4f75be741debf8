//! The control lane beside a data lane that is full, and alone.
#![allow(clippy::unwrap_used)] // also in what tests share

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{LONG, Node, WsHarness, node};
use raftwire_environment::Environment;
use raftwire_protocol::Lane;
use raftwire_transport::{
    Channel, ChannelSecurity, ClusterTransport, ClusterTransportFactory, Lanes, TransportEvent,
    TransportSetup,
};
use raftwire_transport_ws::{
    AcceptUpgradedError, PeerRequest, WsClusterTransport, WsClusterTransportFactory, WsOptions,
};
use tokio_tungstenite::tungstenite;

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

/// The first event of a node, and whether it is the only one for a while.
async fn only_event(node: &mut Node) -> TransportEvent {
    let event = node.next().await;
    assert!(node.is_quiet_for(Duration::from_millis(500)).await);
    event
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transport_of_one_lane_dials_that_lane_and_refuses_the_other() {
    let harness = WsHarness::real();
    let start = async |id: &str, peers: &[&str]| {
        let peers: Vec<_> = peers.iter().map(|peer| node(peer)).collect();
        let setup = TransportSetup {
            lanes: Lanes::Only(Lane::Control),
            ..harness.setup(&node(id), &peers)
        };
        let options = WsOptions {
            listen: Some(harness.address(&node(id))),
            ..WsOptions::default()
        };
        let transport = WsClusterTransport::new(setup, options).unwrap();
        let events = transport.start().await.unwrap();
        Node { transport, events }
    };
    let mut b = start("b", &[]).await;
    let mut a = start("a", &["b"]).await;

    let refused = harness.dial("b", "/cluster?node=c&lane=data").await;

    let Err(tungstenite::Error::Http(response)) = refused else {
        panic!("not refused: {refused:?}");
    };
    assert_eq!(response.status(), 409);
    let text = String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned();
    assert!(
        text.contains("data lane rides on another transport"),
        "{text}"
    );
    for node in [&mut a, &mut b] {
        let event = only_event(node).await;
        assert!(
            matches!(&event, TransportEvent::PeerUp { channel, .. } if channel.lane == Lane::Control),
            "{event:?}"
        );
    }
}

#[tokio::test]
async fn acceptor_of_one_lane_refuses_the_other() {
    let harness = WsHarness::real();
    let factory = WsClusterTransportFactory::default();
    let acceptor = factory.acceptor();
    let setup = TransportSetup {
        lanes: Lanes::Only(Lane::Control),
        ..harness.setup(&node("a"), &[])
    };
    let transport = factory.create_transport(setup).unwrap();
    let _events = transport.start().await.unwrap();
    let ask = |lane: Lane| {
        http::Request::get(format!("/cluster?node=b&lane={lane}"))
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap()
    };

    assert_eq!(acceptor.answer(&ask(Lane::Control)).0.status(), 101);
    let (refusal, peer) = acceptor.answer(&ask(Lane::Data));

    assert_eq!((refusal.status().as_u16(), peer), (409, None));
    let request = PeerRequest {
        node: node("b"),
        lane: Lane::Data,
    };
    let (io, _other_end) = tokio::io::duplex(64);
    let accepted = acceptor.accept_upgraded(io, request, ChannelSecurity::Loopback);
    let lane = Lane::Data;
    assert_eq!(accepted, Err(AcceptUpgradedError::OtherLane { lane }));
    transport.stop().await;
}
