//! Compressed messages: what one library deflates, the other inflates, in frames and pieces of any size;
//! and what a receiver makes of messages that are wrong, or far larger than they look.

use bytes::{Bytes, BytesMut};
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush};
use proptest::prelude::*;
use raftwire_websocket::{
    Decoder, Deflater, Encoder, Event, Inflater, Message, MessageKind, ProtocolError, Role,
};

const MESSAGE_BYTES_MAX: usize = 1 << 20;
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// What their sender makes of a payload, as it stands in a message.
fn their_deflated(level: i32, payload: &[u8]) -> Vec<u8> {
    let mut state = CompressorOxide::new(create_comp_flags_from_zip_params(level, 0, 0));
    let mut out = vec![0; payload.len() * 2 + 100];
    let done = deflate(&mut state, payload, &mut out, MZFlush::Sync);
    assert_eq!(done.bytes_consumed, payload.len());
    out.truncate(done.bytes_written);
    assert!(out.ends_with(&TAIL));
    out.truncate(out.len() - TAIL.len());
    out
}

/// What their receiver makes of what stands in a message.
fn their_inflated(deflated: &[u8], len_max: usize) -> Vec<u8> {
    let mut state = InflateState::new_boxed(DataFormat::Raw);
    let mut out = vec![0; len_max + 1];
    let whole = [deflated, &TAIL].concat();
    let done = inflate(&mut state, &whole, &mut out, MZFlush::Sync);
    assert_eq!(done.bytes_consumed, whole.len());
    out.truncate(done.bytes_written);
    out
}

/// A server's message in frames of such lengths, with a ping after each but the last.
fn frames(opcode: u8, payload: &[u8], frame_len: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    let frames = payload.chunks(frame_len);
    let last = frames.len() - 1;
    for (number, frame) in frames.enumerate() {
        let opcode = if number == 0 { 0x40 | opcode } else { 0 };
        let is_final = number == last;
        wire.push(opcode | if is_final { 0x80 } else { 0 });
        wire.push(127);
        wire.extend_from_slice(&(frame.len() as u64).to_be_bytes());
        if frame.len() < 126 {
            wire.truncate(wire.len() - 9);
            wire.push(frame.len() as u8);
        } else if frame.len() < 65_536 {
            wire.truncate(wire.len() - 9);
            wire.push(126);
            wire.extend_from_slice(&(frame.len() as u16).to_be_bytes());
        }
        wire.extend_from_slice(frame);
        if !is_final {
            wire.extend_from_slice(b"\x89\x00");
        }
    }
    wire
}

/// The messages of what came in pieces, without the pings between.
fn read(wire: &[u8], piece_len: usize, bytes_max: usize) -> Result<Vec<Message>, ProtocolError> {
    let mut decoder = Decoder::new(Role::Client, bytes_max);
    let mut inflater = Inflater::default();
    let mut messages = Vec::new();
    for mut piece in wire.chunks(piece_len) {
        while let Some(event) = decoder.decode_inflating(&mut piece, &mut inflater)? {
            match event {
                Event::Message(message) => messages.push(message),
                other => assert_eq!(other, Event::Ping(Bytes::new())),
            }
        }
    }
    assert!(decoder.is_between_messages());
    Ok(messages)
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        ".{0,200}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..400),
        proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(b'{')], 0..3_000),
        (any::<u8>(), 0_usize..100_000).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

