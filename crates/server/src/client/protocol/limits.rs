//! How large a WebSocket message may be for the payload in it.

use super::binary::HEADER_BYTES;

/// Bytes that a message may have beside its payload: the longest target with each of its 256 bytes
/// escaped, the other fields, and blanks between them.
pub const ENVELOPE_BYTES_MAX: usize = 4 * 1024;

/// Bytes that JSON has at most for one byte of a text: `\u0007` for a control character.
const ESCAPED_BYTES_MAX: usize = 6;

const _: () = {
    assert!(ENVELOPE_BYTES_MAX >= 2 * 256 * ESCAPED_BYTES_MAX);
    assert!(ENVELOPE_BYTES_MAX >= HEADER_BYTES + 256);
};

/// Bytes of the largest WebSocket message of a client whose payload may have so many.
///
/// Twice as many, so that quotes, backslashes and ends of lines in a text, which need two bytes each,
/// do not make it too large; not six times as many, because a message that comes is held in memory.
pub const fn from_client_bytes_max(payload_bytes_max: usize) -> usize {
    2 * payload_bytes_max + ENVELOPE_BYTES_MAX
}

/// Bytes of the largest WebSocket message that a node makes of a payload of so many.
pub const fn to_client_bytes_max(payload_bytes_max: usize) -> usize {
    ESCAPED_BYTES_MAX * payload_bytes_max + ENVELOPE_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use raftwire_protocol::Frame;

    use super::*;
    use crate::client::protocol::{FromClient, MessageEnvelope, REQUEST_ID_MAX};

    #[test]
    fn what_a_node_says_is_within_its_limit() {
        let worst = "\u{7}".repeat(1000);
        for frame in [Frame::text(worst), Frame::binary(vec![7; 1000])] {
            let envelope = MessageEnvelope::new(u64::MAX, &frame);
            let said = envelope.head().len() + envelope.rest().len();
            assert!(said <= to_client_bytes_max(1000), "{said} bytes");
        }
    }

    #[test]
    fn the_longest_envelope_leaves_a_client_all_of_its_payload() {
        let escaped =
            |text: &str| -> String { text.bytes().map(|byte| format!("\\u{byte:04x}")).collect() };
        let (group, text) = (escaped(&"g".repeat(256)), r"\n".repeat(1000));
        let send = format!(
            r#"{{"type":"send","id":{REQUEST_ID_MAX},"group":"{group}","text":"{text}","deadline_ms":600000}}"#
        );
        assert!(send.len() <= from_client_bytes_max(1000), "{}", send.len());
        let Ok(FromClient::Send(request)) = FromClient::decode(&Frame::text(send)) else {
            panic!("no send");
        };
        assert_eq!(request.frame.payload(), &Bytes::from(vec![b'\n'; 1000]));
    }
}
