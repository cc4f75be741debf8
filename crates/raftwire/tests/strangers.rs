//! Strangers between the nodes: what they forge, repeat, cut short or listen to.

mod support;
mod tap;

use std::sync::Arc;

use bytes::Bytes;
use raftwire::{
    ClusterManager, ClusterOptions, DropReason, Environment, Frame, RouteOutcome, Secret,
};
use raftwire_environment::SimulatedDisk;
use raftwire_protocol::{
    Incarnation, Lane, PACKET_HEADER_BYTES, PacketHeader, PacketKind, Session, decode_packet,
    encode_packet, rewrite_header,
};
use raftwire_transport::ChannelSecurity;
use raftwire_transport::memory::MemoryNetwork;
use support::{accept, eventually, name, options, ready, receive};
use tap::{Tap, Tapped};

const NODES: usize = 3;

/// Nodes that know a secret, and what the stranger sees of the network.
struct Cluster {
    tap: Arc<Tap>,
    network: MemoryNetwork,
    nodes: Vec<ClusterManager>,
    disks: Vec<SimulatedDisk>,
    starts: u64,
}

fn secret(text: &str) -> Option<Secret> {
    Some(Secret::new(text).expect("long enough"))
}

fn with_secret(options: ClusterOptions) -> ClusterOptions {
    ClusterOptions {
        secret: secret("what all nodes know"),
        ..options
    }
}

impl Cluster {
    async fn start(tap: Tap, adapt: impl Fn(ClusterOptions) -> ClusterOptions) -> Cluster {
        let mut cluster = Cluster {
            tap: Arc::new(tap),
            network: MemoryNetwork::new(7),
            nodes: Vec::new(),
            disks: (0..NODES as u64).map(SimulatedDisk::new).collect(),
            starts: 0,
        };
        for index in 0..NODES {
            let node = cluster.start_node(index, &adapt).await;
            cluster.nodes.push(node);
        }
        cluster
    }

    /// The same, with all nodes ready.
    async fn ready(tap: Tap, adapt: impl Fn(ClusterOptions) -> ClusterOptions) -> Cluster {
        let cluster = Self::start(tap, adapt).await;
        for node in &cluster.nodes {
            ready(node).await;
        }
        cluster
    }

    async fn start_node(
        &mut self,
        index: usize,
        adapt: &impl Fn(ClusterOptions) -> ClusterOptions,
    ) -> ClusterManager {
        self.starts += 1;
        let environment = Environment::simulated(self.starts, self.disks[index].clone());
        let options = adapt(options(index, NODES));
        let transports = Tapped::new(self.network.clone(), Arc::clone(&self.tap));
        ClusterManager::start(options, environment, &transports)
            .await
            .expect("it starts")
    }

    async fn restart(&mut self, index: usize, adapt: impl Fn(ClusterOptions) -> ClusterOptions) {
        self.nodes[index].stop().await;
        self.disks[index].crash();
        self.nodes[index] = self.start_node(index, &adapt).await;
        ready(&self.nodes[index]).await;
    }

    /// A message from the second node to a connection of the first arrives.
    async fn assert_delivers(&self, text: &'static str) {
        let (connection, mut outbox) = accept(&self.nodes[0]);
        let outcome = self.nodes[1].router().route(&connection, text).await;
        assert_eq!(outcome, RouteOutcome::Delivered);
        assert_eq!(receive(&mut outbox).await, [Frame::text(text)]);
    }

    /// How many packets the first node has dropped because it did not trust them, by reason.
    fn dropped(&self) -> Dropped {
        let counted = self.nodes[0].metrics().dropped_packets;
        let of = |wanted: DropReason| {
            let mut counted = counted.iter();
            counted
                .find(|(reason, _)| *reason == wanted)
                .map_or(0, |(_, count)| *count)
        };
        Dropped {
            malformed: of(DropReason::Malformed),
            unauthenticated: of(DropReason::BeforeHello) + of(DropReason::ForeignSession),
            unprotected: of(DropReason::Unprotected),
            unknown_key: of(DropReason::UnknownKey),
            forged: of(DropReason::Forged),
            replayed: of(DropReason::Replayed),
        }
    }
}

