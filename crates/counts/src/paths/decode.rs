//! A client's frames, decoded.

use std::hint::black_box;

use bytes::BytesMut;
use raftwire_websocket::{Decoder, Encoder, MaskKeys, MessageKind, Role};

use super::{AT_ONCE, text};

/// The largest message; nothing here comes near it.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn text_64(messages: u64) {
    decode(MessageKind::Text, 64, messages);
}

pub(super) fn text_1k(messages: u64) {
    decode(MessageKind::Text, 1024, messages);
}

pub(super) fn binary_64(messages: u64) {
    decode(MessageKind::Binary, 64, messages);
}

pub(super) fn binary_1k(messages: u64) {
    decode(MessageKind::Binary, 1024, messages);
}

fn decode(kind: MessageKind, len: usize, messages: u64) {
    let mut encoder = Encoder::client(MaskKeys::new(1));
    let mut input = BytesMut::new();
    for _ in 0..AT_ONCE {
        encoder.message(kind, text(len).as_bytes(), &mut input);
    }
    let mut decoder = Decoder::new(Role::Server, MESSAGE_BYTES_MAX);
    let mut decoded = 0;
    while decoded < messages {
        let mut rest = black_box(&input[..]);
        while let Some(event) = decoder.decode(&mut rest).expect("frames") {
            black_box(event);
            decoded += 1;
        }
    }
    assert_eq!(decoded, messages);
}
