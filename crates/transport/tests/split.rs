//! Two networks, one a lane: the suite passes, and what befalls one is nothing to the other.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod common;

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use common::setup;
use raftwire_protocol::{Lane, NodeId};
use raftwire_transport::conformance::{ConformanceHarness, StrangerHarness};
use raftwire_transport::memory::{LinkProfile, MemoryNetwork};
use raftwire_transport::{
    Channel, ClusterTransport, ClusterTransportFactory, Initiator, Lanes, SendError,
    SplitClusterTransport, SplitClusterTransportFactory, TransportEvent, TransportEvents,
    TransportSetup,
};

/// A network for each lane.
struct SplitHarness {
    control: MemoryNetwork,
    data: MemoryNetwork,
}

impl SplitHarness {
    fn good() -> Self {
        Self {
            control: MemoryNetwork::new(1),
            data: MemoryNetwork::new(2),
        }
    }

    /// The data lane loses, repeats and reorders.
    fn bad() -> Self {
        let harness = Self::good();
        harness.data.set_default_profile(LinkProfile::bad());
        harness
    }

    fn factory(&self) -> SplitClusterTransportFactory {
        let networks = (self.control.clone(), self.data.clone());
        SplitClusterTransportFactory::new(Arc::new(networks.0), Arc::new(networks.1))
    }

    fn make(&self, node: &NodeId, peers: &[NodeId]) -> Arc<dyn ClusterTransport> {
        self.factory().create_transport(setup(node, peers)).unwrap()
    }
}

#[async_trait]
impl ConformanceHarness for SplitHarness {
    async fn transport(&self, node: &NodeId, peers: &[NodeId]) -> Arc<dyn ClusterTransport> {
        self.make(node, peers)
    }
}

#[async_trait]
impl StrangerHarness for SplitHarness {
    async fn stranger(&self, at: &NodeId, claims: &NodeId, _lane: Lane) -> Box<dyn Any + Send> {
        let stranger = self.make(claims, std::slice::from_ref(at));
        let events = stranger.start().await.unwrap();
        Box::new((stranger, events))
    }
}

mod two_good_networks {
    use super::SplitHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(start_paused = true)]
        SplitHarness::good()
    }
}

mod strangers {
    use super::SplitHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(start_paused = true)]
        strangers SplitHarness::good()
    }
}

mod bad_data_lane {
    use super::SplitHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(start_paused = true)]
        SplitHarness::bad()
    }
}

/// Transports that serve both lanes although they are asked for one.
mod transports_that_serve_too_much {
    use super::{GreedyHarness, SplitHarness};

    raftwire_transport::conformance_tests! {
        #[tokio::test(start_paused = true)]
        GreedyHarness(SplitHarness::good())
    }
}

struct GreedyHarness(SplitHarness);

#[async_trait]
impl ConformanceHarness for GreedyHarness {
    async fn transport(&self, node: &NodeId, peers: &[NodeId]) -> Arc<dyn ClusterTransport> {
        let setup = setup(node, peers);
        let networks = [&self.0.control, &self.0.data];
        let [control, data] = networks.map(|network| network.transport(setup.clone()));
        Arc::new(SplitClusterTransport::new(control, data))
    }
}

fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

async fn next_up(events: &mut TransportEvents) -> Channel {
    match events.recv().await {
        Some(TransportEvent::PeerUp {
            channel, initiator, ..
        }) => {
            assert_eq!(initiator, Initiator::Unknown);
            channel
        }
        other => panic!("not a new channel: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn data_network_that_goes_takes_no_control_channel_with_it() {
    let harness = SplitHarness::good();
    let (a, b) = (node("a"), node("b"));
    let at_a = harness.make(&a, std::slice::from_ref(&b));
    let at_b = harness.make(&b, &[]);
    let mut events = at_a.start().await.unwrap();
    let mut heard = at_b.start().await.unwrap();
    let mut channels = [next_up(&mut events).await, next_up(&mut events).await];
    channels.sort_by_key(|channel| channel.lane);
    let [control, data] = channels;
    assert_eq!((control.lane, data.lane), (Lane::Control, Lane::Data));

    harness.data.crash(&b);

    let down = events.recv().await;
    assert!(
        matches!(&down, Some(TransportEvent::PeerDown { channel, .. }) if *channel == data),
        "{down:?}"
    );
    assert_eq!(
        at_a.send(&data, "lost".into()),
        Err(SendError::NotConnected)
    );
    at_a.send(&control, "still here".into()).unwrap();
    loop {
        match heard.recv().await.unwrap() {
            TransportEvent::Received { channel, packet } => {
                assert_eq!(
                    (channel.lane, &*packet),
                    (Lane::Control, &b"still here"[..])
                );
                break;
            }
            TransportEvent::PeerUp { .. } => {}
            TransportEvent::PeerDown { channel, .. } => assert_eq!(channel.lane, Lane::Data),
        }
    }
    at_a.stop().await;
    at_b.stop().await;
}

#[tokio::test]
async fn transport_that_does_not_start_leaves_nothing_of_the_other_behind() {
    let harness = SplitHarness::good();
    let a = node("a");
    let of_lane = |lane| TransportSetup {
        lanes: Lanes::Only(lane),
        ..setup(&a, &[])
    };
    let control = harness.control.transport(of_lane(Lane::Control));
    let data = harness.data.transport(of_lane(Lane::Data));
    data.stop().await;

    let split = SplitClusterTransport::new(Arc::clone(&control), data);

    assert!(split.start().await.is_err());
    assert!(control.start().await.is_err(), "it still runs");
}

#[tokio::test]
async fn factory_that_is_asked_for_one_lane_makes_that_one() {
    let harness = SplitHarness::good();
    let (a, b) = (node("a"), node("b"));
    let only_data = TransportSetup {
        lanes: Lanes::Only(Lane::Data),
        ..setup(&a, std::slice::from_ref(&b))
    };
    let at_a = harness.factory().create_transport(only_data).unwrap();
    let at_b = harness.make(&b, &[]);
    let mut events = at_a.start().await.unwrap();
    let mut heard = at_b.start().await.unwrap();

    assert_eq!(next_up(&mut events).await.lane, Lane::Data);
    assert_eq!(next_up(&mut heard).await.lane, Lane::Data);
    at_a.stop().await;
    assert_eq!(events.recv().await, None);
    at_b.stop().await;
}
