use bytes::Bytes;
use raftwire_protocol::{Frame, FrameKind};

use super::binary::{HEADER_BYTES, message_header};

/// Before the sequence number of a text.
const BEGINNING: &[u8] = br#"{"type":"message","seq":"#;
/// Between the sequence number and the text.
const MIDDLE: &[u8] = br#","text":"#;
/// The digits of the largest sequence number.
const DIGITS_MAX: usize = 20;
const HEAD_BYTES_MAX: usize = BEGINNING.len() + DIGITS_MAX + MIDDLE.len();

const _: () = assert!(HEAD_BYTES_MAX >= HEADER_BYTES);

/// A frame that was routed to a connection, as the message that its client receives: a head with the
/// connection's own sequence number, and a rest that is the same for all who receive the frame.
///
/// Of a frame for many, the rest is made once, however many it reaches, and they share it.
#[derive(Clone, Debug)]
pub struct MessageEnvelope {
    head: [u8; HEAD_BYTES_MAX],
    head_len: usize,
    rest: Bytes,
}

impl MessageEnvelope {
    /// The message with this number among those of the connection.
    pub fn new(sequence: u64, frame: &Frame) -> MessageEnvelope {
        let mut envelope = MessageEnvelope {
            head: [0; HEAD_BYTES_MAX],
            head_len: 0,
            rest: Bytes::new(),
        };
        match frame.kind() {
            FrameKind::Text => {
                envelope.rest = frame.encoded(quoted);
                envelope.append(BEGINNING);
                envelope.append_number(sequence);
                envelope.append(MIDDLE);
            }
            FrameKind::Binary => {
                envelope.rest = frame.payload().clone();
                envelope.append(&message_header(sequence));
            }
        }
        envelope
    }

    /// What differs from one recipient to the next.
    pub fn head(&self) -> &[u8] {
        &self.head[..self.head_len]
    }

    /// What follows it.
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }

    fn append(&mut self, bytes: &[u8]) {
        let end = self.head_len + bytes.len();
        self.head[self.head_len..end].copy_from_slice(bytes);
        self.head_len = end;
    }

    fn append_number(&mut self, mut number: u64) {
        let mut digits = [0; DIGITS_MAX];
        let mut first = DIGITS_MAX;
        loop {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.append(&digits[first..]);
    }
}

/// The text as JSON writes it, and the end of the object.
fn quoted(frame: &Frame) -> Bytes {
    let text = frame.as_text().unwrap_or_default();
    // Room for the marks around it, and for some that have to be escaped in it.
    let mut quoted = Vec::with_capacity(text.len() + text.len() / 16 + 8);
    // A string always has a JSON form, and memory takes it.
    drop(serde_json::to_writer(&mut quoted, text));
    quoted.push(b'}');
    quoted.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::protocol::{ToClient, binary};

    fn whole(sequence: u64, frame: &Frame) -> Bytes {
        let envelope = MessageEnvelope::new(sequence, frame);
        [envelope.head(), envelope.rest()].concat().into()
    }

    #[test]
    fn a_text_is_what_json_makes_of_it() {
        for sequence in [1, 9, 10, 305, u64::MAX] {
            for text in ["", "grüße", "\"quoted\" \\ \n \u{7}"] {
                let said = ToClient::Message {
                    seq: sequence,
                    text: text.into(),
                };
                assert_eq!(&whole(sequence, &text.into()), said.encode().payload());
            }
        }
    }

    #[test]
    fn bytes_follow_the_header_as_they_are() {
        let frame = Frame::binary(&b"\x00"[..]);
        assert_eq!(whole(2, &frame), binary::encode_message(2, b"\x00"));
        let envelope = MessageEnvelope::new(2, &frame);
        assert_eq!(envelope.rest().as_ptr(), frame.payload().as_ptr());
    }

    #[test]
    fn recipients_of_a_frame_for_many_share_its_rest() {
        let frame = Frame::from("to everyone").for_many();
        let rests = [1, 2, 30].map(|sequence| MessageEnvelope::new(sequence, &frame.clone()).rest);
        assert_eq!(rests[0], "\"to everyone\"}");
        assert!(rests.iter().all(|rest| rest.as_ptr() == rests[0].as_ptr()));
    }
}
