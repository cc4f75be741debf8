//! The cluster channel on the port of an application's own web server, here hyper.
#![allow(clippy::unwrap_used)] // also in what tests share

mod common;

use std::convert::Infallible;

use bytes::Bytes;
use common::{LONG, Node, WsHarness, node};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use raftwire_environment::{Environment, TcpListener};
use raftwire_protocol::Lane;
use raftwire_transport::{
    ChannelSecurity, ClusterTransport, ClusterTransportFactory, TransportEvent,
};
use raftwire_transport_ws::{
    AcceptUpgradedError, PeerRequest, WsAcceptor, WsClusterTransportFactory, WsOptions,
};

/// What an application does with a request for the cluster channel.
async fn answer(
    acceptor: WsAcceptor,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != "/cluster" {
        return Ok(Response::new(Full::from("the application")));
    }
    let (response, peer) = acceptor.answer(&request);
    let Some(peer) = peer else {
        return Ok(response.map(Full::from));
    };
    Environment::real().spawn("upgrade", async move {
        let io = hyper::upgrade::on(request).await.unwrap();
        let accepted = acceptor.accept_upgraded(TokioIo::new(io), peer, ChannelSecurity::Loopback);
        accepted.unwrap();
    });
    Ok(response.map(Full::from))
}

async fn serve(acceptor: WsAcceptor, listener: TcpListener) {
    while let Ok((io, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        Environment::real().spawn("web server", async move {
            let service = service_fn(move |request| answer(acceptor.clone(), request));
            let server = hyper::server::conn::http1::Builder::new();
            let served = server.serve_connection(TokioIo::new(io), service);
            // A client that goes is no concern of this test.
            let _ = served.with_upgrades().await;
        });
    }
}

async fn expect(node: &mut Node, expected: &Bytes) {
    loop {
        if let TransportEvent::Received { packet, .. } = node.next().await {
            assert_eq!(packet, *expected);
            return;
        }
    }
}

#[tokio::test]
async fn peer_reaches_a_node_through_the_applications_web_server() {
    let harness = WsHarness::real();
    let factory = WsClusterTransportFactory::new(WsOptions::default());
    let (host, port) = harness.address(&node("b"));
    let listener = Environment::real().bind(&host, port).await.unwrap();
    let server = Environment::real().spawn("serve", serve(factory.acceptor(), listener));
    let b = factory
        .create_transport(harness.setup(&node("b"), &[]))
        .unwrap();
    let mut b_events = b.start().await.unwrap();

    let mut a = harness.start("a", &["b"]).await;
    let to_b = a.up(Lane::Data).await;
    a.transport.adopt(&to_b);
    let packet = Bytes::from(vec![7; Lane::Data.packet_bytes_max()]);
    a.transport.send(&to_b, packet.clone()).unwrap();

    let heard = async {
        loop {
            match b_events.recv().await.unwrap() {
                TransportEvent::Received { channel, packet } => return (channel, packet),
                TransportEvent::PeerUp { security, .. } => {
                    assert_eq!(security, ChannelSecurity::Loopback);
                }
                TransportEvent::PeerDown { .. } => {}
            }
        }
    };
    let (from_a, heard) = tokio::time::timeout(LONG, heard).await.unwrap();
    assert_eq!((&from_a.peer, from_a.lane), (&node("a"), Lane::Data));
    assert!(heard == packet, "the packet has changed");

    let reply = Bytes::from_static(b"reply");
    b.send(&from_a, reply.clone()).unwrap();
    expect(&mut a, &reply).await;

    b.stop().await;
    a.down().await;
    server.abort();
}

#[tokio::test]
async fn stream_for_a_transport_that_does_not_run_is_refused() {
    let harness = WsHarness::real();
    let factory = WsClusterTransportFactory::new(WsOptions::default());
    let acceptor = factory.acceptor();
    let offer = |from: &str| {
        let (io, _) = tokio::io::duplex(64);
        let request = PeerRequest {
            node: node(from),
            lane: Lane::Control,
        };
        acceptor.accept_upgraded(io, request, ChannelSecurity::Untrusted)
    };
    assert_eq!(offer("a"), Err(AcceptUpgradedError::NotRunning));

    let b = factory
        .create_transport(harness.setup(&node("b"), &[]))
        .unwrap();
    assert_eq!(offer("a"), Err(AcceptUpgradedError::NotRunning));

    let _events = b.start().await.unwrap();
    assert_eq!(offer("b"), Err(AcceptUpgradedError::OwnId));
    assert_eq!(offer("a"), Ok(()));

    b.stop().await;
    assert_eq!(offer("a"), Err(AcceptUpgradedError::NotRunning));
}

#[tokio::test]
async fn each_request_for_the_channel_has_its_answer() {
    let harness = WsHarness::real();
    let factory = WsClusterTransportFactory::new(WsOptions::default());
    let acceptor = factory.acceptor();
    let ask = |uri: &str, version: &str| {
        let request = Request::get(uri)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", version)
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap();
        let (response, peer) = acceptor.answer(&request);
        (response.status().as_u16(), peer.map(|peer| peer.node))
    };
    assert_eq!(ask("/cluster?node=a&lane=data", "13"), (503, None));

    let _b = factory
        .create_transport(harness.setup(&node("b"), &[]))
        .unwrap();

    assert_eq!(
        ask("/cluster?node=a&lane=data", "13"),
        (101, Some(node("a")))
    );
    assert_eq!(ask("/cluster?node=a", "13"), (400, None));
    assert_eq!(ask("/cluster?node=a&lane=data", "12"), (426, None));
}
