//! Clients that come and go leave nothing behind.

// Sockets with options of their own, and a figure for who runs it with --nocapture.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)]

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::{Cluster, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

/// Clients until the allocator and the runtime have what they need.
const WARM_UP: usize = 20_000;
/// Clients that are measured; with the first ones 10⁵.
const MEASURED: usize = 80_000;
/// Clients at once.
const AT_ONCE: usize = 64;
/// What memory may grow by meanwhile: 100 bytes for each client, which is less than the smallest
/// thing that is kept of one, and far more than the allocator's ups and downs.
const GROWTH_BYTES_MAX: u64 = 100 * MEASURED as u64;

/// Comes, is welcomed, and is gone: with a reset, so that neither end keeps the port.
async fn come_and_go(port: u16, number: usize) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_zero_linger().unwrap();
    // Ports are many, and more with several addresses.
    let source = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(number % 8).unwrap());
    socket.bind((source, 0).into()).unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = socket.connect(address).await.unwrap();
    let request = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Protocol: raftwire.v1\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::with_capacity(1024);
    let is_welcomed = |answer: &[u8]| {
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n");
        head.is_some_and(|at| answer.len() > at + 4)
    };
    while !is_welcomed(&answer) {
        let read = stream.read_buf(&mut answer).await.unwrap();
        assert!(read > 0, "closed: {}", String::from_utf8_lossy(&answer));
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
}

async fn clients(port: u16, count: usize) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let next = Arc::clone(&next);
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                come_and_go(port, number).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

/// Resident bytes of a process, once it holds no client any more.
async fn resident_bytes(cluster: &Cluster) -> u64 {
    cluster
        .until(0, "the end of all sessions", |report| {
            report.connections.local == 0
        })
        .await;
    let process = cluster.node(0).process().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_clients_that_come_and_go_leave_nothing_behind() {
    let cluster = Cluster::start(1).await;
    let port = cluster.node(0).port;

    clients(port, WARM_UP).await;
    let before = resident_bytes(&cluster).await;
    clients(port, MEASURED).await;
    let after = eventually("memory as before", async || {
        let after = resident_bytes(&cluster).await;
        (after < before + GROWTH_BYTES_MAX).then_some(after)
    })
    .await;

    println!("resident: {before} bytes before, {after} after");
}