proptest! {
    #[test]
    fn ours_inflates_what_theirs_deflates(
        payloads in proptest::collection::vec(payload(), 1..5),
        level in 0..9,
        frame_len in prop_oneof![1_usize..100, Just(1_000), Just(100_000)],
        piece_len in prop_oneof![1_usize..40, Just(65_536)],
    ) {
        let mut wire = Vec::new();
        for payload in &payloads {
            wire.extend(frames(2, &their_deflated(level, payload), frame_len));
            // Beside it one that is not compressed.
            wire.extend_from_slice(b"\x81\x02hi");
        }
        let read = read(&wire, piece_len, MESSAGE_BYTES_MAX).expect("it is right");
        let deflated: Vec<_> = read.iter().filter(|message| message.kind == MessageKind::Binary)
            .map(|message| message.payload.to_vec()).collect();
        prop_assert_eq!(deflated, payloads.clone());
        prop_assert_eq!(read.len(), payloads.len() * 2);
    }

    #[test]
    fn theirs_and_ours_inflate_what_ours_deflates(
        payloads in proptest::collection::vec(payload(), 1..5),
        beginning in proptest::collection::vec(any::<u8>(), 0..60),
        piece_len in prop_oneof![1_usize..40, Just(65_536)],
    ) {
        let mut deflater = Deflater::default();
        let (mut encoder, mut wire, mut expected) = (Encoder::server(), BytesMut::new(), Vec::new());
        for payload in &payloads {
            let whole = [&beginning[..], payload].concat();
            match deflater.deflate(payload) {
                Some(deflated) => {
                    prop_assert!(deflated.body().len() <= payload.len());
                    prop_assert_eq!(&their_inflated(deflated.body(), payload.len()), payload);
                    deflated.head(MessageKind::Binary, &beginning, &mut wire);
                    wire.extend_from_slice(deflated.body());
                }
                None => encoder.message(MessageKind::Binary, &whole, &mut wire),
            }
            expected.push(Bytes::from(whole));
        }
        let read = read(&wire, piece_len, MESSAGE_BYTES_MAX).expect("it is right");
        let read: Vec<_> = read.into_iter().map(|message| message.payload).collect();
        prop_assert_eq!(read, expected);
    }

    /// Whatever comes, nothing panics, and no message is over the limit.
    #[test]
    fn any_bytes_are_messages_within_the_limit_or_an_error(
        payload in proptest::collection::vec(any::<u8>(), 1..200),
        frame_len in 1_usize..200,
    ) {
        if let Ok(messages) = read(&frames(2, &payload, frame_len), 65_536, 1_000) {
            prop_assert_eq!(messages.len(), 1);
            prop_assert!(messages[0].payload.len() <= 1_000);
        }
    }
}

#[test]
fn a_message_may_be_as_large_as_the_limit_when_it_is_inflated() {
    let refused =
        |len: usize, max| read(&frames(2, &their_deflated(6, &vec![7; len]), 50), 64, max);
    assert_eq!(refused(1_000, 1_000).unwrap()[0].payload, vec![7; 1_000]);
    assert_eq!(
        refused(1_001, 1_000),
        Err(ProtocolError::TooLarge { max: 1_000 })
    );
}

#[test]
fn what_is_far_over_the_limit_before_it_is_inflated_is_refused_by_its_head() {
    let mut decoder = Decoder::new(Role::Client, 1_000);
    let mut head: &[u8] = &[0xc2, 126, 0x07, 0xd0];
    let refused = decoder.decode_inflating(&mut head, &mut Inflater::default());
    assert_eq!(refused, Err(ProtocolError::TooLarge { max: 1_000 }));
}

#[test]
fn without_an_agreement_nothing_is_compressed() {
    let wire = frames(1, &their_deflated(6, b"Hello"), 100);
    let mut decoder = Decoder::new(Role::Client, 1_000);
    let refused = decoder.decode(&mut &wire[..]);
    assert_eq!(refused, Err(ProtocolError::ReservedBit));
}

#[test]
fn a_message_within_a_compressed_one_and_a_bit_on_its_rest_are_refused() {
    let refused = |wire: &[u8]| read(wire, 100, 1_000).unwrap_err();
    assert_eq!(
        refused(b"\x41\x02\xf2\x48\x81\x01a"),
        ProtocolError::Fragment
    );
    assert_eq!(
        refused(b"\x41\x02\xf2\x48\xc0\x01a"),
        ProtocolError::ReservedBit
    );
    assert_eq!(refused(b"\xc9\x00"), ProtocolError::ReservedBit);
    assert_eq!(refused(b"\xc1\x02\xf2\x48"), ProtocolError::Deflate);
    assert_eq!(
        refused(b"\xc1\x00"),
        ProtocolError::Deflate,
        "nothing is one byte at least"
    );
}