/// Packets that were not trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Dropped {
    malformed: u64,
    unauthenticated: u64,
    unprotected: u64,
    unknown_key: u64,
    forged: u64,
    replayed: u64,
}

/// The packet with one text in it replaced by another of the same length.
fn replaced(packet: &Bytes, text: &str, by: &str) -> Option<Bytes> {
    assert_eq!(text.len(), by.len());
    let at = packet
        .windows(text.len())
        .position(|window| window == text.as_bytes())?;
    let mut bytes = packet.to_vec();
    bytes[at..at + by.len()].copy_from_slice(by.as_bytes());
    Some(bytes.into())
}

#[tokio::test(start_paused = true)]
async fn a_forged_message_is_dropped_and_the_genuine_one_arrives() {
    let cluster = Cluster::ready(Tap::default(), with_secret).await;
    let (connection, mut outbox) = accept(&cluster.nodes[0]);
    let (to, from) = (name(0), name(1));
    // The stranger takes what comes over the wire, and lets through what he made of it.
    cluster.tap.divert(&to, &from, Lane::Data, true);
    let router = cluster.nodes[1].router().clone();
    let routing = async move { router.route(&connection, "the genuine").await };
    let route = Environment::real().spawn("route", routing);
    let tap = &cluster.tap;
    let is_message = |packet: &Bytes| replaced(packet, "the genuine", "the forgery").is_some();
    eventually("the message is on its way", || {
        tap.heard(&to, &from, Lane::Data).iter().any(is_message)
    })
    .await;

    let heard = tap.heard(&to, &from, Lane::Data);
    let forged: Vec<_> = heard
        .iter()
        .filter_map(|packet| replaced(packet, "the genuine", "the forgery"))
        .collect();
    for packet in &forged {
        tap.inject(&to, &from, Lane::Data, packet.clone()).await;
    }
    eventually("they are counted", || {
        cluster.dropped().forged == forged.len() as u64
    })
    .await;
    tap.divert(&to, &from, Lane::Data, false);

    assert_eq!(route.await.expect("it ends"), RouteOutcome::Delivered);
    assert_eq!(receive(&mut outbox).await, [Frame::text("the genuine")]);
}

