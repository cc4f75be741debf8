//! What comes to the cluster channel that is no node, or is one that is broken.
#![allow(clippy::unwrap_used)] // also in what tests share

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{LONG, Node, WsHarness, node};
use futures_util::{SinkExt, StreamExt};
use raftwire_environment::TcpStream;
use raftwire_protocol::Lane;
use raftwire_transport::{ClusterTransport, CreateError, SendError, TransportEvent};
use raftwire_transport_ws::{WsClusterTransport, WsOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

const CONTROL: &str = "/cluster?node=b&lane=control";

type Stream = WebSocketStream<TcpStream>;

/// The code and the reason of the next close frame.
async fn close_of(stream: &mut Stream) -> (u16, String) {
    let close = async {
        while let Some(message) = stream.next().await {
            if let Ok(Message::Close(Some(frame))) = message {
                return (frame.code.into(), frame.reason.to_string());
            }
        }
        panic!("ended without a close frame");
    };
    tokio::time::timeout(LONG, close).await.unwrap()
}

/// A node of which a client has a connection that came up.
async fn connected(harness: &WsHarness) -> (Node, Stream) {
    let mut a = harness.start("a", &[]).await;
    let stream = harness.dial("a", CONTROL).await.unwrap();
    a.up(Lane::Control).await;
    (a, stream)
}

/// Whether the listener still takes connections in.
async fn still_listens(harness: &WsHarness, node: &mut Node) {
    let _stream = harness.dial("a", CONTROL).await.unwrap();
    node.up(Lane::Control).await;
}

#[tokio::test]
async fn packet_over_the_limit_is_answered_with_1009() {
    let harness = WsHarness::real();
    let (mut a, mut stream) = connected(&harness).await;

    let packet = Bytes::from(vec![0; Lane::Control.packet_bytes_max() + 1]);
    stream.send(Message::Binary(packet)).await.unwrap();

    let (code, reason) = close_of(&mut stream).await;
    assert_eq!(
        (code, reason.as_str()),
        (1009, "a packet is over 65536 bytes")
    );
    let (_, reason) = a.down().await;
    assert_eq!(
        reason,
        "a packet of the peer is over the limit of 65536 bytes"
    );
    still_listens(&harness, &mut a).await;
}

#[tokio::test]
async fn packet_in_fragments_is_counted_as_a_whole() {
    let harness = WsHarness::real();
    let (mut a, stream) = connected(&harness).await;
    let mut io = stream.into_inner();

    // Frames of 4 KiB without an end: 0x02 begins a message, 0x00 goes on; masked with zeros.
    let mut opcode = 0x02;
    let sent = async {
        loop {
            let head = [opcode, 0x80 | 126, 0x10, 0x00, 0, 0, 0, 0];
            io.write_all(&head).await?;
            io.write_all(&[0; 4096]).await?;
            opcode = 0x00;
        }
    };
    let sent: Result<std::io::Result<()>, _> = tokio::time::timeout(LONG, sent).await;
    assert!(sent.expect("is stopped in time").is_err());

    let (_, reason) = a.down().await;
    assert!(reason.contains("over the limit"), "{reason}");
}

#[tokio::test]
async fn broken_frames_end_their_own_connection_only() {
    let harness = WsHarness::real();
    let (mut a, mut stream) = connected(&harness).await;
    let broken: [&[u8]; 4] = [
        &[0x83, 0x80, 0, 0, 0, 0], // an opcode that does not exist
        &[0x82, 0x01, 0],          // not masked
        &[0xC2, 0x80, 0, 0, 0, 0], // a reserved bit
        &[0x80, 0x80, 0, 0, 0, 0], // goes on with nothing
    ];
    for frame in broken {
        let io = stream.get_mut();
        io.write_all(frame).await.unwrap();
        io.flush().await.unwrap();

        let (code, reason) = close_of(&mut stream).await;
        assert_eq!(code, 1002, "{frame:?}: {reason}");
        let (_, reason) = a.down().await;
        assert!(reason.contains("broke the WebSocket protocol"), "{reason}");

        stream = harness.dial("a", CONTROL).await.unwrap();
        a.up(Lane::Control).await;
    }
}

#[tokio::test]
async fn text_message_is_no_packet() {
    let harness = WsHarness::real();
    let (mut a, mut stream) = connected(&harness).await;

    stream.send(Message::Text("hello".into())).await.unwrap();

    let (code, _) = close_of(&mut stream).await;
    assert_eq!(code, 1002);
    let (_, reason) = a.down().await;
    assert!(reason.contains("text message"), "{reason}");
}

#[tokio::test]
async fn packet_queued_before_a_disconnect_is_written_before_the_close() {
    let harness = WsHarness::real();
    let mut a = harness.start("a", &[]).await;
    let mut stream = harness.dial("a", CONTROL).await.unwrap();
    let channel = a.up(Lane::Control).await;

    let packet = Bytes::from_static(b"refused because");
    a.transport.send(&channel, packet.clone()).unwrap();
    a.transport.disconnect(&channel, "a stranger");

    assert_eq!(
        a.transport.send(&channel, packet.clone()),
        Err(SendError::NotConnected)
    );
    let first = loop {
        match stream.next().await.unwrap().unwrap() {
            Message::Ping(_) => {}
            other => break other,
        }
    };
    assert_eq!(first, Message::Binary(packet));
    assert_eq!(close_of(&mut stream).await, (1000, "a stranger".to_owned()));
    assert_eq!(a.down().await.1, "a stranger");
}

#[tokio::test]
async fn node_that_stops_says_that_it_goes() {
    let harness = WsHarness::real();
    let (a, mut stream) = connected(&harness).await;

    let (_, (code, _)) = tokio::join!(a.transport.stop(), close_of(&mut stream));

    assert_eq!(code, 1001);
}

#[tokio::test]
async fn wrong_address_is_answered_with_what_is_wrong() {
    let harness = WsHarness::real();
    let mut a = harness.start("a", &[]).await;
    let cases = [
        ("/", 404, "the cluster channel is /cluster"),
        (
            "/Cluster?node=b&lane=data",
            404,
            "the cluster channel is /cluster",
        ),
        ("/cluster", 400, "node="),
        ("/cluster?node=b", 400, "lane=control or lane=data"),
        ("/cluster?node=b&lane=fast", 400, "control or data"),
        ("/cluster?node=b!&lane=data", 400, "not a node id"),
        (
            "/cluster?node=a&lane=data",
            409,
            "the ids of nodes must differ",
        ),
    ];
    for (address, status, text) in cases {
        let Err(Error::Http(response)) = harness.dial("a", address).await else {
            panic!("{address} was accepted");
        };
        assert_eq!(response.status(), status, "{address}");
        let body = response.into_body().unwrap();
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains(text), "{address}: {body}");
    }
    still_listens(&harness, &mut a).await;
}

