use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::limits::PACKET_HEADER_BYTES;
use crate::{Incarnation, Lane, Session};

const HEADER: PacketHeader = PacketHeader {
    kind: PacketKind::Link,
    flags: 0xa5,
    lane: Lane::Data,
    from: Session::new(0x1011_1213_1415_1617_1819_1a1b_1c1d_1e1f),
    to: Session::new(0x2021_2223_2425_2627_2829_2a2b_2c2d_2e2f),
    from_incarnation: Incarnation::new(0x3031_3233_3435_3637),
    to_incarnation: Incarnation::new(0x4041_4243_4445_4647),
};

#[rustfmt::skip]
const GOLDEN: [u8; PACKET_HEADER_BYTES + 3] = [
    0x52, 0x57, 1, 6, 0xa5, 2, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0,
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
    0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f,
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
    b'a', b'b', b'c',
];

fn decode(bytes: &[u8]) -> Result<(PacketHeader, Bytes), DecodeError> {
    decode_packet(Bytes::copy_from_slice(bytes))
}

/// The golden packet with one byte exchanged.
fn altered(place: usize, byte: u8) -> Vec<u8> {
    let mut bytes = GOLDEN.to_vec();
    bytes[place] = byte;
    bytes
}

#[test]
fn the_layout_of_the_header_is_pinned() {
    assert_eq!(encode_packet(&HEADER, b"abc"), &GOLDEN[..]);
    assert_eq!(decode(&GOLDEN), Ok((HEADER, Bytes::from_static(b"abc"))));
}

#[test]
fn what_a_node_does_not_know_is_refused_by_its_number() {
    assert_eq!(
        decode(&altered(0, 0)),
        Err(DecodeError::Magic { magic: 0x0057 })
    );
    assert_eq!(
        decode(&altered(2, 2)),
        Err(DecodeError::Version { version: 2 })
    );
    assert_eq!(decode(&altered(3, 0)), Err(DecodeError::Kind { kind: 0 }));
    assert_eq!(decode(&altered(3, 9)), Err(DecodeError::Kind { kind: 9 }));
    assert_eq!(decode(&altered(5, 0)), Err(DecodeError::Lane { lane: 0 }));
    assert_eq!(decode(&altered(5, 3)), Err(DecodeError::Lane { lane: 3 }));
}

#[test]
fn reserved_bytes_are_ignored() {
    for place in [6, 7, 12, 13, 14, 15] {
        assert_eq!(decode(&altered(place, 0xff)), decode(&GOLDEN));
    }
}

#[test]
fn the_body_has_exactly_the_announced_length() {
    for present in 0..PACKET_HEADER_BYTES {
        assert_eq!(
            decode(&GOLDEN[..present]),
            Err(DecodeError::Header { present })
        );
    }
    for present in 0..3 {
        let short = &GOLDEN[..PACKET_HEADER_BYTES + present];
        assert_eq!(
            decode(short),
            Err(DecodeError::Length {
                announced: 3,
                present
            })
        );
    }
    let mut long = GOLDEN.to_vec();
    long.push(b'd');
    assert_eq!(
        decode(&long),
        Err(DecodeError::Length {
            announced: 3,
            present: 4
        })
    );
}

#[test]
fn a_length_beyond_the_lane_is_refused_before_anything_else() {
    for lane in Lane::ALL {
        let max = lane.body_bytes_max();
        let mut packet = BytesMut::from(&altered(5, lane.number())[..8]);
        packet.put_u32(max as u32 + 1);
        packet.put_bytes(0, PACKET_HEADER_BYTES - 12);
        let error = decode(&packet);
        assert_eq!(
            error,
            Err(DecodeError::TooLarge {
                announced: max + 1,
                max
            })
        );
    }
}

#[test]
fn the_largest_packet_of_each_lane_passes() {
    for lane in Lane::ALL {
        let header = PacketHeader { lane, ..HEADER };
        let body = vec![7; lane.body_bytes_max()];
        let packet = encode_packet(&header, &body);
        assert_eq!(packet.len(), lane.packet_bytes_max());
        assert_eq!(decode_packet(packet), Ok((header, Bytes::from(body))));
    }
}

#[test]
fn the_body_shares_the_packets_memory() {
    let packet = encode_packet(&HEADER, b"abc");
    let start = packet.as_ptr();
    let (_, body) = decode_packet(packet).expect("a packet");
    assert_eq!(body.as_ptr(), start.wrapping_add(PACKET_HEADER_BYTES));
}

#[test]
fn a_rewritten_header_is_that_of_the_other_packet() {
    let mut packet = GOLDEN;
    let before = rewrite_header(&mut packet, PacketKind::Protected, 7);
    assert_eq!(before, Some(PacketKind::Link));
    let header = PacketHeader {
        kind: PacketKind::Protected,
        ..HEADER
    };
    let expected = encode_packet(&header, &[0; 7]);
    assert_eq!(
        packet[..PACKET_HEADER_BYTES],
        expected[..PACKET_HEADER_BYTES]
    );
    assert_eq!(rewrite_header(&mut packet[1..], PacketKind::Link, 7), None);
    assert_eq!(rewrite_header(&mut [], PacketKind::Link, 7), None);
}

#[test]
fn kinds_and_lanes_are_what_their_numbers_say() {
    let kinds = (0..=u8::MAX).filter_map(PacketKind::from_number);
    assert_eq!(
        kinds.map(PacketKind::number).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6, 7, 8]
    );
    let lanes = (0..=u8::MAX).filter_map(Lane::from_number);
    assert_eq!(lanes.collect::<Vec<_>>(), Lane::ALL);
}

fn any_header() -> impl Strategy<Value = PacketHeader> {
    let kind = (1..=8_u8).prop_map(|number| PacketKind::from_number(number).expect("a kind"));
    let lane = prop_oneof![Just(Lane::Control), Just(Lane::Data)];
    let sessions = (any::<u128>(), any::<u128>());
    let incarnations = (any::<u64>(), any::<u64>());
    (kind, any::<u8>(), lane, sessions, incarnations).prop_map(
        |(kind, flags, lane, (from, to), (from_incarnation, to_incarnation))| PacketHeader {
            kind,
            flags,
            lane,
            from: Session::new(from),
            to: Session::new(to),
            from_incarnation: Incarnation::new(from_incarnation),
            to_incarnation: Incarnation::new(to_incarnation),
        },
    )
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(header in any_header(), body: Vec<u8>) {
        let decoded = decode_packet(encode_packet(&header, &body));
        prop_assert_eq!(decoded, Ok((header, Bytes::from(body))));
    }

    #[test]
    fn any_bytes_are_a_packet_or_an_error(bytes: Vec<u8>) {
        let _ = decode(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_right_beginning_are_a_packet_or_an_error(
        kind in 0..9_u8, lane in 0..4_u8, rest in proptest::collection::vec(any::<u8>(), 0..128),
    ) {
        let mut packet = vec![0x52, 0x57, 1, kind, 0, lane, 0, 0];
        packet.extend_from_slice(&rest);
        if let Ok((header, body)) = decode(&packet) {
            prop_assert_eq!(body.len() + PACKET_HEADER_BYTES, packet.len());
            prop_assert_eq!(decode_packet(encode_packet(&header, &body)), Ok((header, body)));
        }
    }

    #[test]
    fn a_packet_with_flipped_bits_is_a_packet_or_an_error(
        header in any_header(), place in 0..GOLDEN.len(), bits in 1_u8..,
    ) {
        let mut bytes = encode_packet(&header, b"abc").to_vec();
        bytes[place] ^= bits;
        let _ = decode(&bytes);
    }
}
