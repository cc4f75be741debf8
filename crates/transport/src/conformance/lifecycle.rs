use raftwire_protocol::Lane;

use super::ConformanceHarness;
use super::nodes::{A, B, Nodes, packet};
use crate::{SendError, StartError};

/// A transport starts once.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn second_start_is_refused(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;

    let again = nodes[A].transport.start().await;
    assert!(
        matches!(again, Err(StartError::AlreadyStarted)),
        "{again:?}"
    );
    nodes.greet(A, B).await;

    nodes.stop_all().await;
    let again = nodes[A].transport.start().await;
    assert!(again.is_err(), "a stopped transport started again");
}

/// After `stop` the events end, nothing can be sent, and stopping again does nothing.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn stop_ends_the_events(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;
    let channel = nodes.channel(A, B, Lane::Data);

    nodes.stop(A).await;

    nodes
        .until("the events of a end", |nodes| nodes[A].ended)
        .await;
    let sent = nodes[A].transport.send(&channel, packet(1, 1));
    assert_eq!(sent, Err(SendError::NotConnected));
    let sent = nodes[A].transport.broadcast(Lane::Data, packet(1, 1));
    assert_eq!(sent, Err(SendError::NotConnected));
    nodes.stop(A).await;
    nodes.stop(B).await;

    let never_started = nodes.make(A).await;
    never_started.stop().await;
}

/// A peer that a transport was not configured with is reached once it is learnt of, and again after
/// its restart; being told twice makes no difference.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn peer_that_is_learnt_of_is_reached(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::unacquainted(harness, 2);
    nodes.start_next().await;
    nodes.start_next().await;
    let address = harness.address(&nodes.id(B));

    nodes[A].transport.learn(address.clone());
    nodes[A].transport.learn(address);
    nodes.adopt_each_other(A, B).await;
    nodes.greet(A, B).await;

    nodes.stop(B).await;
    nodes.restart(B).await;
    nodes.adopt_each_other(A, B).await;
    nodes.greet(A, B).await;

    // The channels stay, though no other would be opened.
    nodes[A].transport.forget(&nodes.id(B));
    nodes.greet(A, B).await;
    nodes.stop_all().await;
}

/// Starting does not wait for peers, and one that comes later is reached.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn peer_that_comes_later_is_reached(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::new(harness, 2);
    nodes.start_next().await;
    // Long enough for a first attempt to fail, on any transport.
    for _ in 0..10 {
        nodes.pump().await;
    }
    let up = &nodes[A].up;
    assert!(up.is_empty(), "channels without a peer: {up:?}");

    nodes.start_next().await;

    nodes.adopt_each_other(A, B).await;
    nodes.greet(A, B).await;
    nodes.stop_all().await;
}

/// A peer that goes is down on both lanes; when it is back it is up with new channels, again and
/// again.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn restarted_peer_gets_new_channels(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;
    for _ in 0..3 {
        let before = Lane::ALL.map(|lane| nodes.channel(A, B, lane));

        nodes.stop(B).await;
        nodes
            .until("the channels of the stopped peer are down", |nodes| {
                nodes[A].up.is_empty()
            })
            .await;
        for channel in before {
            let sent = nodes[A].transport.send(&channel, packet(1, 1));
            assert_eq!(sent, Err(SendError::NotConnected));
        }

        nodes.restart(B).await;
        nodes.adopt_each_other(A, B).await;
        nodes.greet(A, B).await;
    }
    nodes.stop_all().await;
}

/// `disconnect` ends the channel at both ends, twice does no harm, and the peers find each other
/// again.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn disconnect_ends_the_channel_and_the_peer_returns(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;
    for lane in Lane::ALL {
        let ended = nodes.channel(A, B, lane);
        let ended_at_b = nodes.channel(B, A, lane);

        nodes[A].transport.disconnect(&ended, "check");
        nodes[A].transport.disconnect(&ended, "check");

        nodes
            .until("the channel is down at both ends", |nodes| {
                !nodes[A].is_up(&ended) && !nodes[B].is_up(&ended_at_b)
            })
            .await;
        nodes[A].transport.disconnect(&ended, "check");
        nodes[A].transport.adopt(&ended);
    }
    nodes.adopt_each_other(A, B).await;
    nodes.greet(A, B).await;
    nodes.stop_all().await;
}

/// However many channels two nodes opened to each other, the adopted one is left on each lane.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn both_dialling_leaves_one_channel_a_lane(harness: &dyn ConformanceHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;
    for lane in Lane::ALL {
        let (a, b) = (nodes.id(A), nodes.id(B));
        nodes
            .until("one channel is left at each end", |nodes| {
                nodes[A].channels(&b, lane).len() == 1 && nodes[B].channels(&a, lane).len() == 1
            })
            .await;
        assert_eq!(
            nodes[A].channels(&b, lane),
            [nodes.channel(A, B, lane)],
            "another one than the adopted is left"
        );
    }
    nodes.greet(A, B).await;
    nodes.stop_all().await;
}
