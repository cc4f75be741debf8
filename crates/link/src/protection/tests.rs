use bytes::Bytes;
use proptest::prelude::*;
use raftwire_protocol::limits::{PACKET_HEADER_BYTES, PACKET_TRAILER_BYTES};
use raftwire_protocol::{
    Incarnation, Lane, PacketHeader, PacketKind, Session, decode_packet, encode_packet,
};

use super::*;

const ONE: Session = Session::new(1);
const TWO: Session = Session::new(2);

const HEADER: PacketHeader = PacketHeader {
    kind: PacketKind::Link,
    flags: 3,
    lane: Lane::Data,
    from: ONE,
    to: TWO,
    from_incarnation: Incarnation::new(5),
    to_incarnation: Incarnation::new(6),
};

/// What the keys of a channel depend on.
#[derive(Clone, Debug)]
struct Origin {
    level: Protection,
    lane: Lane,
    exporter: Option<[u8; 32]>,
    sessions: [Session; 2],
    hellos: [&'static [u8]; 2],
    secret: &'static [u8],
}

impl Origin {
    fn new(level: Protection) -> Origin {
        Origin {
            level,
            lane: Lane::Data,
            exporter: None,
            sessions: [ONE, TWO],
            hellos: [b"hello of one", b"hello of two"],
            secret: b"what all nodes know",
        }
    }

    /// The keys of the first and of the second node.
    fn keys(&self) -> [PacketKeys; 2] {
        [[0, 1], [1, 0]].map(|[own, peer]| {
            let source = KeySource {
                level: self.level,
                lane: self.lane,
                exporter: self.exporter.as_ref(),
                own: (self.sessions[own], self.hellos[own]),
                peer: (self.sessions[peer], self.hellos[peer]),
            };
            source.derive(self.secret)
        })
    }

    fn one_way(&self) -> (Sealer, Opener) {
        let [one, two] = self.keys();
        (one.sealer, two.opener)
    }
}

fn packet(body: &[u8]) -> Bytes {
    encode_packet(&HEADER, body)
}

fn any_level() -> impl Strategy<Value = Protection> {
    prop_oneof![Just(Protection::Authenticated), Just(Protection::Sealed)]
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        proptest::collection::vec(any::<u8>(), 60_000..65_000),
    ]
}

#[test]
fn keys_and_codes_are_pinned() {
    let mut sealed = Vec::new();
    for level in [Protection::Authenticated, Protection::Sealed] {
        let (sealer, _) = Origin::new(level).one_way();
        let packet = sealer.seal(packet(b"body"));
        let hex = packet[PACKET_HEADER_BYTES..]
            .iter()
            .map(|byte| format!("{byte:02x}"));
        sealed.push(hex.collect::<String>());
    }
    assert_eq!(sealed, PINNED);
}

/// Computed with another implementation of HKDF (RFC 5869) and ChaCha20-Poly1305 (RFC 8439).
const PINNED: [&str; 2] = [
    "626f647906980b58c4a1485f000000000000000148ec20f7e59d003cd3b1a4da1ef818ea",
    "ae8ad8d3063bd942e22c0b3b00000000000000018a16370f2f3259705fd58a4da1a566c2",
];

#[test]
fn keys_differ_by_everything_that_they_are_made_of() {
    let base = Origin::new(Protection::Sealed);
    let others = [
        Origin {
            level: Protection::Authenticated,
            ..base.clone()
        },
        Origin {
            lane: Lane::Control,
            ..base.clone()
        },
        Origin {
            exporter: Some([0; 32]),
            ..base.clone()
        },
        Origin {
            sessions: [ONE, Session::new(3)],
            ..base.clone()
        },
        Origin {
            hellos: [b"hello of one", b"another hello"],
            ..base.clone()
        },
        // The same bytes, otherwise divided.
        Origin {
            hellos: [b"hello of onehello", b" of two"],
            ..base.clone()
        },
        Origin {
            secret: b"what a stranger guesses",
            ..base.clone()
        },
    ];
    let (sealer, mut opener) = base.one_way();
    let mut ids = vec![sealer.key_id(), base.keys()[1].sealer.key_id()];
    for other in others {
        let (sealer, _) = other.one_way();
        ids.push(sealer.key_id());
        let opened = opener.open(sealer.seal(packet(b"body")));
        assert_eq!(opened, Err(OpenError::UnknownKey), "{other:?}");
    }
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
}

