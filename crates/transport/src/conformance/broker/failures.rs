use std::time::Duration;

use bytes::Bytes;
use raftwire_protocol::Lane;

use super::{BrokerHarness, BrokerNode, FailingBrokerHarness, greet};
use crate::{ClusterTransport, SendError};

/// How often a broker dies in one check.
const KILLS: usize = 5;

/// Two nodes, `a` and `b`, whose channels are up on both lanes.
///
/// # Panics
///
/// When they do not come up in time.
pub async fn pair(harness: &dyn BrokerHarness) -> (BrokerNode, BrokerNode) {
    let (mut a, mut b) = started(harness).await;
    for lane in Lane::ALL {
        a.channel("b", lane).await;
        b.channel("a", lane).await;
    }
    (a, b)
}

/// Two nodes that know each other.
async fn started(harness: &dyn BrokerHarness) -> (BrokerNode, BrokerNode) {
    let a = BrokerNode::start(harness.transport("test", "a", &["b"])).await;
    let b = BrokerNode::start(harness.transport("test", "b", &["a"])).await;
    (a, b)
}

/// Each death of the broker takes all channels down, once, and each of them comes back when it does.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn channels_come_back_after_each_death_of_the_broker(
    harness: &mut dyn FailingBrokerHarness,
) {
    let (mut a, mut b) = pair(harness).await;
    for run in 0..KILLS {
        harness.kill();
        for node in [&mut a, &mut b] {
            node.until_all_channels_are_down().await;
            assert_eq!(node.downs.len(), 2 * (run + 1), "{:?}", node.downs);
        }
        let gone = a.downs[0].0.clone();
        let sent = a.transport.send(&gone, Bytes::new());
        assert_eq!(sent, Err(SendError::NotConnected));

        harness.restart();

        greet(&mut a, &mut b, &format!("after death {run}")).await;
    }
    let connected = a.transport.statistics().connected;
    assert_eq!(connected, 2 * (KILLS as u64 + 1));
}

/// A node that is told to wait for its broker starts without one, and finds it later.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn broker_that_is_not_there_yet_is_waited_for(harness: &mut dyn FailingBrokerHarness) {
    harness.kill();
    let (mut a, mut b) = started(harness).await;
    assert!(a.is_quiet_for(Duration::from_millis(500)).await);

    harness.restart();

    greet(&mut a, &mut b, "after all").await;
}

/// A broker that takes connections and says nothing is none.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn broker_that_hangs_takes_the_channels_down_until_it_goes_on(
    harness: &mut dyn FailingBrokerHarness,
) {
    let (mut a, mut b) = pair(harness).await;

    harness.pause();
    for node in [&mut a, &mut b] {
        node.until_all_channels_are_down().await;
    }
    // Long enough for attempts to connect to a server that takes connections and says nothing.
    assert!(a.is_quiet_for(Duration::from_secs(2)).await);
    harness.resume();

    greet(&mut a, &mut b, "after all").await;
}

/// What was said before a broker hung is no part of what is said when it goes on.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn what_a_hanging_broker_still_has_is_not_delivered_to_a_new_channel(
    harness: &mut dyn FailingBrokerHarness,
) {
    let (mut a, mut b) = pair(harness).await;
    let channel = a.channel("b", Lane::Data).await;

    harness.pause();
    let sent = a
        .transport
        .send(&channel, Bytes::from_static(b"stale"))
        .and_then(|()| {
            let to_all = Bytes::from_static(b"stale to all");
            a.transport.broadcast(Lane::Data, to_all)
        });
    assert_eq!(sent, Ok(1), "the queue has room");
    for node in [&mut a, &mut b] {
        node.until_all_channels_are_down().await;
    }
    harness.resume();

    greet(&mut a, &mut b, "after all").await;
    let stale = |packet: &Bytes| packet.starts_with(b"stale");
    assert!(!b.received.iter().any(stale), "{:?}", b.received);
}

/// A peer does not wait for the silence of a node that stops.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn peer_that_stops_says_so(harness: &dyn BrokerHarness) {
    let (mut a, b) = pair(harness).await;
    b.transport.stop().await;
    a.until("the peer is down", |node| node.downs.len() == 2)
        .await;
    let reasons: Vec<_> = a.downs.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(reasons, ["the peer has stopped"; 2]);
}
