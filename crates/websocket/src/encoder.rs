use bytes::BytesMut;

use crate::header::{HEADER_BYTES_MAX, Header, Opcode};
use crate::{CONTROL_BYTES_MAX, MaskKeys, MessageKind, mask};

/// Makes frames, one a message.
///
/// # Examples
///
/// ```
/// use bytes::BytesMut;
/// use raftwire_websocket::{Encoder, MessageKind};
///
/// let mut out = BytesMut::new();
/// Encoder::server().message(MessageKind::Text, b"hello", &mut out);
/// assert_eq!(&out[..], b"\x81\x05hello");
/// ```
#[derive(Debug)]
pub struct Encoder {
    masks: Option<MaskKeys>,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug)]
pub struct HeaderBytes {
    bytes: [u8; HEADER_BYTES_MAX],
    len: usize,
}

impl AsRef<[u8]> for HeaderBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Encoder {
    /// A server's frames, which have no mask.
    pub fn server() -> Encoder {
        Encoder { masks: None }
    }

    /// A client's frames.
    pub fn client(masks: MaskKeys) -> Encoder {
        Encoder { masks: Some(masks) }
    }

    /// What stands before the payload of a server's message: the payload can follow from where it
    /// lies. `None` for a client, which has to change the payload.
    pub fn message_head(&self, kind: MessageKind, len: usize) -> Option<HeaderBytes> {
        self.masks
            .is_none()
            .then(|| head(opcode(kind), false, len, None))
    }

    /// Appends a message.
    pub fn message(&mut self, kind: MessageKind, payload: &[u8], out: &mut BytesMut) {
        self.frame(opcode(kind), payload, out);
    }

    /// Appends a ping; of the payload, the first [`CONTROL_BYTES_MAX`] bytes.
    pub fn ping(&mut self, payload: &[u8], out: &mut BytesMut) {
        self.frame(Opcode::Ping, control(payload), out);
    }

    /// Appends a pong; of the payload, the first [`CONTROL_BYTES_MAX`] bytes.
    pub fn pong(&mut self, payload: &[u8], out: &mut BytesMut) {
        self.frame(Opcode::Pong, control(payload), out);
    }

    /// Appends a close; of the text, as many whole characters as fit.
    pub fn close(&mut self, reason: Option<(u16, &str)>, out: &mut BytesMut) {
        let Some((code, text)) = reason else {
            return self.frame(Opcode::Close, &[], out);
        };
        let text = &text[..text.floor_char_boundary(CONTROL_BYTES_MAX - 2)];
        let mut payload = [0; CONTROL_BYTES_MAX];
        payload[..2].copy_from_slice(&code.to_be_bytes());
        payload[2..2 + text.len()].copy_from_slice(text.as_bytes());
        self.frame(Opcode::Close, &payload[..2 + text.len()], out);
    }

    fn frame(&mut self, opcode: Opcode, payload: &[u8], out: &mut BytesMut) {
        let key = self.masks.as_mut().map(MaskKeys::next);
        let head = head(opcode, false, payload.len(), key);
        out.reserve(head.len + payload.len());
        out.extend_from_slice(head.as_ref());
        let begin = out.len();
        out.extend_from_slice(payload);
        if let Some(key) = key {
            mask::apply(key, 0, &mut out[begin..]);
        }
    }
}

/// The head of a server's compressed message.
pub(crate) fn deflated_head(kind: MessageKind, len: usize) -> HeaderBytes {
    head(opcode(kind), true, len, None)
}

fn head(opcode: Opcode, is_deflated: bool, len: usize, mask: Option<[u8; 4]>) -> HeaderBytes {
    let header = Header {
        opcode,
        is_final: true,
        is_deflated,
        len: len as u64,
        mask,
    };
    let mut bytes = [0; HEADER_BYTES_MAX];
    let len = header.write(&mut bytes);
    HeaderBytes { bytes, len }
}

fn opcode(kind: MessageKind) -> Opcode {
    match kind {
        MessageKind::Text => Opcode::Text,
        MessageKind::Binary => Opcode::Binary,
    }
}

fn control(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(CONTROL_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_close_is_cut_between_characters() {
        let mut out = BytesMut::new();
        // 123 bytes fit, and the 62nd character ends with byte 124.
        Encoder::server().close(Some((4001, &"é".repeat(70))), &mut out);
        assert_eq!(&out[..4], b"\x88\x7c\x0f\xa1");
        assert_eq!(out.len(), 2 + 2 + 122);
    }

    #[test]
    fn a_head_and_a_payload_are_a_message() {
        let mut encoder = Encoder::server();
        let payload = vec![7; 300];
        let mut out = BytesMut::new();
        encoder.message(MessageKind::Binary, &payload, &mut out);
        let head = encoder.message_head(MessageKind::Binary, 300).unwrap();
        assert_eq!(out, [head.as_ref(), &payload[..]].concat());
        let client = Encoder::client(MaskKeys::new(1));
        assert!(client.message_head(MessageKind::Binary, 300).is_none());
    }
}
