use std::time::Duration;

use bytes::Bytes;
use raftwire_protocol::Lane;

use super::{BrokerHarness, BrokerNode, deliver};
use crate::ClusterTransport;

/// Nodes of two clusters, and of two parts of a broker, hear nothing of each other, whatever they are
/// called.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn clusters_of_two_names_on_one_server_never_meet(harness: &dyn BrokerHarness) {
    let start = |cluster, node, peers| BrokerNode::start(harness.transport(cluster, node, peers));
    let mut a = start("blue", "a", &["b"]).await;
    let mut b = start("blue", "b", &["a"]).await;
    // The same ids, and one that looks for the others by name.
    let mut other_a = start("green", "a", &["b"]).await;
    let mut other_c = start("green", "c", &["a", "b"]).await;
    let mut alone = BrokerNode::start(harness.elsewhere("blue", "a", &["b"])).await;

    deliver(&mut a, &mut b, Lane::Data, "blue").await;
    deliver(&mut other_a, &mut other_c, Lane::Data, "green").await;
    let to_all = Bytes::from_static(b"to all of blue");
    let sent = a.transport.broadcast(Lane::Data, to_all.clone());
    assert_eq!(sent, Ok(1));

    b.until("the broadcast arrives", |node| {
        node.received.contains(&to_all)
    })
    .await;
    // Some hellos long.
    assert!(alone.is_quiet_for(Duration::from_millis(2_500)).await);
    for node in [&mut other_a, &mut other_c] {
        while node.step(Duration::from_millis(10)).await {}
        assert!(node.received.iter().all(|packet| packet == "green"));
    }
    let names = |node: &BrokerNode| -> Vec<String> {
        let mut names: Vec<_> = node.up.iter().map(|up| up.peer.to_string()).collect();
        names.dedup();
        names
    };
    assert_eq!(names(&other_a), ["c"]);
    assert_eq!(names(&other_c), ["a"]);
    for node in [&a, &b, &other_a, &other_c, &alone] {
        let counted = node.transport.statistics();
        assert_eq!((counted.malformed, counted.namesakes), (0, 0));
    }
}

/// Another process with a node's id is counted, and takes no channel from it.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn node_with_the_same_id_is_counted_and_harms_nobody(harness: &dyn BrokerHarness) {
    let start = |node, peers| BrokerNode::start(harness.transport("test", node, peers));
    let mut a = start("a", &["b"]).await;
    let mut b = start("b", &["a"]).await;
    deliver(&mut a, &mut b, Lane::Data, "before").await;
    let first = a.channel("b", Lane::Data).await;

    let mut namesake = start("b", &["a"]).await;
    b.until("it hears its namesake", |node| {
        node.transport.statistics().namesakes > 0
    })
    .await;
    namesake.step(Duration::from_millis(500)).await;

    let still = Bytes::from_static(b"still");
    assert_eq!(
        a.transport.send(&first, still.clone()),
        Ok(()),
        "the first one's channel is not touched until another is adopted"
    );
    b.until("it arrives", |node| node.received.contains(&still))
        .await;
}
