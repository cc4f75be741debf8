//! What a Redis server does to the nodes.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};

use crate::broker::{flows, nobody_was_closed, settled, three_nodes};
use crate::failures::{self, dies_and_hangs};
use crate::redis_server::RedisServer;
use crate::strangers::{self, variations};
use crate::support::eventually;

/// Cut into packets that are more than what Redis writes without keeping it.
const LARGE_BYTES: usize = 200_000;

fn set_backlog_limit(server: &RedisServer, limit: &str) {
    let set = server.ask(&["CONFIG", "SET", "client-output-buffer-limit", limit]);
    assert_eq!(set.trim(), "OK");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_message_arrives_while_the_broker_fails() {
    let mut server = RedisServer::start();
    let (cluster, traffic) = three_nodes(&server).await;

    dies_and_hangs(&mut server, &cluster, &traffic).await;
    for kind in ["pubsub", "normal"] {
        server.ask(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]);
        flows(&traffic, "messages after the broker cut its connections").await;
    }

    nobody_was_closed(&traffic);
    settled(traffic, 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_that_the_broker_cuts_off_for_their_backlog_miss_nothing() {
    let server = RedisServer::start();
    let (cluster, traffic) = three_nodes(&server).await;
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
    nobody_was_closed(&traffic);
    settled(traffic, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_killed_while_the_broker_dies() {
    failures::a_node_is_killed_while_the_broker_dies::<RedisServer>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_says_what_carries_the_cluster_and_how_long_things_take() {
    failures::a_node_says_what_carries_the_cluster::<RedisServer>().await;
}

/// Says what others have said, again and varied. Ends when the connection is shut down, and returns how
/// much it has said.
fn repeat_what_is_said(hearing: TcpStream, mut saying: TcpStream) -> usize {
    let mut hearing = BufReader::new(hearing);
    let mut own = BTreeSet::new();
    while let Ok((channel, message)) = next_message(&mut hearing) {
        if message.is_empty() || own.contains(&message) {
            continue;
        }
        for said in variations(message) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_repeated_and_truncated_messages_of_a_stranger_are_not_obeyed() {
    let server = RedisServer::start();
    let (cluster, traffic) = three_nodes(&server).await;
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

    strangers::are_not_obeyed(said, &cluster, traffic).await;
}
