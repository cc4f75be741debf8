//! Somebody else on the broker, who says again what he has heard.

use crate::broker::settled;
use crate::support::{Cluster, NodeProcess, Traffic};

/// From the end of a protected packet to the middle of its number, which is 8 bytes before a code
/// of 16.
const NUMBER_FROM_END: usize = 20;

/// What a stranger makes of a message: the same, without its end, with another last byte, and with a
/// number that was not used yet.
pub(crate) fn variations(message: Vec<u8>) -> [Vec<u8>; 4] {
    let cut = message[..message.len() - 1].to_vec();
    let mut flipped = message.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    let mut renumbered = message.clone();
    if let Some(at) = message.len().checked_sub(NUMBER_FROM_END) {
        renumbered[at] ^= 1;
    }
    [message, cut, flipped, renumbered]
}

/// What was said by strangers was heard, dropped, and cost no acknowledged message.
pub(crate) async fn are_not_obeyed(said: usize, cluster: &Cluster, traffic: Traffic) {
    assert!(said > 100, "strangers have said {said} things");
    for reason in ["forged", "replayed"] {
        let mut total = 0;
        for node in 0..3 {
            total += dropped(cluster.node(node), reason).await;
        }
        assert!(total > 0, "no packet was dropped as {reason}");
    }
    settled(traffic, 500).await;
}

/// How many packets the node has dropped for this reason.
async fn dropped(node: &NodeProcess, reason: &str) -> u64 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = ("127.0.0.1", node.port);
    let mut stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("it listens");
    let request = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("written");
    let mut page = String::new();
    stream.read_to_string(&mut page).await.expect("a page");
    let reason = format!("\"{reason}\"");
    let is_wanted =
        |line: &&str| line.starts_with("raftwire_packets_dropped_total{") && line.contains(&reason);
    let counts = page.lines().filter(is_wanted);
    let counts = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    counts.sum()
}
