//! Three real nodes whose traffic rides on a private Redis server, and what that server does.

#![allow(clippy::disallowed_methods)] // the stranger has sockets of its own

mod support;

#[path = "../../transport-redis/tests/common/redis_server.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]
mod redis_server;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use redis_server::RedisServer;
use support::{Client, Cluster, NodeProcess, Settings, Traffic, eventually};

/// How often the broker is killed.
const KILLS: u32 = 5;

/// How long it is away, and twice as long the next time, and so on: from less than an election
/// takes to more.
const OUTAGE: Duration = Duration::from_millis(500);

/// Longer than the silence after which a broker counts as gone.
const PAUSE: Duration = Duration::from_secs(5);

/// Cut into packets that are more than what Redis writes without keeping it.
const LARGE_BYTES: usize = 200_000;

const CLIENTS_PER_NODE: usize = 8;

fn settings(server: &RedisServer) -> Settings {
    Settings::default()
        .with_flag("transport-type", "redis")
        .with_variable("RAFTWIRE_REDIS_CONNECTION_STRING", &server.url())
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

fn set_backlog_limit(server: &RedisServer, limit: &str) {
    let set = server.ask(&["CONFIG", "SET", "client-output-buffer-limit", limit]);
    assert_eq!(set.trim(), "OK");
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
    let mut server = RedisServer::start();
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
    for kind in ["pubsub", "normal"] {
        server.ask(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]);
        flows(&traffic, "messages after the broker cut its connections").await;
    }

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
async fn subscribers_that_the_broker_cuts_off_for_their_backlog_miss_nothing() {
    let server = RedisServer::start();
    let cluster = Cluster::start_with(3, &settings(&server)).await;
    let mut traffic = Traffic::new();
    ring(&cluster, &mut traffic).await;
    flows(&traffic, "messages over the broker").await;
    let mut sender = cluster.node(0).client().await;
    let receiver = cluster.node(1).client().await;
    let large = "x".repeat(LARGE_BYTES);

    // So low that each large message cuts its subscriber off.
    set_backlog_limit(&server, "pubsub 1 0 0");
    sender.send(&receiver.id, &large).await;
    eventually("the broker to cut a subscriber off", async || {
        let lost = |node: usize| {
            cluster
                .node(node)
                .log()
                .matches("connection to Redis lost")
                .count()
        };
        let count: usize = (0..3).map(lost).sum();
        (count > 2).then_some(())
    })
    .await;
    set_backlog_limit(&server, "pubsub 33554432 8388608 60");

    let outcome = sender.json().await;
    assert_eq!(outcome["type"], "result", "{outcome}");
    flows(&traffic, "messages after subscribers were cut off").await;
    for node in 0..3 {
        assert_eq!(
            traffic.ended_on(node),
            0,
            "a client of node {node} was closed"
        );
    }
    let tally = traffic.settle().await;
    assert!(tally.acknowledged > 100, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_killed_while_the_broker_dies() {
    let mut server = RedisServer::start();
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
    let server = RedisServer::start();
    let cluster = Cluster::start_with(1, &settings(&server)).await;

    let log = cluster.node(0).log();

    for words in [
        "timings between nodes",
        "control=\"redis\"",
        "data=\"redis\"",
        &format!("redis=\"{}\"", server.url()),
        "heartbeat=400ms",
        "lease=12s",
        "connected to Redis",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
}

/// From the end of a protected packet to the middle of its number, which is 8 bytes before a code
/// of 16.
const NUMBER_FROM_END: usize = 20;

/// Says again what others have said: unchanged, without its end, with another last byte, and with
/// a number that was not used yet.
/// Ends when the connection is shut down, and returns how much it has said.
fn repeat_what_is_said(hearing: TcpStream, mut saying: TcpStream) -> usize {
    let mut hearing = BufReader::new(hearing);
    let mut own = BTreeSet::new();
    while let Ok((channel, message)) = next_message(&mut hearing) {
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
            let mut command = format!("*3\r\n$7\r\nPUBLISH\r\n${}\r\n", channel.len()).into_bytes();
            command.extend_from_slice(&channel);
            command.extend_from_slice(format!("\r\n${}\r\n", said.len()).as_bytes());
            command.extend_from_slice(&said);
            command.extend_from_slice(b"\r\n");
            if saying.write_all(&command).is_err() {
                return own.len();
            }
            own.insert(said);
        }
    }
    own.len()
}

/// The channel and the text of the next `pmessage`.
fn next_message(hearing: &mut impl BufRead) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    loop {
        let mut line = String::new();
        if hearing.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line != "*4\r\n" {
            // The answer to the subscription.
            continue;
        }
        let mut parts = Vec::new();
        for _ in 0..4 {
            let mut length = String::new();
            hearing.read_line(&mut length)?;
            let length: usize = length[1..].trim().parse().expect("a length");
            let mut part = vec![0; length + 2];
            hearing.read_exact(&mut part)?;
            part.truncate(length);
            parts.push(part);
        }
        let message = parts.pop().expect("four parts");
        return Ok((parts.pop().expect("four parts"), message));
    }
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
    let server = RedisServer::start();
    let cluster = Cluster::start_with(3, &settings(&server)).await;
    let mut traffic = Traffic::new();
    ring(&cluster, &mut traffic).await;
    let connect = || TcpStream::connect(("127.0.0.1", server.port)).expect("it listens");
    let (mut hearing, saying) = (connect(), connect());
    hearing
        .write_all(b"*2\r\n$10\r\nPSUBSCRIBE\r\n$10\r\nraftwire:*\r\n")
        .expect("written");
    let shut = hearing.try_clone().expect("a second handle");
    let stranger = std::thread::spawn(move || repeat_what_is_said(hearing, saying));

    for _ in 0..5 {
        flows(&traffic, "messages beside the stranger's").await;
    }
    shut.shutdown(Shutdown::Both).expect("shut down");
    let said = stranger.join().expect("it ends");

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