#[tokio::test(start_paused = true)]
async fn every_packet_that_a_stranger_repeats_is_dropped_and_counted() {
    let cluster = Cluster::ready(Tap::default(), with_secret).await;
    cluster.assert_delivers("once").await;
    let (to, from) = (name(0), name(1));
    assert_eq!(cluster.dropped(), Dropped::default());

    for lane in Lane::ALL {
        let before = cluster.dropped().replayed;
        let heard = cluster.tap.heard(&to, &from, lane);
        let protected: Vec<_> = heard
            .into_iter()
            .filter(|packet| kind(packet) == PacketKind::Protected)
            .collect();
        assert!(!protected.is_empty(), "{lane}");
        for packet in &protected {
            cluster.tap.inject(&to, &from, lane, packet.clone()).await;
        }
        let expected = before + protected.len() as u64;
        eventually("all are counted", || cluster.dropped().replayed == expected).await;
    }

    cluster.assert_delivers("again").await;
    assert_eq!(cluster.dropped().forged, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_stranger_makes_up_is_dropped_and_counted_by_reason() {
    let cluster = Cluster::ready(Tap::default(), with_secret).await;
    cluster.assert_delivers("before").await;
    let (to, from) = (name(0), name(1));
    let heard = cluster.tap.heard(&to, &from, Lane::Control);
    let genuine = heard.last().expect("there were some").clone();
    let (header, _) = decode_packet(genuine.clone()).expect("a packet");
    let bare = |header: PacketHeader| encode_packet(&header, b"a question of the stranger's");
    let request = PacketHeader {
        kind: PacketKind::Request,
        ..header
    };
    let mut cut = genuine.slice(..genuine.len() - 1).to_vec();
    let announced = cut.len() - PACKET_HEADER_BYTES;
    rewrite_header(&mut cut, PacketKind::Protected, announced);
    let attempts = [
        // Another session, or his own end's words sent back.
        bare(PacketHeader {
            from: Session::new(99),
            ..request
        }),
        bare(PacketHeader {
            from: header.to,
            to: header.from,
            ..request
        }),
        // The right sessions, and no code.
        bare(request),
        bare(PacketHeader {
            kind: PacketKind::Response,
            from_incarnation: Incarnation::new(9),
            ..request
        }),
        // Cut short, with the length that was announced, and with one that fits.
        genuine.slice(..genuine.len() - 1),
        genuine.slice(..7),
        cut.into(),
        // A key that nobody has.
        bare(PacketHeader {
            kind: PacketKind::Protected,
            ..header
        }),
        encode_packet(&header, &[[6; 16], [7; 16]].concat()),
    ];
    let before = cluster.dropped();
    let count = attempts.len() as u64;

    for packet in attempts {
        cluster.tap.inject(&to, &from, Lane::Control, packet).await;
    }
    let total = |dropped: &Dropped| {
        dropped.malformed
            + dropped.unauthenticated
            + dropped.unprotected
            + dropped.unknown_key
            + dropped.forged
    };
    eventually("all are counted", || {
        total(&cluster.dropped()) == total(&before) + count
    })
    .await;

    let dropped = cluster.dropped();
    assert_eq!(dropped.unauthenticated, before.unauthenticated + 2);
    assert_eq!(dropped.unprotected, before.unprotected + 2);
    assert!(dropped.malformed >= before.malformed + 3, "{dropped:?}");
    assert!(dropped.unknown_key > before.unknown_key, "{dropped:?}");
    // A packet of an unknown key has made both say hello anew, which harms nothing.
    cluster.assert_delivers("after").await;
}

fn kind(packet: &Bytes) -> PacketKind {
    let (header, _) = decode_packet(packet.clone()).expect("a packet");
    header.kind
}

fn is_visible(cluster: &Cluster, text: &str) -> bool {
    let heard = cluster.tap.heard(&name(0), &name(1), Lane::Data);
    heard
        .iter()
        .any(|packet| replaced(packet, text, text).is_some())
}

#[tokio::test(start_paused = true)]
async fn who_listens_reads_messages_unless_they_are_encrypted() {
    for encrypt in [false, true] {
        let adapt = |options| ClusterOptions {
            encrypt,
            ..with_secret(options)
        };
        let cluster = Cluster::ready(Tap::default(), adapt).await;
        cluster.assert_delivers("attack at dawn").await;
        assert_eq!(is_visible(&cluster, "attack at dawn"), !encrypt);
    }
}

#[tokio::test(start_paused = true)]
async fn one_node_that_encrypts_is_enough_for_its_channels() {
    let adapt = |options: ClusterOptions| ClusterOptions {
        encrypt: options
            .node_id
            .as_ref()
            .is_some_and(|id| id.as_str() == name(1)),
        ..with_secret(options)
    };
    let cluster = Cluster::ready(Tap::default(), adapt).await;
    cluster.assert_delivers("attack at dawn").await;
    assert!(!is_visible(&cluster, "attack at dawn"));
}

/// Whether any packet after the hello had a code.
fn any_protected(cluster: &Cluster) -> bool {
    let lanes = Lane::ALL.into_iter();
    let mut heard = lanes.flat_map(|lane| cluster.tap.heard(&name(0), &name(1), lane));
    heard.any(|packet| kind(&packet) == PacketKind::Protected)
}

#[tokio::test(start_paused = true)]
async fn channels_within_the_machine_or_over_direct_tls_need_no_code() {
    let tls = ChannelSecurity::Tls { exporter: [7; 32] };
    for security in [ChannelSecurity::Loopback, tls] {
        let tap = Tap::reporting(move |_| security.clone());
        let cluster = Cluster::ready(tap, with_secret).await;
        cluster.assert_delivers("hello").await;
        assert!(!any_protected(&cluster));
        assert_eq!(cluster.dropped(), Dropped::default());
    }
}

#[tokio::test(start_paused = true)]
async fn one_end_that_sees_a_machine_boundary_is_enough_for_codes() {
    let tap = Tap::reporting(|node| {
        if node == name(0) {
            ChannelSecurity::Loopback
        } else {
            ChannelSecurity::Untrusted
        }
    });
    let cluster = Cluster::ready(tap, with_secret).await;
    cluster.assert_delivers("hello").await;
    assert!(any_protected(&cluster));
}

#[tokio::test(start_paused = true)]
async fn encryption_is_added_within_the_machine_and_not_to_direct_tls() {
    for (security, expected) in [
        (ChannelSecurity::Loopback, true),
        (ChannelSecurity::Tls { exporter: [7; 32] }, false),
    ] {
        let tap = Tap::reporting(move |_| security.clone());
        let adapt = |options| ClusterOptions {
            encrypt: true,
            ..with_secret(options)
        };
        let cluster = Cluster::ready(tap, adapt).await;
        cluster.assert_delivers("hello").await;
        assert_eq!(any_protected(&cluster), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_with_somebody_between_their_tls_sessions_do_not_meet() {
    let tap = Tap::reporting(|node| ChannelSecurity::Tls {
        exporter: [node.as_bytes()[4]; 32],
    });
    let cluster = Cluster::start(tap, with_secret).await;

    let waited =
        tokio::time::timeout(std::time::Duration::from_secs(30), cluster.nodes[0].ready()).await;

    assert!(waited.is_err(), "no two of them belong together");
    assert!(cluster.nodes.iter().all(|node| node.leader().is_none()));
}

#[tokio::test(start_paused = true)]
async fn the_secret_is_exchanged_node_by_node_without_a_pause() {
    let secrets = |newest: &'static str, previous: Option<&'static str>| {
        move |options| ClusterOptions {
            secret: secret(newest),
            secret_previous: previous.and_then(secret),
            ..options
        }
    };
    let (old, new) = ("the secret until now", "the secret from now on");
    let mut cluster = Cluster::ready(Tap::default(), secrets(old, None)).await;

    for index in 0..NODES {
        cluster.restart(index, secrets(new, Some(old))).await;
        cluster.assert_delivers("while both are accepted").await;
    }
    for index in 0..NODES {
        cluster.restart(index, secrets(new, None)).await;
        cluster.assert_delivers("while the old one goes").await;
    }

    // Whoever still has only the old one stays outside.
    cluster.nodes[2].stop().await;
    cluster.disks[2].crash();
    let outsider = cluster.start_node(2, &secrets(old, None)).await;
    let waited = tokio::time::timeout(std::time::Duration::from_secs(30), outsider.ready()).await;
    assert!(waited.is_err());
    cluster.assert_delivers("without it").await;
}

#[tokio::test(start_paused = true)]
async fn options_that_need_the_secret_say_so() {
    let encrypt = ClusterOptions {
        encrypt: true,
        ..ClusterOptions::default()
    };
    let previous = ClusterOptions {
        secret_previous: secret("the secret until now"),
        ..ClusterOptions::default()
    };
    for (options, key) in [(encrypt, "encrypt"), (previous, "secret_previous")] {
        let error = options.validate().expect_err("there is no secret");
        assert!(error.to_string().starts_with(key), "{error}");
        assert_eq!(with_secret(options).validate(), Ok(()));
    }
}
