//! What clients and nodes say to each other, read and written.

use std::hint::black_box;

use raftwire::RouteOutcome;
use raftwire_protocol::Frame;
use raftwire_server::client::protocol::binary::{KIND_SEND, encode_send};
use raftwire_server::client::protocol::{FromClient, Outcome, ToClient};

use super::text;

/// A connection's id.
const TO: &str = "~AQIDBAUGBwgJCgsMDQ4PEA";
/// Bytes of a payload.
const PAYLOAD_BYTES: usize = 64;

pub(super) fn read_send_text(messages: u64) {
    let text = text(PAYLOAD_BYTES);
    let send = format!(r#"{{"type":"send","id":123456,"to":"{TO}","text":"{text}"}}"#);
    read(&Frame::text(send), messages);
}

pub(super) fn read_send_binary(messages: u64) {
    let send = encode_send(KIND_SEND, 123_456, TO, text(PAYLOAD_BYTES).as_bytes());
    read(&Frame::binary(send), messages);
}

fn read(frame: &Frame, messages: u64) {
    for _ in 0..messages {
        let read = FromClient::decode(black_box(frame)).expect("a send");
        black_box(read);
    }
}

pub(super) fn say_result(messages: u64) {
    let delivered = RouteOutcome::Delivered;
    for id in 0..messages {
        let outcome = Outcome::from(black_box(&delivered));
        let id = 100_000 + id;
        black_box(ToClient::Result { id, outcome }.encode());
    }
}
