//! What a RabbitMQ broker does to its clients beside what every broker may do: it cuts connections,
//! returns and refuses messages, and takes none. The channels come back by themselves each time.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{
    RabbitMQHarness, RabbitMQServer, Stranger, hello_of, make, make_with, shared_server, unique,
};
use raftwire_protocol::Lane;
use raftwire_transport::broker::BrokerOptions;
use raftwire_transport::conformance::broker::{BrokerNode, PATIENCE, deliver, greet, pair, setup};
use raftwire_transport::{ClusterTransport, SendError};
use raftwire_transport_rabbitmq::RabbitMQOptions;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_broker_cuts_are_made_again() {
    let harness = RabbitMQHarness::new();
    let (mut a, mut b) = pair(&harness).await;
    for run in 0..2 {
        let before = b.transport.statistics().connected;

        harness
            .server
            .ctl(&["close_all_connections", "cut by the test"]);

        b.until("its lanes are connected again", |node| {
            node.transport.statistics().connected == before + 2
        })
        .await;
        greet(&mut a, &mut b, &format!("after cut {run}")).await;
    }
    let cut = |(_, reason): &(_, String)| reason.contains("cut by the test");
    assert!(b.downs.iter().any(cut), "{:?}", b.downs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_that_the_broker_cuts_off_comes_back_and_its_peer_hears_of_it() {
    let harness = RabbitMQHarness::new();
    let (mut a, mut b) = pair(&harness).await;
    let before = a.channel("b", Lane::Data).await;

    // One node's queue on one lane alone.
    let listed = harness
        .server
        .ctl(&["list_connections", "pid", "client_properties"]);
    let line = listed
        .lines()
        .find(|line| line.contains("raftwire-b-data-hear"))
        .expect("the connection is named");
    let pid = line.split('\t').next().unwrap();
    harness
        .server
        .ctl(&["close_connection", pid, "cut by the test"]);

    a.until("the channel is down", |node| {
        node.downs.iter().any(|(down, _)| *down == before)
    })
    .await;
    greet(&mut a, &mut b, "first").await;
    let downs: Vec<_> = a.downs.iter().map(|(down, _)| down.lane).collect();
    assert_eq!(downs, [Lane::Data], "the other lane is not touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_that_reaches_no_queue_comes_back_and_ends_the_channel() {
    let server = shared_server();
    let cluster = unique("returned");
    let mut a = BrokerNode::start(make(&server.url(), &cluster, "a", &["b"])).await;
    a.until("the exchange is there", |node| {
        node.transport.statistics().connected == 2
    })
    .await;
    let mut stranger = Stranger::connect(server.port);
    // A node that says hello, and has no queue.
    let mut hello = hello_of("ghost", Lane::Data);
    let exchange = format!("raftwire.{cluster}");

    a.until("what it answers comes back", |node| {
        hello[12] = hello[12].wrapping_add(1);
        stranger.publish(&exchange, "data.all", &hello).unwrap();
        node.transport.statistics().unheard > 0
    })
    .await;

    assert!(a.up.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_queue_of_the_broker_costs_a_gap_and_nothing_else() {
    let server = RabbitMQServer::start();
    // With the usual window a node that does not read fills its peers' queues before that limit.
    let narrow = |id: &str, peer: &str| {
        let options = RabbitMQOptions {
            prefetch: 1,
            backlog_messages_max: 8,
            channels: BrokerOptions {
                data_window_bytes: 256 << 20,
                ..BrokerOptions::default()
            },
            ..RabbitMQOptions::new(server.url().parse().unwrap())
        };
        make_with(options, setup("test", id, &[peer]))
    };
    let mut a = BrokerNode::start(narrow("a", "b")).await;
    let mut b = BrokerNode::start(narrow("b", "a")).await;
    greet(&mut a, &mut b, "first").await;

    // Nobody reads the events of `b`.
    let channel = a.channel("b", Lane::Data).await;
    let packet = Bytes::from(vec![7; Lane::Data.packet_bytes_max()]);
    a.until("the broker refuses messages", |node| {
        let _ = node.transport.send(&channel, packet.clone());
        node.transport.statistics().rejected > 0
    })
    .await;
    let kept = server.ctl(&["list_queues", "name", "messages_ready"]);
    let ready = |line: &str| {
        line.rsplit('\t')
            .next()
            .and_then(|count| count.parse::<u32>().ok())
    };
    let most = kept.lines().filter_map(ready).max();
    assert!(most.is_some_and(|most| most <= 8), "{kept}");

    greet(&mut a, &mut b, "second").await;
    assert_eq!(
        a.transport.statistics().connected,
        2,
        "no connection was lost"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alarm_of_the_broker_is_an_outcome_and_ends_by_itself() {
    let harness = RabbitMQHarness::new();
    let (mut a, mut b) = pair(&harness).await;
    let channel = a.channel("b", Lane::Data).await;
    let packet = Bytes::from(vec![7; 100_000]);

    harness
        .server
        .ctl(&["set_vm_memory_high_watermark", "0.00001"]);

    // Sending says what happens: first that the queue is full, then that there is no channel.
    let mut outcomes = Vec::new();
    a.until("the channels are down", |node| {
        for _ in 0..10 {
            if let Err(error) = node.transport.send(&channel, packet.clone()) {
                outcomes.push(error);
            }
        }
        node.up.is_empty()
    })
    .await;
    assert!(outcomes.contains(&SendError::Full), "{outcomes:?}");
    let outcome = a.transport.send(&channel, packet.clone());
    assert_eq!(outcome, Err(SendError::NotConnected));
    assert!(a.transport.statistics().blocked >= 1);
    b.until("the channels are down", |node| node.up.is_empty())
        .await;
    // Longer than the silence after which a broker counts as gone.
    assert!(a.is_quiet_for(Duration::from_secs(4)).await);

    harness.server.ctl(&["set_vm_memory_high_watermark", "0.4"]);

    greet(&mut a, &mut b, "first").await;
    for node in [&a, &b] {
        let connected = node.transport.statistics().connected;
        assert_eq!(connected, 2, "an alarm is no reason to connect again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_ends_while_the_broker_takes_nothing() {
    let harness = RabbitMQHarness::new();
    let (mut a, b) = pair(&harness).await;
    harness
        .server
        .ctl(&["set_vm_memory_high_watermark", "0.00001"]);
    a.until("it is blocked", |node| {
        node.transport.statistics().blocked == 2
    })
    .await;

    let stopped = async { tokio::join!(a.transport.stop(), b.transport.stop()) };

    tokio::time::timeout(PATIENCE, stopped)
        .await
        .expect("it ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_acknowledged_once_however_many_come() {
    let server = shared_server();
    let cluster = unique("acknowledged");
    let mut a = BrokerNode::start(make(&server.url(), &cluster, "a", &["b"])).await;
    let mut b = BrokerNode::start(make(&server.url(), &cluster, "b", &["a"])).await;
    let channel = a.channel("b", Lane::Data).await;
    b.channel("a", Lane::Data).await;
    let mut sent = 0_u32;

    while sent < 20_000 {
        let packet = Bytes::copy_from_slice(&sent.to_be_bytes());
        match a.transport.send(&channel, packet) {
            Ok(()) => sent += 1,
            Err(SendError::Full) => {
                b.step(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error}: {:?}", a.downs),
        }
    }

    let last = Bytes::copy_from_slice(&(sent - 1).to_be_bytes());
    b.until("all have come", |node| node.received.last() == Some(&last))
        .await;
    let numbers = b
        .received
        .iter()
        .map(|packet| u32::from_be_bytes(packet[..].try_into().unwrap()));
    assert!(numbers.eq(0..sent), "in order, and each once");
    // A second acknowledgement of one message ends the channel that it comes by.
    for node in [&a, &b] {
        assert_eq!(node.transport.statistics().connected, 2);
    }
    let left = server.ctl(&["list_queues", "name", "messages_unacknowledged"]);
    let of_b = left
        .lines()
        .find(|line| line.contains(&format!("{cluster}.data.b.")));
    assert!(of_b.is_some(), "{left}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_are_exclusive_bounded_and_gone_with_their_node() {
    let server = shared_server();
    let cluster = unique("topology");
    let mut a = BrokerNode::start(make(&server.url(), &cluster, "a", &["b"])).await;
    let mut b = BrokerNode::start(make(&server.url(), &cluster, "b", &["a"])).await;
    deliver(&mut a, &mut b, Lane::Control, "control").await;
    deliver(&mut a, &mut b, Lane::Data, "data").await;
    let of_cluster = |listed: &str| -> Vec<String> {
        let prefix = format!("raftwire.{cluster}");
        let lines = listed.lines().filter(|line| line.starts_with(&prefix));
        lines.map(str::to_owned).collect()
    };
    let columns = [
        "list_queues",
        "name",
        "durable",
        "auto_delete",
        "exclusive",
        "arguments",
    ];

    let queues = of_cluster(&server.ctl(&columns));

    assert_eq!(queues.len(), 4, "{queues:?}");
    for queue in &queues {
        assert!(queue.contains("\tfalse\ttrue\ttrue\t"), "{queue}");
        assert!(queue.contains("reject-publish"), "{queue}");
        assert!(queue.contains("x-max-length-bytes"), "{queue}");
        let is_control = queue.contains(".control.");
        let forgets =
            queue.contains("x-message-ttl\",1000") || queue.contains("x-message-ttl\\\",1000");
        assert_eq!(forgets, is_control, "{queue}");
    }

    for queue in of_cluster(&server.ctl(&["list_queues", "name", "consumers"])) {
        assert!(queue.ends_with("\t1"), "nobody consumes twice: {queue}");
    }

    a.transport.stop().await;
    b.transport.stop().await;

    let gone = async {
        while !of_cluster(&server.ctl(&["list_queues", "name"])).is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone)
        .await
        .expect("nothing is left behind but the exchange");
    let exchanges = of_cluster(&server.ctl(&["list_exchanges", "name", "durable", "auto_delete"]));
    assert_eq!(exchanges, [format!("raftwire.{cluster}\ttrue\tfalse")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_that_comes_back_is_sent_nothing_that_was_for_its_predecessor() {
    let server = shared_server();
    let cluster = unique("ghosts");
    let mut a = BrokerNode::start(make(&server.url(), &cluster, "a", &["b"])).await;
    let mut b = BrokerNode::start(make(&server.url(), &cluster, "b", &["a"])).await;
    deliver(&mut a, &mut b, Lane::Data, "to the first one").await;
    let channel = a.channel("b", Lane::Data).await;
    b.transport.stop().await;
    // Until `a` has heard of it, it sends on.
    a.transport
        .send(&channel, Bytes::from_static(b"to nobody"))
        .unwrap_or_default();

    let mut next = BrokerNode::start(make(&server.url(), &cluster, "b", &["a"])).await;

    deliver(&mut a, &mut next, Lane::Data, "to the next one").await;
    let is_next = |packet: &Bytes| packet == "to the next one";
    assert!(next.received.iter().all(is_next), "{:?}", next.received);
}