#[tokio::test]
async fn what_is_not_websocket_is_answered_in_words() {
    let harness = WsHarness::real();
    let mut a = harness.start("a", &[]).await;
    let cases: [(&[u8], &str); 3] = [
        (b"GET /cluster HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 "),
        (
            b"POST /cluster HTTP/1.1\r\nHost: a\r\n\r\n",
            "HTTP/1.1 405 ",
        ),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            "HTTP/1.1 400 ",
        ),
    ];
    for (request, expected) in cases {
        let mut io = harness.connect("a").await;
        io.write_all(request).await.unwrap();
        let mut answer = String::new();
        let read = io.read_to_string(&mut answer);
        tokio::time::timeout(LONG, read).await.unwrap().unwrap();
        assert!(answer.starts_with(expected), "{answer}");
    }
    still_listens(&harness, &mut a).await;
}

#[tokio::test]
async fn strangers_take_no_more_places_than_there_are() {
    let mut harness = WsHarness::real();
    harness.options.unadopted_inbound_max = 2;
    let mut a = harness.start("a", &[]).await;
    let _first = harness.dial("a", CONTROL).await.unwrap();
    let first = a.up(Lane::Control).await;
    let second = harness.dial("a", CONTROL).await.unwrap();
    a.up(Lane::Control).await;

    assert!(
        harness.dial("a", CONTROL).await.is_err(),
        "no place is left"
    );

    // One whose hello succeeds is no stranger, and one that goes leaves its place.
    a.transport.adopt(&first);
    drop(second);
    a.down().await;
    let _third = harness.dial("a", CONTROL).await.unwrap();
    a.up(Lane::Control).await;
    let _fourth = harness.dial("a", CONTROL).await.unwrap();
    a.up(Lane::Control).await;
    assert!(
        harness.dial("a", CONTROL).await.is_err(),
        "no place is left"
    );
}

#[tokio::test]
async fn channel_without_a_hello_is_closed_and_an_adopted_one_is_not() {
    let mut harness = WsHarness::real();
    harness.options.adopt_timeout = Duration::from_millis(200);
    let mut a = harness.start("a", &[]).await;
    let mut adopted = harness.dial("a", CONTROL).await.unwrap();
    let channel = a.up(Lane::Control).await;
    a.transport.adopt(&channel);

    let mut stranger = harness
        .dial("a", "/cluster?node=c&lane=control")
        .await
        .unwrap();

    let (code, _) = close_of(&mut stranger).await;
    assert_eq!(code, 4004);
    let (down, reason) = a.down().await;
    assert_eq!(down.peer, node("c"));
    assert_eq!(reason, "no hello succeeded within 200ms");
    // The stranger came later, so the adopted channel has outlived its own time limit.
    let packet = Bytes::from_static(b"still here");
    adopted.send(Message::Binary(packet.clone())).await.unwrap();
    loop {
        if let TransportEvent::Received { packet: heard, .. } = a.next().await {
            assert_eq!(heard, packet);
            break;
        }
    }
}

#[tokio::test]
async fn peer_over_tls_is_refused_where_tls_is_not_set_up() {
    let harness = WsHarness::real();
    let mut setup = harness.setup(&node("a"), &[]);
    setup.peers = vec!["wss://example.org:5000/b".parse().unwrap()];

    let refused = WsClusterTransport::new(setup, WsOptions::default());

    let Err(CreateError::Peer { peer, reason }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(peer, "wss://example.org:5000/b");
    assert!(reason.contains("needs a certificate"), "{reason}");
}

#[tokio::test]
async fn address_that_is_taken_is_said() {
    let harness = WsHarness::real();
    let _a = harness.start("a", &[]).await;

    let error = harness.make(&node("a"), &[]).start().await.unwrap_err();

    let (host, port) = harness.address(&node("a"));
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot listen on {host}:{port}: ")),
        "{text}"
    );
}
