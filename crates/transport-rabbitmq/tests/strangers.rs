//! Whoever may publish on the broker can say what he likes. He is not believed.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod common;

use common::{SharedHarness, Stranger, bundled};
use raftwire_protocol::Lane;
use raftwire_transport::conformance::broker::{deliver, pair};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_is_dropped_counted_and_never_put_back() {
    let harness = SharedHarness::new();
    let (mut a, mut b) = pair(&harness).await;
    deliver(&mut a, &mut b, Lane::Data, "before").await;
    let exchange = format!("raftwire.{}", harness.cluster("test"));
    let mut stranger = Stranger::connect(harness.server.port);
    let publications: [&[u8]; 4] = [b"", b"hello", &[0xA7; 40], &[0xA7, 1, 5, 1, 0, 0]];
    let mut junk: Vec<Vec<u8>> = publications.iter().map(|bytes| bundled(bytes)).collect();
    junk.extend([Vec::new(), b"hello".to_vec(), vec![0xFF; 100_000]]);
    // Larger than any message of ours.
    junk.push(vec![0; 1_000_000]);

    for bytes in &junk {
        for key in ["data.node.b", "data.all"] {
            stranger.publish(&exchange, key, bytes).unwrap();
        }
    }

    let malformed = 2 * junk.len() as u64;
    b.until("all junk is counted", |node| {
        node.transport.statistics().malformed == malformed
    })
    .await;
    deliver(&mut a, &mut b, Lane::Data, "after").await;
    assert!(b.downs.is_empty(), "{:?}", b.downs);
    let texts: Vec<&[u8]> = b.received.iter().map(|packet| &packet[..]).collect();
    let is_ours = |text: &&[u8]| [&b"before"[..], b"after"].contains(text);
    assert!(texts.iter().all(is_ours), "{texts:?}");
    // It did not come again, and does not wait to.
    assert_eq!(b.transport.statistics().malformed, malformed);
    let columns = ["list_queues", "name", "messages_ready"];
    let listed = harness.server.ctl(&columns);
    let prefix = format!("{exchange}.data.b.");
    let queue = listed.lines().find(|line| line.starts_with(&prefix));
    assert!(queue.is_some_and(|line| line.ends_with("\t0")), "{listed}");
}
