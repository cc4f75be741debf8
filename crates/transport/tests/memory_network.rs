//! What the memory network does to packets and channels when it is told to.
#![allow(clippy::unwrap_used)] // also in what tests share

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::setup;
use raftwire_protocol::{Lane, NodeId};
use raftwire_transport::memory::{LinkProfile, MemoryNetwork};
use raftwire_transport::{Channel, ClusterTransport, TransportEvent, TransportEvents};

/// Longer than anything takes, and shorter than forever.
const LONG: Duration = Duration::from_secs(60);

fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

struct Node {
    transport: Arc<dyn ClusterTransport>,
    events: TransportEvents,
}

impl Node {
    async fn start(network: &MemoryNetwork, name: &str, peers: &[&str]) -> Self {
        let peers: Vec<NodeId> = peers.iter().map(|peer| node(peer)).collect();
        let transport = network.transport(setup(&node(name), &peers));
        let events = transport.start().await.unwrap();
        Self { transport, events }
    }

    async fn next(&mut self) -> TransportEvent {
        let event = tokio::time::timeout(LONG, self.events.recv()).await;
        event.expect("in time").expect("not ended")
    }

    async fn is_quiet_for(&mut self, duration: Duration) -> bool {
        tokio::time::timeout(duration, self.events.recv())
            .await
            .is_err()
    }

