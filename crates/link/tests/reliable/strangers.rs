//! Packets that are not from the peer, or not what a peer should send.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use raftwire_link::{Head, Link, LinkConfig, LinkError, LinkIdentity, Outgoing};
use raftwire_protocol::link_packet::{AckBlock, LinkPacket};
use raftwire_protocol::{Incarnation, PacketHeader, PacketKind, Session, decode_packet};

use crate::wire::damaged;

fn identity(local: u64, remote: u64) -> LinkIdentity {
    LinkIdentity {
        local_session: Session::new(local.into()),
        remote_session: Session::new(remote.into()),
        local_incarnation: Incarnation::new(10 * local),
        remote_incarnation: Incarnation::new(10 * remote),
    }
}

#[expect(clippy::disallowed_methods, reason = "any instant serves as the first")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

fn message(token: u64, bytes: usize) -> Outgoing {
    Outgoing {
        token,
        order: 1,
        head: Head::from(b"head"),
        payload: Bytes::from(vec![1; bytes]),
        deadline: None,
        acknowledge: true,
    }
}

/// A packet from node 1 to node 2.
fn packet() -> (PacketHeader, Bytes) {
    let mut from = Link::new(LinkConfig::default(), identity(1, 2), now());
    from.send(message(1, 10), now()).expect("accepted");
    let packet = from.poll_transmit(now()).expect("a packet");
    decode_packet(packet).expect("a packet")
}

#[test]
fn packets_of_other_sessions_and_incarnations_are_ignored_and_told_apart() {
    let (good, body) = packet();
    let at = now();
    let mut link = Link::new(LinkConfig::default(), identity(2, 1), at);
    let mut handle = |change: fn(&mut PacketHeader)| {
        let mut header = good;
        change(&mut header);
        link.handle(&header, body.clone(), at)
    };

    let wrong_kind = handle(|header| header.kind = PacketKind::Request);
    assert!(matches!(wrong_kind, Err(LinkError::WrongKind { .. })));
    for wrong_session in [
        handle(|header| header.from = Session::new(9)),
        handle(|header| header.to = Session::new(9)),
        handle(|header| header.to = Session::NONE),
    ] {
        assert!(matches!(wrong_session, Err(LinkError::WrongSession { .. })));
    }
    let newer = handle(|header| header.from_incarnation = Incarnation::new(11));
    let (known, received) = (Incarnation::new(10), Incarnation::new(11));
    assert_eq!(
        newer,
        Err(LinkError::PeerIncarnationNewer { known, received })
    );
    let older = handle(|header| header.from_incarnation = Incarnation::new(9));
    assert!(matches!(older, Err(LinkError::PeerIncarnationOlder { .. })));
    let newer = handle(|header| header.to_incarnation = Incarnation::new(21));
    assert!(matches!(
        newer,
        Err(LinkError::LocalIncarnationNewer { .. })
    ));
    let older = handle(|header| header.to_incarnation = Incarnation::NONE);
    assert!(matches!(
        older,
        Err(LinkError::LocalIncarnationOlder { .. })
    ));

    assert_eq!(handle(|_| ()), Ok(()));
    assert_eq!(link.stats().packets_ignored, 8);
    assert!(link.poll_event().is_some());
}

#[test]
fn acknowledgements_of_what_was_never_sent_are_refused_whole() {
    let at = now();
    let mut one = Link::new(LinkConfig::default(), identity(1, 2), at);
    let mut two = Link::new(LinkConfig::default(), identity(2, 1), at);
    one.send(message(1, 10), at).expect("accepted");
    let (header, body) = decode_packet(one.poll_transmit(at).expect("a packet")).expect("a packet");
    two.handle(&header, body, at).expect("handled");
    two.send(message(2, 10), at).expect("accepted");
    let answer = two.poll_transmit(at).expect("a packet");
    let (header, body) = decode_packet(answer).expect("a packet");

    // A link that has sent nothing hears that its first packet and segment arrived.
    let mut restarted = Link::new(LinkConfig::default(), identity(1, 2), at);
    let refused = restarted.handle(&header, body.clone(), at);
    assert!(matches!(refused, Err(LinkError::AcknowledgesUnsent { .. })));
    assert_eq!(restarted.poll_event(), None, "nothing of it counts");

    assert_eq!(one.handle(&header, body, at), Ok(()));
    assert!(one.poll_event().is_some());
}

/// A packet from node 1 to node 2 with nothing but this.
fn ack_packet(ack: AckBlock) -> Bytes {
    let mut body = BytesMut::new();
    LinkPacket::encode_ack(&ack, [].into_iter(), [].into_iter(), &mut body);
    body.freeze()
}

#[test]
fn word_of_acknowledgements_that_were_never_sent_is_refused() {
    let (header, body) = packet();
    let at = now();
    let mut link = Link::new(LinkConfig::default(), identity(2, 1), at);
    link.handle(&header, body, at).expect("handled");
    let settled = |settled| {
        ack_packet(AckBlock {
            packet: 2,
            settled,
            ..AckBlock::default()
        })
    };

    let refused = link.handle(&header, settled(1), at);
    assert!(matches!(
        refused,
        Err(LinkError::SettledUnacknowledged { .. })
    ));

    link.report(1, Ok(()));
    assert_eq!(link.handle(&header, settled(1), at), Ok(()));
}

#[test]
fn an_old_acknowledgement_takes_nothing_back() {
    let at = now();
    let mut link = Link::new(LinkConfig::default(), identity(2, 1), at);
    let (header, _) = packet();
    let window_end = |packet, window_end| {
        ack_packet(AckBlock {
            packet,
            window_end,
            ..AckBlock::default()
        })
    };
    link.handle(&header, window_end(2, 1 << 30), at)
        .expect("handled");
    link.handle(&header, window_end(1, 0), at).expect("handled");
    link.send(message(1, 10), at).expect("accepted");
    assert!(link.poll_transmit(at).is_some());
}

proptest! {
    #[test]
    fn no_bytes_make_a_link_panic(
        bodies in vec(vec(any::<u8>(), 0..300), 0..10),
        messages in vec(0_usize..40_000, 1..10),
        damage in vec((any::<usize>(), any::<u8>(), any::<bool>()), 1..40),
    ) {
        let at = now();
        let mut links = [
            Link::new(LinkConfig::default(), identity(1, 2), at),
            Link::new(LinkConfig::default(), identity(2, 1), at),
        ];
        for (token, bytes) in messages.iter().enumerate() {
            links[token % 2].send(message(token as u64, *bytes), at).expect("accepted");
        }
        let (header, _) = packet();
        for body in bodies {
            let _ = links[1].handle(&header, Bytes::from(body), at);
        }
        for (position, flip, near) in damage {
            for from in 0..2 {
                links[from].handle_timeout(at);
                while let Some(packet) = links[from].poll_transmit(at) {
                    // Near the start are the numbers that matter most.
                    let position = if near { 64 + position % 120 } else { position };
                    let packet = damaged(&packet, position, flip);
                    if let Ok((header, body)) = decode_packet(packet) {
                        let _ = links[1 - from].handle(&header, body, at);
                    }
                }
                while let Some(event) = links[from].poll_event() {
                    if let raftwire_link::LinkEvent::Delivered(incoming) = event {
                        links[from].report(incoming.sequence, Err(flip));
                    }
                }
            }
        }
    }
}