#[test]
fn a_packet_sent_back_to_its_sender_is_none_of_the_peer() {
    let [mut one, two] = Origin::new(Protection::Authenticated).keys();
    let echo = one.sealer.seal(packet(b"body"));
    assert_eq!(one.opener.open(echo), Err(OpenError::UnknownKey));
    let answer = two.sealer.seal(packet(b"body"));
    assert!(one.opener.open(answer).is_ok());
}

#[test]
fn a_key_id_that_is_put_on_another_keys_packet_does_not_help() {
    let base = Origin::new(Protection::Authenticated);
    let other = Origin {
        secret: b"what a stranger guesses",
        ..base.clone()
    };
    let (sealer, mut opener) = base.one_way();
    let (stranger, _) = other.one_way();
    let mut forged = stranger.seal(packet(b"body")).to_vec();
    let key_id_at = forged.len() - PACKET_TRAILER_BYTES + 1;
    forged[key_id_at..key_id_at + 7].copy_from_slice(&sealer.key_id());
    assert_eq!(opener.open(forged.into()), Err(OpenError::Forged));
}

#[test]
fn a_sealed_body_cannot_be_read_and_an_authenticated_one_can() {
    let body = [b'x'; 64];
    for (level, is_readable) in [
        (Protection::Authenticated, true),
        (Protection::Sealed, false),
    ] {
        let (sealer, _) = Origin::new(level).one_way();
        let packets = [sealer.seal(packet(&body)), sealer.seal(packet(&body))];
        let bodies = packets.map(|packet| packet[PACKET_HEADER_BYTES..][..64].to_vec());
        assert_eq!(bodies[0] == body, is_readable);
        assert_eq!(
            bodies[0] == bodies[1],
            is_readable,
            "equal bodies look equal"
        );
    }
}

#[test]
fn a_packet_beyond_the_window_is_late_and_one_within_is_taken_once() {
    let (sealer, mut opener) = Origin::new(Protection::Authenticated).one_way();
    let mut packets: Vec<_> = (0..REPLAY_WINDOW_PACKETS + 1)
        .map(|_| sealer.seal(packet(b"body")))
        .collect();
    let last = packets.pop().expect("the last");
    assert!(opener.open(last).is_ok());
    assert_eq!(opener.open(packets[0].clone()), Err(OpenError::Late));
    assert!(opener.open(packets[1].clone()).is_ok());
    assert_eq!(opener.open(packets[1].clone()), Err(OpenError::Replayed));
}

#[test]
fn a_forged_packet_does_not_move_the_window() {
    let (sealer, mut opener) = Origin::new(Protection::Authenticated).one_way();
    let genuine = sealer.seal(packet(b"body"));
    let mut forged = genuine.to_vec();
    let number_at = forged.len() - PACKET_TRAILER_BYTES + 8;
    forged[number_at..number_at + 8].copy_from_slice(&u64::MAX.to_be_bytes());
    assert_eq!(opener.open(forged.into()), Err(OpenError::Forged));
    assert!(opener.open(genuine).is_ok());
}

#[test]
fn an_unshared_packet_is_protected_and_opened_where_it_lies() {
    for level in [Protection::Authenticated, Protection::Sealed] {
        let (sealer, mut opener) = Origin::new(level).one_way();
        let mut buffer = bytes::BytesMut::with_capacity(1024);
        buffer.extend_from_slice(&packet(&[7; 500]));
        let place = buffer.as_ptr();
        let sealed = sealer.seal(buffer.freeze());
        assert_eq!(sealed.as_ptr(), place);
        let (_, body) = opener.open(sealed).expect("it opens");
        assert_eq!(body.as_ptr(), place.wrapping_add(PACKET_HEADER_BYTES));
    }
}

#[test]
fn a_shared_packet_stays_as_it_is() {
    let (sealer, mut opener) = Origin::new(Protection::Sealed).one_way();
    let original = packet(b"body");
    let sealed = sealer.seal(original.clone());
    assert_eq!(original, packet(b"body"));
    let kept = sealed.clone();
    assert!(opener.open(sealed).is_ok());
    assert_eq!(opener.open(kept), Err(OpenError::Replayed));
}

