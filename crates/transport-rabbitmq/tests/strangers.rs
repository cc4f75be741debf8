//! Whoever may publish on the broker can say what he likes. He is not believed.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Node, Stranger, bundled, deliver, make, shared_server, unique};
use raftwire_protocol::Lane;
use raftwire_transport::ClusterTransport;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_is_dropped_counted_and_never_put_back() {
    let server = shared_server();
    let cluster = unique("junk");
    let mut a = Node::start(make(&server.url(), &cluster, "a", &["b"])).await;
    let mut b = Node::start(make(&server.url(), &cluster, "b", &["a"])).await;
    deliver(&mut a, &mut b, Lane::Data, "before").await;
    let exchange = format!("raftwire.{cluster}");
    let mut stranger = Stranger::connect(server.port);
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
    let listed = server.ctl(&columns);
    let prefix = format!("{exchange}.data.b.");
    let queue = listed.lines().find(|line| line.starts_with(&prefix));
    assert!(queue.is_some_and(|line| line.ends_with("\t0")), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_of_two_names_on_one_server_never_meet() {
    let server = shared_server();
    let (blue, green) = (&unique("blue"), &unique("green"));
    let mut a = Node::start(make(&server.url(), blue, "a", &["b"])).await;
    let mut b = Node::start(make(&server.url(), blue, "b", &["a"])).await;
    // The same ids, and one that looks for the others by name.
    let mut other_a = Node::start(make(&server.url(), green, "a", &["b"])).await;
    let mut other_c = Node::start(make(&server.url(), green, "c", &["a", "b"])).await;
    // Another virtual host is another broker.
    server.ctl(&["add_vhost", "elsewhere"]);
    server.ctl(&[
        "set_permissions",
        "-p",
        "elsewhere",
        "guest",
        ".*",
        ".*",
        ".*",
    ]);
    let elsewhere = format!("{}/elsewhere", server.url());
    let mut alone = Node::start(make(&elsewhere, blue, "a", &["b"])).await;

    deliver(&mut a, &mut b, Lane::Data, "blue").await;
    deliver(&mut other_a, &mut other_c, Lane::Data, "green").await;
    a.transport
        .broadcast(Lane::Data, Bytes::from_static(b"to all of blue"))
        .unwrap();

    b.until("the broadcast arrives", |node| {
        node.received
            .iter()
            .any(|packet| packet == "to all of blue")
    })
    .await;
    // Some hellos long.
    assert!(alone.is_quiet_for(Duration::from_millis(2_500)).await);
    while other_a.step(Duration::from_millis(10)).await {}
    while other_c.step(Duration::from_millis(10)).await {}
    let names = |node: &Node| -> Vec<String> {
        let mut names: Vec<_> = node.up.iter().map(|up| up.peer.to_string()).collect();
        names.dedup();
        names
    };
    assert_eq!(names(&other_a), ["c"]);
    assert_eq!(names(&other_c), ["a"]);
    let packets = other_c.received.iter().chain(&other_a.received);
    assert!(packets.into_iter().all(|packet| packet == "green"));
    for node in [&a, &b, &other_a, &other_c, &alone] {
        let counted = node.transport.statistics();
        assert_eq!((counted.malformed, counted.namesakes), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_with_the_same_id_is_counted_and_harms_nobody() {
    let server = shared_server();
    let cluster = unique("namesakes");
    let mut a = Node::start(make(&server.url(), &cluster, "a", &["b"])).await;
    let mut b = Node::start(make(&server.url(), &cluster, "b", &["a"])).await;
    deliver(&mut a, &mut b, Lane::Data, "before").await;
    let first = a.channel("b", Lane::Data).await;

    let namesake = make(&server.url(), &cluster, "b", &["a"]);
    let mut namesake = Node::start(namesake).await;
    b.until("it hears its namesake", |node| {
        node.transport.statistics().namesakes > 0
    })
    .await;
    namesake.step(Duration::from_millis(500)).await;

    assert!(
        a.transport
            .send(&first, Bytes::from_static(b"still"))
            .is_ok(),
        "the first one's channel is not touched until another is adopted"
    );
    b.until("it arrives", |node| {
        node.received.iter().any(|packet| packet == "still")
    })
    .await;
}
