//! Questions between the nodes: repeated no more than they need, and carried out once.

mod support;
mod tap;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use raftwire::{ClusterManager, ClusterOptions, Environment};
use raftwire_environment::SimulatedDisk;
use raftwire_protocol::messages::{RequestBody, ResponseBody};
use raftwire_protocol::{Lane, PacketHeader, PacketKind, decode_packet, encode_packet};
use raftwire_transport::ChannelSecurity;
use raftwire_transport::memory::{LinkProfile, MemoryNetwork};
use support::{accept, accept_named, eventually, name, ready};
use tap::{Tap, Tapped};

const NODES: usize = 2;
/// The number of the service that reports a node's connections.
const REPORT: u8 = 2;
/// Far from the numbers that a node gives its own questions here.
const STRANGE_ID: u64 = 1 << 40;

/// Two nodes, whose packets are neither protected nor private.
struct Cluster {
    tap: Arc<Tap>,
    network: MemoryNetwork,
    nodes: Vec<ClusterManager>,
}

impl Cluster {
    async fn start() -> Cluster {
        let tap = Arc::new(Tap::reporting(|_| ChannelSecurity::Loopback));
        let network = MemoryNetwork::new(7);
        let mut nodes = Vec::new();
        for index in 0..NODES {
            let environment =
                Environment::simulated(index as u64, SimulatedDisk::new(index as u64));
            let options = ClusterOptions {
                node_id: Some(name(index).parse().expect("a node id")),
                nodes: (0..NODES)
                    .map(|other| name(other).parse().expect("an address"))
                    .collect(),
                ..ClusterOptions::default()
            };
            let transports = Tapped::new(network.clone(), Arc::clone(&tap));
            let started = ClusterManager::start(options, environment, &transports);
            nodes.push(started.await.expect("it starts"));
        }
        for node in &nodes {
            ready(node).await;
        }
        Cluster {
            tap,
            network,
            nodes,
        }
    }

    fn heard(&self, to: usize, from: usize, kind: PacketKind) -> Vec<(PacketHeader, Bytes)> {
        let packets = self.tap.heard(&name(to), &name(from), Lane::Control);
        let packets = packets
            .into_iter()
            .filter_map(|packet| decode_packet(packet).ok());
        packets.filter(|(header, _)| header.kind == kind).collect()
    }

    /// The questions that `to` was asked, and how often each came.
    fn questions(&self, to: usize, from: usize) -> BTreeMap<u64, usize> {
        let mut counts = BTreeMap::new();
        for (_, body) in self.heard(to, from, PacketKind::Request) {
            let request = RequestBody::decode(body).expect("a question");
            *counts.entry(request.id).or_default() += 1;
        }
        counts
    }

    /// What the second node was answered to a question.
    fn answers(&self, id: u64) -> Vec<Bytes> {
        let responses = self.heard(1, 0, PacketKind::Response).into_iter();
        let decoded = responses.map(|(_, body)| ResponseBody::decode(body).expect("an answer"));
        let matching = decoded.filter(|response| response.id == id);
        matching.map(|response| response.body).collect()
    }

    /// The second node's question reaches the first.
    async fn ask(&self, request: &RequestBody) {
        let of_session = self.heard(0, 1, PacketKind::Request);
        let (header, _) = of_session.first().expect("it has asked before");
        let packet = encode_packet(header, &request.encode_to_vec());
        self.tap
            .inject(&name(0), &name(1), Lane::Control, packet)
            .await;
    }

    async fn ask_for_report(&self, id: u64) {
        let request = RequestBody {
            id,
            deadline_ms: 1_000,
            body: Bytes::from_static(&[REPORT]),
            stamp: None,
        };
        self.ask(&request).await;
    }
}

