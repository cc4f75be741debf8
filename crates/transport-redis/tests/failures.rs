//! What a broker does to its clients: it dies, hangs, cuts them off and loses. The channels come
//! back by themselves each time.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Node, RedisServer, deliver, make, node, setup};
use raftwire_protocol::Lane;
use raftwire_transport::broker::BrokerOptions;
use raftwire_transport::{ClusterTransport, SendError};
use raftwire_transport_redis::{RedisClusterTransport, RedisOptions};

/// As often as the issue of a broker that crashes asks for.
const KILLS: usize = 5;

/// Two nodes whose channels are up on both lanes.
async fn pair(server: &RedisServer) -> (Node, Node) {
    let mut a = Node::start(make(&server.url(), "test", "a", &["b"])).await;
    let mut b = Node::start(make(&server.url(), "test", "b", &["a"])).await;
    for lane in Lane::ALL {
        a.channel("b", lane).await;
        b.channel("a", lane).await;
    }
    (a, b)
}

async fn greet(a: &mut Node, b: &mut Node, texts: [&'static str; 4]) {
    let [control_there, control_back, data_there, data_back] = texts;
    deliver(a, b, Lane::Control, control_there).await;
    deliver(b, a, Lane::Control, control_back).await;
    deliver(a, b, Lane::Data, data_there).await;
    deliver(b, a, Lane::Data, data_back).await;
}

const FIRST: [&str; 4] = ["c1", "c2", "d1", "d2"];
const SECOND: [&str; 4] = ["c3", "c4", "d3", "d4"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_come_back_after_each_death_of_the_broker() {
    let mut server = RedisServer::start();
    let (mut a, mut b) = pair(&server).await;
    for run in 0..KILLS {
        server.kill();
        for node in [&mut a, &mut b] {
            node.until("all channels are down", |node| node.up.is_empty())
                .await;
            assert_eq!(node.downs.len(), 2 * (run + 1), "{:?}", node.downs);
        }
        let gone = a.downs[0].0.clone();
        assert_eq!(
            a.transport.send(&gone, Bytes::new()),
            Err(SendError::NotConnected)
        );

        server.restart();

        a.received.clear();
        b.received.clear();
        greet(&mut a, &mut b, FIRST).await;
    }
    assert_eq!(a.transport.statistics().connected, 2 * (KILLS as u64 + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broker_that_is_not_there_yet_is_waited_for() {
    let mut server = RedisServer::start();
    server.kill();
    let mut a = Node::start(make(&server.url(), "test", "a", &["b"])).await;
    let mut b = Node::start(make(&server.url(), "test", "b", &["a"])).await;
    assert!(a.is_quiet_for(Duration::from_millis(500)).await);

    server.restart();

    greet(&mut a, &mut b, FIRST).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broker_that_hangs_takes_the_channels_down_until_it_goes_on() {
    let server = RedisServer::start();
    let (mut a, mut b) = pair(&server).await;

    server.pause();
    for node in [&mut a, &mut b] {
        node.until("all channels are down", |node| node.up.is_empty())
            .await;
    }
    // Long enough for attempts to connect to a server that takes connections and says nothing.
    assert!(a.is_quiet_for(Duration::from_secs(2)).await);
    server.resume();

    greet(&mut a, &mut b, FIRST).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hanging_broker_still_has_is_not_delivered_to_a_new_channel() {
    let server = RedisServer::start();
    let (mut a, mut b) = pair(&server).await;
    let channel = a.channel("b", Lane::Data).await;

    server.pause();
    a.transport
        .send(&channel, Bytes::from_static(b"stale"))
        .unwrap();
    a.transport
        .broadcast(Lane::Data, Bytes::from_static(b"stale to all"))
        .unwrap();
    for node in [&mut a, &mut b] {
        node.until("all channels are down", |node| node.up.is_empty())
            .await;
    }
    server.resume();

    greet(&mut a, &mut b, FIRST).await;
    let stale = |packet: &Bytes| packet.starts_with(b"stale");
    assert!(!b.received.iter().any(stale), "{:?}", b.received);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_broker_cuts_are_made_again() {
    let server = RedisServer::start();
    let (mut a, mut b) = pair(&server).await;
    for kind in ["pubsub", "normal"] {
        let before = b.transport.statistics().connected;
        let killed = server.ask(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]);
        assert_eq!(killed.trim(), "4", "two nodes, two lanes");
        b.until("its lanes are connected again", |node| {
            node.transport.statistics().connected == before + 2
        })
        .await;

        a.received.clear();
        b.received.clear();
        greet(&mut a, &mut b, FIRST).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriber_that_the_broker_cuts_off_comes_back_and_its_peer_hears_of_it() {
    let server = RedisServer::start();
    let (mut a, mut b) = pair(&server).await;
    let before = a.channel("b", Lane::Data).await;

    // One node's subscription on one lane alone.
    let listed = server.ask(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    let line = listed
        .lines()
        .find(|line| line.contains("name=raftwire-b-data"))
        .expect("the connection is named");
    let id = line.split(' ').next().unwrap().strip_prefix("id=").unwrap();
    assert_eq!(server.ask(&["CLIENT", "KILL", "ID", id]).trim(), "1");

    a.until("the channel is down", |node| {
        node.downs.iter().any(|(down, _)| *down == before)
    })
    .await;
    greet(&mut a, &mut b, FIRST).await;
    let downs: Vec<_> = a.downs.iter().map(|(down, _)| down.lane).collect();
    assert_eq!(downs, [Lane::Data], "the other lane is not touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_limit_of_the_broker_costs_a_gap_and_nothing_else() {
    let server = RedisServer::start_with(&["--client-output-buffer-limit", "pubsub 600000 0 0"]);
    // With the usual window a node that does not read fills its peers' queues before that limit.
    let wide = |id: &str, peer: &str| {
        let options = RedisOptions {
            channels: BrokerOptions {
                data_window_bytes: 256 << 20,
                ..BrokerOptions::default()
            },
            ..RedisOptions::new(server.url().parse().unwrap())
        };
        RedisClusterTransport::new(setup("test", &node(id), &[node(peer)]), options).unwrap()
    };
    let mut a = Node::start(wide("a", "b")).await;
    let mut b = Node::start(wide("b", "a")).await;
    greet(&mut a, &mut b, FIRST).await;

    // Nobody reads the events of `b`.
    let channel = a.channel("b", Lane::Data).await;
    let packet = Bytes::from(vec![7; Lane::Data.packet_bytes_max()]);
    a.until("the broker cuts the subscriber off", |node| {
        while node.transport.send(&channel, packet.clone()).is_ok() {}
        node.downs.iter().any(|(down, _)| *down == channel)
    })
    .await;

    greet(&mut a, &mut b, SECOND).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peer_that_stops_says_so() {
    let server = RedisServer::start();
    let (mut a, b) = pair(&server).await;
    b.transport.stop().await;
    a.until("the peer is down", |node| node.downs.len() == 2)
        .await;
    let reasons: Vec<_> = a.downs.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(reasons, ["the peer has stopped"; 2]);
}
