//! The header of binary messages, the same in both directions.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | kind: 1 = send (from the client), 2 = message (to the client) |
//! | 1 | 1 | flags: 0 |
//! | 2 | 2 | length of the target, in bytes; 0 in a message |
//! | 4 | 8 | send: the request id; message: the sequence number |
//! | 12 | length | the target's id, as text |
//! | 12 + length | the rest | the payload |
//!
//! Numbers are big-endian.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use raftwire_protocol::Frame;

use super::{ErrorCode, Malformed, REQUEST_ID_MAX, SendRequest};

/// Bytes before the target.
pub const HEADER_BYTES: usize = 12;
/// The kind of a client's send.
pub const KIND_SEND: u8 = 1;
/// The kind of a message to a client.
pub const KIND_MESSAGE: u8 = 2;

/// Writes a message to a client.
pub fn encode_message(sequence: u64, payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES + payload.len());
    put_header(&mut bytes, KIND_MESSAGE, sequence, 0);
    bytes.put_slice(payload);
    bytes.freeze()
}

/// Reads a message to a client: its sequence number and payload. `None`: it is none.
pub fn decode_message(mut bytes: Bytes) -> Option<(u64, Bytes)> {
    if bytes.len() < HEADER_BYTES || bytes[..4] != [KIND_MESSAGE, 0, 0, 0] {
        return None;
    }
    bytes.advance(4);
    let sequence = bytes.get_u64();
    Some((sequence, bytes))
}

/// Writes a client's send. A target longer than any id is cut off, and refused by the node.
pub fn encode_send(id: u64, to: &str, payload: &[u8]) -> Bytes {
    let target = &to.as_bytes()[..to.len().min(usize::from(u16::MAX))];
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES + target.len() + payload.len());
    put_header(&mut bytes, KIND_SEND, id, target.len() as u16);
    bytes.put_slice(target);
    bytes.put_slice(payload);
    bytes.freeze()
}

/// Reads a client's send; the payload is not copied.
pub(super) fn decode_send(mut bytes: Bytes) -> Result<SendRequest, Malformed> {
    if bytes.len() < HEADER_BYTES {
        return Err(Malformed::new(
            "a binary message begins with a header of 12 bytes",
        ));
    }
    let (kind, flags) = (bytes.get_u8(), bytes.get_u8());
    let target_bytes = usize::from(bytes.get_u16());
    let id = bytes.get_u64();
    if kind != KIND_SEND {
        let message = format!("binary kind {kind} is unknown; a send has kind {KIND_SEND}");
        return Err(Malformed {
            code: ErrorCode::UnknownType,
            message,
            id: None,
        });
    }
    if id > REQUEST_ID_MAX {
        return Err(Malformed::new("the request id is over 9007199254740991"));
    }
    if flags != 0 {
        return Err(Malformed::new("the flags of a send are 0").with_id(id));
    }
    if target_bytes > bytes.len() {
        return Err(Malformed::new("the message ends within its target").with_id(id));
    }
    let target = bytes.split_to(target_bytes);
    let to = std::str::from_utf8(&target)
        .map_err(|_| Malformed::new("the target is not text").with_id(id))?
        .to_owned();
    Ok(SendRequest {
        id,
        to,
        frame: Frame::binary(bytes),
        deadline: None,
    })
}

fn put_header(bytes: &mut BytesMut, kind: u8, number: u64, target_bytes: u16) {
    bytes.put_u8(kind);
    bytes.put_u8(0);
    bytes.put_u16(target_bytes);
    bytes.put_u64(number);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_comes_back_as_it_was() {
        let request = decode_send(encode_send(7, "~AQIDBAUGBwgJCgsMDQ4PEA", b"\x00\xff")).unwrap();

        assert_eq!(
            (request.id, request.to.as_str()),
            (7, "~AQIDBAUGBwgJCgsMDQ4PEA")
        );
        assert_eq!(request.frame, Frame::binary(&b"\x00\xff"[..]));
    }

    #[test]
    fn a_message_comes_back_as_it_was() {
        let bytes = encode_message(3, b"hello");
        assert_eq!(
            decode_message(bytes),
            Some((3, Bytes::from_static(b"hello")))
        );
        assert_eq!(decode_message(Bytes::from_static(b"short")), None);
    }

    #[test]
    fn every_truncation_of_a_send_is_refused_or_has_a_shorter_payload() {
        let whole = encode_send(7, "~AQIDBAUGBwgJCgsMDQ4PEA", b"payload");
        for length in 0..whole.len() {
            let decoded = decode_send(whole.slice(..length));
            assert_eq!(
                decoded.is_ok(),
                length >= HEADER_BYTES + 23,
                "{length} bytes"
            );
        }
    }

    #[test]
    fn wrong_headers_are_refused_with_the_id_where_it_is_known() {
        let mut bytes = encode_send(7, "", b"").to_vec();
        bytes[1] = 1;
        assert_eq!(decode_send(bytes.clone().into()).unwrap_err().id, Some(7));
        bytes[0] = 9;
        assert_eq!(
            decode_send(bytes.clone().into()).unwrap_err().code,
            ErrorCode::UnknownType
        );
        let too_large = encode_send(REQUEST_ID_MAX + 1, "", b"");
        assert_eq!(
            decode_send(too_large).unwrap_err().code,
            ErrorCode::Malformed
        );
    }
}