fn round_trip(node: &ClusterManager) -> Duration {
    let peers = node.metrics().peers;
    peers[0].control_round_trip.expect("measured")
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_has_become_slower_is_measured_again_and_asked_everything_once() {
    let cluster = Cluster::start().await;
    // There and back is more than two pauses of before, and less than a heartbeat.
    let slow = Duration::from_millis(25);
    assert!(cluster.nodes.iter().all(|node| round_trip(node) < slow));

    cluster.network.set_default_profile(LinkProfile {
        delay: slow..slow,
        ..LinkProfile::default()
    });

    eventually("both know of it", || {
        let is_known = |node| round_trip(node) >= slow * 2 - Duration::from_millis(2);
        cluster.nodes.iter().all(is_known)
    })
    .await;
    let (before, later) = (cluster.questions(0, 1), cluster.questions(1, 0));
    tokio::time::sleep(Duration::from_secs(5)).await;
    for (to, from, before) in [(0, 1, before), (1, 0, later)] {
        let mut questions = cluster.questions(to, from);
        // Those under way had been begun with what was known then.
        questions.retain(|id, _| !before.contains_key(id));
        // The lease alone is asked for once a second.
        assert!(questions.len() >= 3, "{questions:?}");
        assert!(questions.values().all(|count| *count == 1), "{questions:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_is_repeated_ever_more_rarely() {
    let cluster = Cluster::start().await;
    let before = cluster.questions(0, 1);
    let (asker, asked) = (&cluster.nodes[1], &cluster.nodes[0]);

    cluster
        .network
        .cut_one_way(asked.node_id(), asker.node_id());
    let counts = asker.connections_by_node().await;

    assert_eq!(counts[asked.node_id()], None, "it was asked in vain");
    let questions = cluster.heard(0, 1, PacketKind::Request).into_iter();
    let requests = questions.map(|(_, body)| RequestBody::decode(body).expect("a question"));
    let stamps: Vec<u64> = requests
        .filter(|request| !before.contains_key(&request.id) && request.body[0] == REPORT)
        .map(|request| request.stamp.expect("each says which it is") / 1_000)
        .collect();
    let pauses: Vec<u64> = stamps.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(pauses[..7], [20, 20, 40, 40, 80, 80, 160], "{pauses:?}");
    assert!(pauses[6..].iter().all(|pause| *pause == 160), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_question_is_answered_as_before_and_not_worked_on_again() {
    let cluster = Cluster::start().await;
    cluster.ask_for_report(STRANGE_ID).await;
    eventually("it is answered", || cluster.answers(STRANGE_ID).len() == 1).await;
    // Another report would count this one.
    let _connection = accept(&cluster.nodes[0]);

    cluster.ask_for_report(STRANGE_ID).await;
    cluster.ask_for_report(STRANGE_ID + 1).await;

    eventually("both are answered", || {
        cluster.answers(STRANGE_ID).len() == 2 && cluster.answers(STRANGE_ID + 1).len() == 1
    })
    .await;
    let answers = cluster.answers(STRANGE_ID);
    assert_eq!(answers[0], answers[1]);
    assert_ne!(answers[0], cluster.answers(STRANGE_ID + 1)[0]);
}

#[tokio::test(start_paused = true)]
async fn a_proposal_that_is_repeated_is_one_entry_of_the_log() {
    let cluster = Cluster::start().await;
    let leader = usize::from(cluster.nodes[1].is_leader());
    let asker = 1 - leader;
    let earlier = cluster.heard(leader, asker, PacketKind::Request).len();
    let _connection = accept_named(&cluster.nodes[asker], "name").await;
    let index = || cluster.nodes[leader].metrics().consensus.last_log_index;
    let before = index();

    let questions = cluster.heard(leader, asker, PacketKind::Request);
    for (header, body) in &questions[earlier..] {
        let packet = encode_packet(header, body);
        let (to, from) = (name(leader), name(asker));
        cluster.tap.inject(&to, &from, Lane::Control, packet).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;

    assert_eq!(index(), before);
}