    async fn up(&mut self, lane: Lane) -> Channel {
        loop {
            match self.next().await {
                TransportEvent::PeerUp { channel, .. } if channel.lane == lane => return channel,
                TransportEvent::PeerUp { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn down(&mut self) -> (Channel, String) {
        match self.next().await {
            TransportEvent::PeerDown { channel, reason } => (channel, reason),
            other => panic!("{other:?}"),
        }
    }

    async fn packet(&mut self) -> Bytes {
        match self.next().await {
            TransportEvent::Received { packet, .. } => packet,
            other => panic!("{other:?}"),
        }
    }

    /// The numbers of all packets until it stays quiet.
    async fn numbers(&mut self) -> Vec<u32> {
        let mut numbers = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout(LONG, self.events.recv()).await {
            if let TransportEvent::Received { packet, .. } = event {
                numbers.push(u32::from_be_bytes(packet[..].try_into().unwrap()));
            }
        }
        numbers
    }

    fn send_numbers(&self, channel: &Channel, count: u32) {
        for number in 0..count {
            let packet = Bytes::copy_from_slice(&number.to_be_bytes());
            self.transport.send(channel, packet).unwrap();
        }
    }
}

async fn pair(network: &MemoryNetwork) -> (Node, Node, Channel) {
    let mut a = Node::start(network, "a", &["b"]).await;
    let mut b = Node::start(network, "b", &["a"]).await;
    let channel = a.up(Lane::Data).await;
    b.up(Lane::Data).await;
    (a, b, channel)
}

async fn numbers_through(seed: u64, profile: LinkProfile) -> Vec<u32> {
    let network = MemoryNetwork::new(seed);
    network.set_default_profile(profile);
    let (a, mut b, channel) = pair(&network).await;
    a.send_numbers(&channel, 500);
    b.numbers().await
}

#[tokio::test(start_paused = true)]
async fn default_profile_delivers_all_in_order() {
    let profile = LinkProfile {
        delay: Duration::from_millis(1)..Duration::from_millis(50),
        ..LinkProfile::default()
    };

    let numbers = numbers_through(1, profile).await;

    assert_eq!(numbers, (0..500).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn bad_profile_loses_repeats_and_reorders_and_the_same_seed_does_the_same() {
    let numbers = numbers_through(7, LinkProfile::bad()).await;

    let mut distinct = numbers.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(distinct.len() < 500, "nothing was lost");
    assert!(distinct.len() < numbers.len(), "nothing was repeated");
    assert!(!numbers.is_sorted(), "nothing was reordered");
    assert_eq!(numbers, numbers_through(7, LinkProfile::bad()).await);
    assert_ne!(numbers, numbers_through(8, LinkProfile::bad()).await);
}

#[tokio::test(start_paused = true)]
async fn delay_is_kept_by_the_paused_clock() {
    let network = MemoryNetwork::new(1);
    let (a, mut b, channel) = pair(&network).await;
    let delay = Duration::from_millis(300);
    let profile = LinkProfile {
        delay: delay..delay,
        ..LinkProfile::default()
    };
    network.set_profile(&node("a"), &node("b"), profile);

    a.transport
        .send(&channel, Bytes::from_static(b"x"))
        .unwrap();

    assert!(b.is_quiet_for(Duration::from_millis(299)).await);
    assert_eq!(b.packet().await, "x");
}

#[tokio::test(start_paused = true)]
async fn cut_swallows_packets_and_keeps_the_channels() {
    let network = MemoryNetwork::new(1);
    let (mut a, mut b, channel) = pair(&network).await;

    network.cut(&node("a"), &node("b"));
    a.transport
        .send(&channel, Bytes::from_static(b"lost"))
        .unwrap();
    assert!(b.is_quiet_for(LONG).await);
    assert!(a.is_quiet_for(LONG).await);
    assert_eq!(network.statistics().cut, 1);

    network.heal(&node("a"), &node("b"));
    a.transport
        .send(&channel, Bytes::from_static(b"through"))
        .unwrap();
    assert_eq!(b.packet().await, "through");
}

#[tokio::test(start_paused = true)]
async fn one_way_cut_lets_the_other_way_through() {
    let network = MemoryNetwork::new(1);
    let mut a = Node::start(&network, "a", &["b"]).await;
    let mut b = Node::start(&network, "b", &["a"]).await;
    let to_b = a.up(Lane::Data).await;
    let to_a = b.up(Lane::Data).await;

    network.cut_one_way(&node("a"), &node("b"));
    a.transport
        .send(&to_b, Bytes::from_static(b"lost"))
        .unwrap();
    b.transport
        .send(&to_a, Bytes::from_static(b"through"))
        .unwrap();

    assert_eq!(a.packet().await, "through");
    assert!(b.is_quiet_for(LONG).await);
}

#[tokio::test(start_paused = true)]
async fn detected_cut_ends_the_channels_and_healing_makes_new_ones() {
    let network = MemoryNetwork::new(1);
    network.detect_cuts(Some(Duration::from_secs(3)));
    let (mut a, mut b, before) = pair(&network).await;

    network.cut(&node("a"), &node("b"));
    assert!(a.is_quiet_for(Duration::from_millis(2_999)).await);
    for _ in Lane::ALL {
        let (_, reason) = a.down().await;
        assert_eq!(reason, "no sign of life");
        b.down().await;
    }
    assert!(a.is_quiet_for(LONG).await, "nothing comes up across a cut");

    network.heal(&node("a"), &node("b"));
    let after = a.up(Lane::Data).await;
    b.up(Lane::Data).await;
    assert_ne!(before.id, after.id);
}

#[tokio::test(start_paused = true)]
async fn cut_that_heals_in_time_is_not_detected() {
    let network = MemoryNetwork::new(1);
    network.detect_cuts(Some(Duration::from_secs(3)));
    let (mut a, _b, _) = pair(&network).await;

    network.cut(&node("a"), &node("b"));
    assert!(a.is_quiet_for(Duration::from_secs(2)).await);
    network.heal_all();

    assert!(a.is_quiet_for(LONG).await);
}

#[tokio::test(start_paused = true)]
async fn crash_ends_the_node_and_its_channels_at_the_peers() {
    let network = MemoryNetwork::new(1);
    let (mut a, mut b, channel) = pair(&network).await;
    a.transport
        .send(&channel, Bytes::from_static(b"late"))
        .unwrap();

    network.crash(&node("a"));

    for _ in Lane::ALL {
        let (_, reason) = b.down().await;
        assert_eq!(reason, "connection reset by peer");
    }
    assert!(a.events.recv().await.is_none());

    let mut a = Node::start(&network, "a", &["b"]).await;
    assert_ne!(a.up(Lane::Data).await.id, channel.id);
    b.up(Lane::Data).await;
}

#[tokio::test(start_paused = true)]
async fn crash_behind_a_cut_is_heard_of_when_the_cut_heals() {
    let network = MemoryNetwork::new(1);
    let (_a, mut b, _) = pair(&network).await;

    network.cut(&node("a"), &node("b"));
    network.crash(&node("a"));
    assert!(b.is_quiet_for(LONG).await);

    network.heal_all();
    for _ in Lane::ALL {
        b.down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn packet_sent_before_a_polite_close_arrives() {
    let network = MemoryNetwork::new(1);
    let (a, mut b, channel) = pair(&network).await;

    a.transport
        .send(&channel, Bytes::from_static(b"refused"))
        .unwrap();
    a.transport.disconnect(&channel, "stranger");

    assert_eq!(b.packet().await, "refused");
    let (_, reason) = b.down().await;
    assert_eq!(reason, "closed by peer: stranger");
}

#[tokio::test(start_paused = true)]
async fn two_nodes_of_one_id_have_channels_of_their_own() {
    let network = MemoryNetwork::new(1);
    let mut a = Node::start(&network, "a", &["b"]).await;
    let _first = Node::start(&network, "b", &["a"]).await;
    let first = a.up(Lane::Data).await;

    let _second = Node::start(&network, "b", &["a"]).await;
    let second = a.up(Lane::Data).await;
    assert_eq!(first.peer, second.peer);

    a.transport.adopt(&second);
    let (down, _) = a.down().await;
    assert_eq!(down, first);
}

#[tokio::test(start_paused = true)]
async fn nodes_that_do_not_know_each_other_are_not_connected() {
    let network = MemoryNetwork::new(1);
    let mut a = Node::start(&network, "a", &["c"]).await;
    let mut b = Node::start(&network, "b", &["c"]).await;
    assert!(a.is_quiet_for(LONG).await);

    let _c = Node::start(&network, "c", &[]).await;

    assert_eq!(a.up(Lane::Data).await.peer, node("c"));
    assert_eq!(b.up(Lane::Data).await.peer, node("c"));
}

#[tokio::test(start_paused = true)]
async fn node_whose_runtime_ends_has_crashed() {
    let network = MemoryNetwork::new(1);
    let mut b = Node::start(&network, "b", &["a"]).await;

    let other = network.clone();
    let process = std::thread::Builder::new().spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let node = runtime.block_on(Node::start(&other, "a", &["b"]));
        drop(runtime);
        node
    });
    let dead = process.unwrap().join().unwrap();

    // Announced or not, by the time that the thread has ended the channels have ended too.
    while let Ok(Some(event)) = tokio::time::timeout(LONG, b.events.recv()).await {
        assert!(!matches!(event, TransportEvent::Received { .. }));
    }
    drop(dead);
    let _a = Node::start(&network, "a", &["b"]).await;
    b.up(Lane::Data).await;
}
