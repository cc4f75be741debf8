//! Two handshakes against each other in memory, and strangers between them.

mod agreement;
mod attacks;
mod media;
mod properties;
mod refusals;
mod two_secrets;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use raftwire_protocol::{
    Lane, NodeId, PacketHeader, PacketKind, RaftId, Session, decode_packet, encode_packet,
};

use super::*;

type Packet = (PacketHeader, Bytes);

fn node(text: &str) -> NodeId {
    text.parse().expect("a node id")
}

fn secret(byte: u8) -> Option<Secret> {
    Some(Secret::new([byte; 32]).expect("long enough"))
}

/// A member of the cluster `test` that knows its secret.
fn member(name: &str, session: u128) -> LocalIdentity {
    LocalIdentity {
        cluster: "test".to_owned(),
        node: node(name),
        session: Session::new(session),
        raft_id: RaftId::new(session as u64 + 1000),
        role: Role::Voter,
        secret: secret(1),
        secret_previous: None,
        versions: VersionRange::CURRENT,
    }
}

/// What the peer of `local` should learn of it.
fn seen(local: &LocalIdentity) -> PeerIdentity {
    PeerIdentity {
        node: local.node.clone(),
        session: local.session,
        raft_id: local.raft_id,
        role: local.role,
        version: 1,
    }
}

#[derive(Debug)]
struct End {
    handshake: Handshake,
    events: Vec<HandshakeEvent>,
}

impl End {
    fn new(local: &LocalIdentity, seed: u8, now: Instant) -> End {
        End::on(Lane::Control, local, None, seed, now)
    }

    fn on(
        medium: impl Into<Medium>,
        local: &LocalIdentity,
        expected: Option<&str>,
        seed: u8,
        now: Instant,
    ) -> End {
        let (local, expected) = (Arc::new(local.clone()), expected.map(node));
        let handshake = Handshake::new(local, expected, medium, [seed; 32], now);
        End {
            handshake,
            events: Vec::new(),
        }
    }

    fn receive(&mut self, packet: &Packet, now: Instant) {
        self.handshake.handle(&packet.0, packet.1.clone(), now);
        self.events.extend(self.handshake.poll_event());
    }

    fn tick(&mut self, now: Instant) {
        self.handshake.handle_timeout(now);
        self.events.extend(self.handshake.poll_event());
    }

    fn refuse(&mut self, reason: RefusalReason) {
        self.handshake.refuse(reason);
        self.events.extend(self.handshake.poll_event());
    }

    fn sent(&mut self) -> Vec<Packet> {
        std::iter::from_fn(|| self.handshake.poll_transmit())
            .map(|packet| decode_packet(packet).expect("a packet"))
            .collect()
    }

    /// The code of the failure, if it has failed.
    fn failure(&self) -> Option<RefusalCode> {
        match self.events.last() {
            Some(HandshakeEvent::Failed { reason, .. }) => Some(reason.code()),
            Some(HandshakeEvent::Established(_)) | None => None,
        }
    }
}

fn established(local: &LocalIdentity) -> HandshakeEvent {
    HandshakeEvent::Established(seen(local))
}

fn kinds(packets: &[Packet]) -> Vec<PacketKind> {
    packets.iter().map(|(header, _)| header.kind).collect()
}

/// Carries packets to and fro until both are silent; gives all that were carried.
fn exchange(one: &mut End, two: &mut End, now: Instant) -> Vec<Packet> {
    let mut carried = Vec::new();
    for _ in 0..20 {
        let (from_one, from_two) = (one.sent(), two.sent());
        if from_one.is_empty() && from_two.is_empty() {
            return carried;
        }
        from_one.iter().for_each(|packet| two.receive(packet, now));
        from_two.iter().for_each(|packet| one.receive(packet, now));
        carried.extend(from_one.into_iter().chain(from_two));
    }
    panic!("they never fall silent: {carried:?}");
}

/// Two ends that have established each other.
fn established_pair(one: &LocalIdentity, two: &LocalIdentity, now: Instant) -> (End, End) {
    let (mut end_one, mut end_two) = (End::new(one, 1, now), End::new(two, 2, now));
    exchange(&mut end_one, &mut end_two, now);
    assert_eq!(end_one.events, [established(two)]);
    assert_eq!(end_two.events, [established(one)]);
    end_one.events.clear();
    end_two.events.clear();
    (end_one, end_two)
}

/// The packet as it comes off the wire after a stranger has had it in his hands.
fn forged(packet: &Packet, change: impl FnOnce(&mut PacketHeader)) -> Packet {
    let mut header = packet.0;
    change(&mut header);
    decode_packet(encode_packet(&header, &packet.1)).expect("a packet")
}

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Some instant: the handshake compares times and asks for none.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no other way to make an Instant"
)]
fn start() -> Instant {
    Instant::now()
}
