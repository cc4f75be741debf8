//! Three real nodes whose traffic rides on a private RabbitMQ broker, and what that broker does.

#![allow(clippy::disallowed_methods)] // the broker and the stranger have sockets and files of their own

mod support;

#[path = "../../transport-rabbitmq/tests/common/rabbitmq_server.rs"]
#[allow(dead_code, unreachable_pub, clippy::unwrap_used)]
mod rabbitmq_server;
#[path = "../../transport-rabbitmq/tests/common/stranger.rs"]
#[allow(dead_code, unreachable_pub, clippy::unwrap_used)]
mod stranger;

use std::collections::BTreeSet;
use std::net::Shutdown;
use std::time::Duration;

use rabbitmq_server::RabbitMQServer;
use stranger::Stranger;
use support::{Client, Cluster, NodeProcess, Settings, Traffic, eventually};

/// How often the broker is killed.
const KILLS: u32 = 5;

/// How often the queues are full.
const FULL_QUEUES: u32 = 3;

/// How long it is away, and twice as long the next time, and so on: from less than an election
/// takes to more.
const OUTAGE: Duration = Duration::from_millis(500);

/// Longer than the silence after which a broker counts as gone.
const PAUSE: Duration = Duration::from_secs(5);

/// What a node may have in memory while nothing can be sent: far less than what its clients would
/// say in the meantime if nothing stopped them, and well above what an unoptimised node starts with.
const RESIDENT_BYTES_MAX: u64 = 128 << 20;

const CLIENTS_PER_NODE: usize = 8;

fn settings(server: &RabbitMQServer) -> Settings {
    Settings::default()
        .with_flag("transport-type", "rabbitmq")
        .with_variable("RAFTWIRE_RABBITMQ_CONNECTION_STRING", &server.url())
        .with_variable("RAFTWIRE_SECRET", "what the three nodes of the test know")
}

async fn ring(cluster: &Cluster, traffic: &mut Traffic) {
    let mut clients: Vec<(usize, Client)> = Vec::new();
    for _ in 0..CLIENTS_PER_NODE {
        for node in 0..cluster.len() {
            clients.push((node, cluster.node(node).client().await));
        }
    }
    traffic.ring(clients);
}

/// Waits until the traffic flows again.
async fn flows(traffic: &Traffic, what: &str) {
    let before = traffic.received();
    let enough = before + 20 * CLIENTS_PER_NODE;
    eventually(what, async || (traffic.received() > enough).then_some(())).await;
}

fn resident_bytes(cluster: &Cluster, node: usize) -> u64 {
    let process = cluster.node(node).process().expect("it runs");
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib
        .and_then(|kib| kib.parse().ok())
        .expect("a number of kB");
    kib * 1024
}

/// Raises the alarm of memory: the broker takes no messages.
fn take_nothing(server: &RabbitMQServer) {
    server.ctl(&["set_vm_memory_high_watermark", "0.00001"]);
}

fn take_messages_again(server: &RabbitMQServer) {
    server.ctl(&["set_vm_memory_high_watermark", "0.4"]);
}

