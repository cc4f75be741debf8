use raftwire_protocol::Lane;

use super::StrangerHarness;
use super::nodes::{A, B, Nodes};
use crate::Channel;

/// Opens a stranger's channel at `a` that claims to be `b`, and returns it once it is up.
async fn admit(
    nodes: &mut Nodes<'_>,
    harness: &dyn StrangerHarness,
    lane: Lane,
) -> (Channel, Box<dyn std::any::Any + Send>) {
    let (a, b) = (nodes.id(A), nodes.id(B));
    let first = nodes.channel(A, B, lane);
    let guard = harness.stranger(&a, &b, lane).await;
    nodes
        .until("the stranger's channel is up", |nodes| {
            nodes[A].channels(&b, lane).len() == 2
        })
        .await;
    let channels = nodes[A].channels(&b, lane);
    let stranger = channels.into_iter().find(|channel| *channel != first);
    let Some(stranger) = stranger else {
        panic!("the first channel has gone");
    };
    (stranger, guard)
}

/// A second channel that claims an adopted peer's id harms the first neither when it comes nor
/// when it is refused.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn stranger_leaves_the_adopted_channel_alone(harness: &dyn StrangerHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;
    for lane in Lane::ALL {
        let first = nodes.channel(A, B, lane);
        let (stranger, guard) = admit(&mut nodes, harness, lane).await;
        nodes.greet(A, B).await;

        nodes[A].transport.disconnect(&stranger, "check");
        nodes
            .until("the stranger's channel is down", |nodes| {
                !nodes[A].is_up(&stranger)
            })
            .await;
        drop(guard);

        nodes.greet(A, B).await;
        assert_eq!(nodes.channel(A, B, lane), first);
    }
    nodes.stop_all().await;
}

/// Once a second channel is adopted, the first one is closed.
///
/// # Panics
///
/// When the transport fails the check.
pub async fn adopted_stranger_replaces_the_first(harness: &dyn StrangerHarness) {
    let mut nodes = Nodes::connected(harness, 2).await;
    for lane in Lane::ALL {
        let first = nodes.channel(A, B, lane);
        let (stranger, _guard) = admit(&mut nodes, harness, lane).await;

        nodes[A].transport.adopt(&stranger);

        nodes
            .until("the first channel is down", |nodes| !nodes[A].is_up(&first))
            .await;
        assert!(nodes[A].is_up(&stranger));
    }
    nodes.stop_all().await;
}