#[test]
fn a_keyring_opens_what_the_hello_before_protected_and_nothing_older() {
    let hellos: [&'static [u8]; 3] = [b"first", b"second", b"third"];
    let origins = hellos.map(|hello| Origin {
        hellos: [hello, b"hello of two"],
        ..Origin::new(Protection::Authenticated)
    });
    let mut keyring = Keyring::default();
    assert!(!keyring.is_demanding());
    let late: Vec<_> = origins
        .map(|origin| {
            let (sealer, opener) = origin.one_way();
            keyring.install(opener);
            sealer.seal(packet(b"body"))
        })
        .into();
    assert!(keyring.is_demanding());
    assert_eq!(keyring.open(late[0].clone()), Err(OpenError::UnknownKey));
    assert!(keyring.open(late[1].clone()).is_ok());
    assert_eq!(keyring.open(late[1].clone()), Err(OpenError::Replayed));
    assert!(keyring.open(late[2].clone()).is_ok());
    assert_eq!(keyring.open(packet(b"bare")), Err(OpenError::Malformed));
    assert_eq!(keyring.open(Bytes::new()), Err(OpenError::Malformed));
}

#[test]
fn nothing_of_the_keys_is_printed() {
    let [keys, _] = Origin::new(Protection::Sealed).keys();
    let text = format!("{keys:?}");
    assert!(!text.contains("cipher: ChaCha"), "{text}");
    assert!(text.contains(".."), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_sealed_opens_to_the_same_bytes(level in any_level(), bodies in proptest::collection::vec(any_body(), 1..4)) {
        let (sealer, mut opener) = Origin::new(level).one_way();
        for body in bodies {
            let sealed = sealer.seal(packet(&body));
            prop_assert_eq!(sealed.len(), PACKET_HEADER_BYTES + body.len() + PACKET_TRAILER_BYTES);
            let (header, _) = decode_packet(sealed.clone()).expect("a packet");
            prop_assert_eq!(header, PacketHeader { kind: PacketKind::Protected, ..HEADER });
            prop_assert_eq!(opener.open(sealed), Ok((HEADER, Bytes::from(body))));
        }
    }

    #[test]
    fn any_flipped_bit_is_refused(level in any_level(), body in any_body(), place: prop::sample::Index, bit in 0..8_u8) {
        let (sealer, mut opener) = Origin::new(level).one_way();
        let genuine = sealer.seal(packet(&body));
        let mut altered = genuine.to_vec();
        let place = place.index(altered.len());
        altered[place] ^= 1 << bit;
        prop_assert!(opener.open(altered.into()).is_err());
        prop_assert!(opener.open(genuine).is_ok());
    }

    #[test]
    fn any_other_length_is_refused(level in any_level(), body in any_body(), place: prop::sample::Index, more: bool) {
        let (sealer, mut opener) = Origin::new(level).one_way();
        let genuine = sealer.seal(packet(&body));
        let mut altered = genuine.to_vec();
        if more {
            altered.push(0);
        } else {
            altered.truncate(place.index(genuine.len()));
        }
        prop_assert!(opener.open(altered.clone().into()).is_err());
        // Also where the length in the header is made to fit.
        let body_bytes = altered.len().saturating_sub(PACKET_HEADER_BYTES);
        raftwire_protocol::rewrite_header(&mut altered, PacketKind::Protected, body_bytes);
        prop_assert!(opener.open(altered.into()).is_err());
        prop_assert!(opener.open(genuine).is_ok());
    }

    #[test]
    fn packets_in_any_order_are_each_taken_once(level in any_level(), order in Just((0..40_u8).collect::<Vec<_>>()).prop_shuffle(), repeated in proptest::collection::vec(0..40_usize, 0..40)) {
        let (sealer, mut opener) = Origin::new(level).one_way();
        let packets: Vec<_> = (0..40_u8).map(|number| sealer.seal(packet(&[number]))).collect();
        let mut taken = std::collections::BTreeSet::new();
        let arrivals = order.iter().map(|number| usize::from(*number)).chain(repeated);
        for number in arrivals {
            let opened = opener.open(packets[number].clone());
            if taken.insert(number) {
                prop_assert_eq!(opened, Ok((HEADER, Bytes::from(vec![number as u8]))));
            } else {
                prop_assert_eq!(opened, Err(OpenError::Replayed));
            }
        }
    }

    #[test]
    fn any_bytes_are_refused(level in any_level(), bytes: Vec<u8>, dressed: bool) {
        let (sealer, mut opener) = Origin::new(level).one_way();
        let mut bytes = bytes;
        if dressed {
            // A right header and a known key.
            let mut body = bytes.clone();
            let trailer = raftwire_protocol::PacketTrailer {
                kind: PacketKind::Link,
                key_id: sealer.key_id(),
                number: 1,
                code: [0; 16],
            };
            body.extend(trailer.to_bytes());
            let header = PacketHeader { kind: PacketKind::Protected, ..HEADER };
            bytes = encode_packet(&header, &body).to_vec();
        }
        prop_assert!(opener.open(bytes.into()).is_err());
    }
}