/// Waits until every node has lost its lease.
async fn nobody_is_ready(cluster: &Cluster) {
    for index in 0..cluster.len() {
        cluster
            .until(index, "the end of the lease", |report| !report.ready)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_message_arrives_while_the_broker_fails() {
    let mut server = RabbitMQServer::start();
    let cluster = Cluster::start_with(3, &settings(&server)).await;
    let mut traffic = Traffic::new();
    ring(&cluster, &mut traffic).await;
    flows(&traffic, "messages over the broker").await;

    for run in 1..=KILLS {
        server.kill();
        if run == 1 {
            nobody_is_ready(&cluster).await;
        } else {
            tokio::time::sleep(OUTAGE * run).await;
        }
        server.restart();
        let back = std::time::Instant::now();
        cluster.leader_among(&[0, 1, 2]).await;
        let leader = back.elapsed();
        flows(
            &traffic,
            &format!("messages after death {run} of the broker"),
        )
        .await;
        let flow = back.elapsed();
        eprintln!("death {run} of the broker: a leader after {leader:?}, messages after {flow:?}");
    }
    server.pause();
    tokio::time::sleep(PAUSE).await;
    server.resume();
    cluster.leader_among(&[0, 1, 2]).await;
    flows(&traffic, "messages after the broker hung").await;
    for _ in 0..2 {
        server.ctl(&["close_all_connections", "cut by the test"]);
        flows(&traffic, "messages after the broker cut its connections").await;
    }
    take_nothing(&server);
    nobody_is_ready(&cluster).await;
    for node in 0..3 {
        let resident = resident_bytes(&cluster, node);
        assert!(
            resident < RESIDENT_BYTES_MAX,
            "node {node} has {resident} bytes"
        );
    }
    take_messages_again(&server);
    let back = std::time::Instant::now();
    cluster.leader_among(&[0, 1, 2]).await;
    let leader = back.elapsed();
    flows(&traffic, "messages after the alarm").await;
    eprintln!("end of the alarm: a leader after {leader:?}");

    for node in 0..3 {
        assert_eq!(
            traffic.ended_on(node),
            0,
            "a client of node {node} was closed"
        );
    }
    let tally = traffic.settle().await;
    assert!(tally.acknowledged > 500, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_the_broker_refuses_because_a_queue_is_full_arrive_later() {
    let server = RabbitMQServer::start();
    let cluster = Cluster::start_with(3, &settings(&server)).await;
    let mut traffic = Traffic::new();
    ring(&cluster, &mut traffic).await;
    flows(&traffic, "messages over the broker").await;

    for run in 1..=FULL_QUEUES {
        // An operator's limit of nothing: each message is refused. The control lane goes on.
        let limit = r#"{"max-length":0,"overflow":"reject-publish"}"#;
        let queues = r"^raftwire\.raftwire\.data\.";
        server.ctl(&["set_policy", "--apply-to", "queues", "full", queues, limit]);
        tokio::time::sleep(OUTAGE * run).await;
        server.ctl(&["clear_policy", "full"]);
        flows(&traffic, "messages after the queues were full").await;
    }

    let refused = (0..3).filter(|node| cluster.node(*node).log().contains("refuses messages"));
    assert!(refused.count() > 0, "no queue was full");
    let tally = traffic.settle().await;
    assert!(tally.acknowledged > 100, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_killed_while_the_broker_dies() {
    let mut server = RabbitMQServer::start();
    let mut cluster = Cluster::start_with(3, &settings(&server)).await;
    let mut traffic = Traffic::new();
    ring(&cluster, &mut traffic).await;
    flows(&traffic, "messages over the broker").await;
    let (old, before) = cluster.leader_among(&[0, 1, 2]).await;

    server.kill();
    cluster.kill(old).await;
    server.restart();
    let survivors: Vec<usize> = (0..3).filter(|node| *node != old).collect();
    let (_, elected) = cluster.leader_among(&survivors).await;
    cluster.restart(old).await;

    assert!(elected.term > before.term);
    flows(&traffic, "messages between the survivors").await;
    let tally = traffic.settle().await;
    assert!(tally.acknowledged > 100, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_says_what_carries_the_cluster_and_how_long_things_take() {
    let server = RabbitMQServer::start();
    let cluster = Cluster::start_with(1, &settings(&server)).await;

    let log = cluster.node(0).log();

    for words in [
        "timings between nodes",
        "control=\"rabbitmq\"",
        "data=\"rabbitmq\"",
        &format!("rabbitmq=\"{}\"", server.url()),
        "heartbeat=400ms",
        "lease=12s",
        "connected to RabbitMQ",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
}

/// What the cluster publishes to: `raftwire.` and its name.
const EXCHANGE: &str = "raftwire.raftwire";

/// From the end of a protected packet to the middle of its number, which is 8 bytes before a code
/// of 16.
const NUMBER_FROM_END: usize = 20;

/// Says again what others have said: unchanged, without its end, with another last byte, and with
/// a number that was not used yet. Ends when the connection is shut down, and returns how much it
/// has said.
fn repeat_what_is_said(mut hearing: Stranger, mut saying: Stranger, key: &str) -> usize {
    let mut own = BTreeSet::new();
    while let Some(message) = hearing.hear() {
        let message = message.to_vec();
        if message.is_empty() || own.contains(&message) {
            continue;
        }
        let cut = message[..message.len() - 1].to_vec();
        let mut flipped = message.clone();
        *flipped.last_mut().expect("not empty") ^= 1;
        let mut renumbered = message.clone();
        if let Some(at) = message.len().checked_sub(NUMBER_FROM_END) {
            renumbered[at] ^= 1;
        }
        for said in [message, cut, flipped, renumbered] {
            if saying.publish(EXCHANGE, key, &said).is_err() {
                return own.len();
            }
            own.insert(said);
        }
    }
    own.len()
}

/// How many packets the node has dropped for these reasons.
async fn dropped(node: &NodeProcess, reasons: &[&str]) -> u64 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = ("127.0.0.1", node.port);
    let mut stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("it listens");
    let request = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("written");
    let mut page = String::new();
    stream.read_to_string(&mut page).await.expect("a page");
    let is_wanted = |line: &&str| {
        line.starts_with("raftwire_packets_dropped_total{")
            && reasons
                .iter()
                .any(|reason| line.contains(&format!("\"{reason}\"")))
    };
    let counts = page.lines().filter(is_wanted);
    let counts = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    counts.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_repeated_and_truncated_messages_of_a_stranger_are_not_obeyed() {
    let server = RabbitMQServer::start();
    let cluster = Cluster::start_with(3, &settings(&server)).await;
    let mut traffic = Traffic::new();
    ring(&cluster, &mut traffic).await;
    let mut strangers = Vec::new();
    for lane in ["control", "data"] {
        for node in ["node1", "node2", "node3"] {
            let key = format!("{lane}.node.{node}");
            let mut hearing = Stranger::connect(server.port);
            let saying = Stranger::connect(server.port);
            hearing.listen(EXCHANGE, std::slice::from_ref(&key));
            let shut = hearing.handle();
            let thread = std::thread::spawn(move || repeat_what_is_said(hearing, saying, &key));
            strangers.push((shut, thread));
        }
    }

    for _ in 0..5 {
        flows(&traffic, "messages beside the stranger's").await;
    }
    let mut said = 0;
    for (shut, thread) in strangers {
        shut.shutdown(Shutdown::Both).expect("shut down");
        said += thread.join().expect("it ends");
    }

    assert!(said > 100, "the stranger has said {said} things");
    for reason in ["forged", "replayed"] {
        let mut total = 0;
        for node in 0..3 {
            total += dropped(cluster.node(node), &[reason]).await;
        }
        assert!(total > 0, "no packet was dropped as {reason}");
    }
    let tally = traffic.settle().await;
    assert!(tally.acknowledged > 500, "{tally:?}");
}
