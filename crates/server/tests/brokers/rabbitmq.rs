//! What a RabbitMQ broker does to the nodes.

use std::collections::BTreeSet;
use std::net::Shutdown;

use crate::broker::{flows, nobody_is_ready, nobody_was_closed, settled, three_nodes};
use crate::failures::{self, OUTAGE, dies_and_hangs};
use crate::rabbitmq_server::RabbitMQServer;
use crate::rabbitmq_stranger::Stranger;
use crate::strangers::{self, variations};
use crate::support::Cluster;

/// How often the queues are full.
const FULL_QUEUES: u32 = 3;

/// What a node may have in memory while nothing can be sent: far less than what its clients would
/// say in the meantime if nothing stopped them, and well above what an unoptimised node starts with.
const RESIDENT_BYTES_MAX: u64 = 128 << 20;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_message_arrives_while_the_broker_fails() {
    let mut server = RabbitMQServer::start();
    let (cluster, traffic) = three_nodes(&server).await;

    dies_and_hangs(&mut server, &cluster, &traffic).await;
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

    nobody_was_closed(&traffic);
    settled(traffic, 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_the_broker_refuses_because_a_queue_is_full_arrive_later() {
    let server = RabbitMQServer::start();
    let (cluster, traffic) = three_nodes(&server).await;

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
    settled(traffic, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_killed_while_the_broker_dies() {
    failures::a_node_is_killed_while_the_broker_dies::<RabbitMQServer>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_says_what_carries_the_cluster_and_how_long_things_take() {
    failures::a_node_says_what_carries_the_cluster::<RabbitMQServer>().await;
}

/// What the cluster publishes to: `raftwire.` and its name.
const EXCHANGE: &str = "raftwire.raftwire";

/// Says what others have said, again and varied. Ends when the connection is shut down, and returns how
/// much it has said.
fn repeat_what_is_said(mut hearing: Stranger, mut saying: Stranger, key: &str) -> usize {
    let mut own = BTreeSet::new();
    while let Some(message) = hearing.hear() {
        let message = message.to_vec();
        if message.is_empty() || own.contains(&message) {
            continue;
        }
        for said in variations(message) {
            if saying.publish(EXCHANGE, key, &said).is_err() {
                return own.len();
            }
            own.insert(said);
        }
    }
    own.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_repeated_and_truncated_messages_of_a_stranger_are_not_obeyed() {
    let server = RabbitMQServer::start();
    let (cluster, traffic) = three_nodes(&server).await;
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

    strangers::are_not_obeyed(said, &cluster, traffic).await;
}
