//! The states of compression, one of each a thread: a message is compressed or inflated in one go, and
//! nothing is kept for its connection.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use bytes::Bytes;
use raftwire_websocket::{Decoder, Deflated, Deflater, Event, Inflater, ProtocolError};

/// Payloads that are compressed. A smaller one would save a hundred bytes or so, for longer than it takes to write
/// it. A larger one takes over 2 ms, in which the thread serves nobody else.
const DEFLATED_BYTES: RangeInclusive<usize> = 256..=1024 * 1024;

thread_local! {
    static DEFLATER: RefCell<Deflater> = RefCell::default();
    static INFLATER: RefCell<Inflater> = RefCell::default();
}

/// Whether compressing so many bytes is worth its time.
pub(super) fn is_worth_it(payload_bytes: usize) -> bool {
    DEFLATED_BYTES.contains(&payload_bytes)
}

/// The payload compressed: what [`WebSocket::write_deflated`](super::WebSocket::write_deflated) takes,
/// the same for every socket. `None`: it would not become shorter.
pub fn deflate(payload: &[u8]) -> Option<Bytes> {
    DEFLATER
        .with_borrow_mut(|deflater| deflater.deflate(payload))
        .map(Deflated::into_body)
}

/// The next event of a connection whose messages may be compressed.
pub(super) fn decode(
    decoder: &mut Decoder,
    input: &mut &[u8],
) -> Result<Option<Event>, ProtocolError> {
    INFLATER.with_borrow_mut(|inflater| decoder.decode_inflating(input, inflater))
}
