//! What protecting a packet, and taking the protection off, costs on one core.
//!
//! `cargo run --release -p raftwire-link --example protection`
#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::print_stdout, reason = "it shows the result")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use raftwire_link::protection::{PacketKeys, Protection};
use raftwire_link::session::{Handshake, LocalIdentity, Medium, Role, Secret, VersionRange};
use raftwire_protocol::limits::PACKET_TRAILER_BYTES;
use raftwire_protocol::{
    Incarnation, Lane, PacketHeader, PacketKind, RaftId, Session, decode_packet,
};

/// Packets of one measurement at most, and bytes in all: well under a millisecond's worth, which a busy
/// machine seldom interrupts.
const ROUND_PACKETS_MAX: usize = 64;
const ROUND_BYTES: usize = 256 * 1024;
/// Measurements, of which the median is told.
const ROUNDS: usize = 1001;

fn main() {
    println!("ns a packet, medians of {ROUNDS} rounds:");
    println!("{:>13}  {:>6}  {:>6}  {:>6}", "", "bytes", "seal", "open");
    for level in [Protection::Authenticated, Protection::Sealed] {
        for bytes in [200, 64 * 1024 - PACKET_TRAILER_BYTES] {
            let mut rounds: Vec<_> = (0..ROUNDS).map(|_| measure(level, bytes)).collect();
            let mut median = |part: fn(&[Duration; 2]) -> Duration| {
                rounds.sort_by_key(part);
                part(&rounds[ROUNDS / 2]).as_nanos() / packets_of(bytes) as u128
            };
            let (seal, open) = (median(|round| round[0]), median(|round| round[1]));
            let level = format!("{level:?}");
            println!("{level:>13}  {bytes:>6}  {seal:>6}  {open:>6}");
        }
    }
}

fn packets_of(bytes: usize) -> usize {
    (ROUND_BYTES / bytes).min(ROUND_PACKETS_MAX)
}

/// The time that sealing and opening take in all.
fn measure(level: Protection, packet_bytes: usize) -> [Duration; 2] {
    let (one, mut two) = keys(level);
    let packets: Vec<_> = (0..packets_of(packet_bytes))
        .map(|_| packet(packet_bytes))
        .collect();
    let start = Instant::now();
    let sealed: Vec<_> = packets
        .into_iter()
        .map(|packet| one.sealer.seal(packet))
        .collect();
    let middle = Instant::now();
    let opened = sealed
        .into_iter()
        .filter_map(|packet| two.opener.open(packet).ok())
        .count();
    let opening = middle.elapsed();
    assert_eq!(opened, packets_of(packet_bytes));
    [middle - start, opening]
}

/// As a link makes it: with room behind it.
fn packet(bytes: usize) -> Bytes {
    let header = PacketHeader {
        kind: PacketKind::Link,
        flags: 0,
        lane: Lane::Data,
        from: Session::new(1),
        to: Session::new(2),
        from_incarnation: Incarnation::new(1),
        to_incarnation: Incarnation::new(1),
    };
    let mut packet = BytesMut::with_capacity(bytes + PACKET_TRAILER_BYTES);
    header.encode_into(bytes - 64, &mut packet);
    packet.resize(bytes, 7);
    packet.freeze()
}

/// The keys of two nodes that have said hello.
fn keys(level: Protection) -> (PacketKeys, PacketKeys) {
    let handshake = |number: u8| {
        let identity = LocalIdentity {
            cluster: "example".to_owned(),
            node: format!("node{number}").parse().expect("a node id"),
            session: Session::new(number.into()),
            raft_id: RaftId::new(number.into()),
            role: Role::Voter,
            secret: Some(Secret::new([7; 32]).expect("long enough")),
            secret_previous: None,
            versions: VersionRange::CURRENT,
        };
        let medium = Medium {
            protection: level,
            ..Medium::from(Lane::Data)
        };
        Handshake::new(
            Arc::new(identity),
            None,
            medium,
            [number; 32],
            Instant::now(),
        )
    };
    let (mut one, mut two) = (handshake(1), handshake(2));
    for _ in 0..2 {
        carry(&mut one, &mut two);
        carry(&mut two, &mut one);
    }
    let keys = |end: &mut Handshake| end.take_packet_keys().expect("established");
    (keys(&mut one), keys(&mut two))
}

fn carry(from: &mut Handshake, to: &mut Handshake) {
    while let Some(packet) = from.poll_transmit() {
        let (header, body) = decode_packet(packet).expect("a packet");
        to.handle(&header, body, Instant::now());
    }
}
