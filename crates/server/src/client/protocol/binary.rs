//! The header of binary messages, the same in both directions.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | kind: from the client, 1 = send to a connection, 3 = to a user, 4 = to a group; to the client, 2 = message, 5 = delivered |
//! | 1 | 1 | flags: 1 in a send to a connection that is answered by a 5 if it was delivered, else 0 |
//! | 2 | 2 | length of the target, in bytes; 0 in what goes to the client |
//! | 4 | 8 | send and delivered: the request id; message: the sequence number |
//! | 12 | length | the target: a connection's id or name, a user, or a group, as text |
//! | 12 + length | the rest | the payload |
//!
//! Numbers are big-endian.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use raftwire_protocol::Frame;

use super::{ErrorCode, Malformed, REQUEST_ID_MAX, SendRequest, Target, TargetKind};

/// Bytes before the target.
pub const HEADER_BYTES: usize = 12;
/// The kind of a client's send to a connection.
pub const KIND_SEND: u8 = 1;
/// The kind of a message to a client.
pub const KIND_MESSAGE: u8 = 2;
/// The kind of a client's send to a user.
pub const KIND_SEND_TO_USER: u8 = 3;
/// The kind of a client's send to a group.
pub const KIND_SEND_TO_GROUP: u8 = 4;

/// The kind of the brief answer to a send that was delivered.
pub const KIND_DELIVERED: u8 = 5;
/// The flag of a send to a connection whose client takes the brief answer.
pub const FLAG_BRIEF: u8 = 1;

/// The brief answer to the send with this number.
pub fn encode_delivered(id: u64) -> [u8; HEADER_BYTES] {
    to_client(KIND_DELIVERED, id)
}

/// What stands before the payload of a message to a client.
pub fn message_header(sequence: u64) -> [u8; HEADER_BYTES] {
    to_client(KIND_MESSAGE, sequence)
}

fn to_client(kind: u8, number: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[0] = kind;
    header[4..].copy_from_slice(&number.to_be_bytes());
    header
}

/// Writes a message to a client.
pub fn encode_message(sequence: u64, payload: &[u8]) -> Bytes {
    [&message_header(sequence), payload].concat().into()
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

/// Writes a client's send of this kind. A target longer than any id is cut off, and refused by the
/// node.
pub fn encode_send(kind: u8, id: u64, to: &str, payload: &[u8]) -> Bytes {
    let target = &to.as_bytes()[..to.len().min(usize::from(u16::MAX))];
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES + target.len() + payload.len());
    put_header(&mut bytes, kind, id, target.len() as u16);
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
    let target_kind = match kind {
        KIND_SEND => TargetKind::Connection,
        KIND_SEND_TO_USER => TargetKind::User,
        KIND_SEND_TO_GROUP => TargetKind::Group,
        _ => {
            let message = format!(
                "binary kind {kind} is unknown; a send has kind {KIND_SEND}, {KIND_SEND_TO_USER} or \
                 {KIND_SEND_TO_GROUP}"
            );
            return Err(Malformed {
                code: ErrorCode::UnknownType,
                message,
                id: None,
            });
        }
    };
    if id > REQUEST_ID_MAX {
        return Err(Malformed::new("the request id is over 9007199254740991"));
    }
    let is_brief = match (target_kind, flags) {
        (_, 0) => false,
        (TargetKind::Connection, FLAG_BRIEF) => true,
        _ => {
            let message =
                "the flags of a send are 0, or 1 in one to a connection that takes a brief answer";
            return Err(Malformed::new(message).with_id(id));
        }
    };
    if target_bytes > bytes.len() {
        return Err(Malformed::new("the message ends within its target").with_id(id));
    }
    let target = bytes.split_to(target_bytes);
    let to = std::str::from_utf8(&target)
        .map_err(|_| Malformed::new("the target is not text").with_id(id))?;
    let to = Target::parse(target_kind, to).map_err(|wrong| wrong.with_id(id))?;
    Ok(SendRequest {
        id,
        to,
        frame: Frame::binary(bytes),
        deadline: None,
        is_brief,
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
    use raftwire::Audience;

    use super::*;

    #[test]
    fn a_send_comes_back_as_it_was() {
        let decode = |kind, to| decode_send(encode_send(kind, 7, to, b"\x00\xff")).unwrap();
        let id = "~AQIDBAUGBwgJCgsMDQ4PEA";

        let request = decode(KIND_SEND, id);

        assert_eq!((request.id, request.is_brief), (7, false));
        let mut brief = encode_send(KIND_SEND, 7, id, b"").to_vec();
        brief[1] = FLAG_BRIEF;
        assert!(decode_send(brief.into()).unwrap().is_brief);
        assert_eq!(request.to, Target::Connection(id.parse().unwrap()));
        assert_eq!(request.frame, Frame::binary(&b"\x00\xff"[..]));
        let user = decode(KIND_SEND_TO_USER, "alice").to;
        assert_eq!(user, Target::Many(Audience::User("alice".parse().unwrap())));
        let group = decode(KIND_SEND_TO_GROUP, "news").to;
        let news = Audience::Group("news".parse().unwrap());
        assert_eq!(group, Target::Many(news));
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
        let whole = encode_send(KIND_SEND, 7, "~AQIDBAUGBwgJCgsMDQ4PEA", b"payload");
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
        let mut bytes = encode_send(KIND_SEND, 7, "", b"").to_vec();
        bytes[1] = 2;
        assert_eq!(decode_send(bytes.clone().into()).unwrap_err().id, Some(7));
        let mut to_a_user = encode_send(KIND_SEND_TO_USER, 7, "alice", b"").to_vec();
        to_a_user[1] = FLAG_BRIEF;
        assert_eq!(decode_send(to_a_user.into()).unwrap_err().id, Some(7));
        bytes[0] = 9;
        assert_eq!(
            decode_send(bytes.clone().into()).unwrap_err().code,
            ErrorCode::UnknownType
        );
        let too_large = encode_send(KIND_SEND, REQUEST_ID_MAX + 1, "", b"");
        assert_eq!(
            decode_send(too_large).unwrap_err().code,
            ErrorCode::Malformed
        );
    }
}
