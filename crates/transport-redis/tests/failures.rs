//! What a Redis server does to its clients beside what every broker may do: it cuts connections, and
//! cuts off who cannot follow. The channels come back by themselves each time.

mod common;

use bytes::Bytes;
use common::{RedisHarness, RedisServer, make_with};
use raftwire_protocol::Lane;
use raftwire_transport::ClusterTransport;
use raftwire_transport::broker::BrokerOptions;
use raftwire_transport::conformance::broker::{BrokerNode, greet, pair, setup};
use raftwire_transport_redis::RedisOptions;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_broker_cuts_are_made_again() {
    let harness = RedisHarness::new();
    let (mut a, mut b) = pair(&harness).await;
    for kind in ["pubsub", "normal"] {
        let before = b.transport.statistics().connected;
        let killed = harness
            .server
            .ask(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]);
        assert_eq!(killed.trim(), "4", "two nodes, two lanes");
        b.until("its lanes are connected again", |node| {
            node.transport.statistics().connected == before + 2
        })
        .await;

        greet(&mut a, &mut b, kind).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriber_that_the_broker_cuts_off_comes_back_and_its_peer_hears_of_it() {
    let harness = RedisHarness::new();
    let (mut a, mut b) = pair(&harness).await;
    let before = a.channel("b", Lane::Data).await;

    // One node's subscription on one lane alone.
    let listed = harness.server.ask(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    let line = listed
        .lines()
        .find(|line| line.contains("name=raftwire-b-data"))
        .expect("the connection is named");
    let id = line.split(' ').next().unwrap().strip_prefix("id=").unwrap();
    assert_eq!(
        harness.server.ask(&["CLIENT", "KILL", "ID", id]).trim(),
        "1"
    );

    a.until("the channel is down", |node| {
        node.downs.iter().any(|(down, _)| *down == before)
    })
    .await;
    greet(&mut a, &mut b, "first").await;
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
        make_with(options, setup("test", id, &[peer]))
    };
    let mut a = BrokerNode::start(wide("a", "b")).await;
    let mut b = BrokerNode::start(wide("b", "a")).await;
    greet(&mut a, &mut b, "first").await;

    // Nobody reads the events of `b`.
    let channel = a.channel("b", Lane::Data).await;
    let packet = Bytes::from(vec![7; Lane::Data.packet_bytes_max()]);
    a.until("the broker cuts the subscriber off", |node| {
        while node.transport.send(&channel, packet.clone()).is_ok() {}
        node.downs.iter().any(|(down, _)| *down == channel)
    })
    .await;

    greet(&mut a, &mut b, "second").await;
}
