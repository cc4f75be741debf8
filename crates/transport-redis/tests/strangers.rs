//! Whoever may publish on the broker can say what he likes. He is not believed.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod common;

use common::{RedisHarness, RedisServer};
use raftwire_protocol::Lane;
use raftwire_transport::conformance::broker::{deliver, pair};

/// Publishes bytes on a channel of the cluster with the server's own client.
fn publish(server: &RedisServer, channel: &str, bytes: &[u8]) {
    use std::io::Write;
    let mut client = std::process::Command::new("redis-cli")
        .args(["-p", &server.port.to_string(), "-x", "PUBLISH", channel])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(bytes).unwrap();
    assert!(client.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_is_dropped_and_counted() {
    let harness = RedisHarness::new();
    let (mut a, mut b) = pair(&harness).await;
    deliver(&mut a, &mut b, Lane::Data, "before").await;
    let own = "raftwire:{test:data}:node:b";
    let all = "raftwire:{test:data}:all";
    let junk: [&[u8]; 5] = [
        b"",
        b"hello",
        &[0xA7; 40],
        &[0xA7, 1, 5, 1, 0, 0],
        &[0; 100_000],
    ];

    for bytes in junk {
        publish(&harness.server, own, bytes);
        publish(&harness.server, all, bytes);
    }

    b.until("all junk is counted", |node| {
        node.transport.statistics().malformed == 2 * junk.len() as u64
    })
    .await;
    deliver(&mut a, &mut b, Lane::Data, "after").await;
    assert!(b.downs.is_empty(), "{:?}", b.downs);
    let texts: Vec<&[u8]> = b.received.iter().map(|packet| &packet[..]).collect();
    let is_ours = |text: &&[u8]| [&b"before"[..], b"after"].contains(text);
    assert!(texts.iter().all(is_ours), "{texts:?}");
}
