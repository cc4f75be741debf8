use bytes::{Bytes, BytesMut};

use crate::encoder::deflated_head;
use crate::{HeaderBytes, MessageKind};

/// The most bytes of a block that is stored as it is (RFC 1951 §3.2.4).
const STORED_BYTES_MAX: usize = u16::MAX as usize;

/// A payload, or the end of one, compressed: the same for every recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deflated {
    body: Bytes,
}

impl Deflated {
    /// From the bytes that [`into_body`](Self::into_body) gave.
    pub fn from_body(body: Bytes) -> Deflated {
        Deflated { body }
    }

    /// What follows the head.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The bytes, to be kept.
    pub fn into_body(self) -> Bytes {
        self.body
    }

    /// Appends what stands before [`body`](Self::body) in a server's message whose payload is
    /// `beginning` and then what was compressed.
    ///
    /// The beginning differs among the recipients, so it is no part of what was compressed: it is a
    /// block of its own before that, stored as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use raftwire_websocket::{Decoder, Deflater, Event, Inflater, MessageKind, Role};
    ///
    /// let deflated = Deflater::default().deflate(&[b'a'; 300]).expect("it becomes shorter");
    /// let mut out = BytesMut::new();
    /// deflated.head(MessageKind::Text, b"7:", &mut out);
    /// out.extend_from_slice(deflated.body());
    ///
    /// let mut decoder = Decoder::new(Role::Client, 1024);
    /// let event = decoder.decode_inflating(&mut &out[..], &mut Inflater::default());
    /// let Ok(Some(Event::Message(message))) = event else { panic!("a message") };
    /// assert_eq!(message.payload, format!("7:{}", "a".repeat(300)));
    /// ```
    pub fn head(&self, kind: MessageKind, beginning: &[u8], out: &mut BytesMut) {
        let blocks = beginning.chunks(STORED_BYTES_MAX);
        // One byte says that it is stored and not the last, then come its length and the complement.
        let beginning_len = beginning.len() + 5 * blocks.len();
        let head: HeaderBytes = deflated_head(kind, beginning_len + self.body.len());
        let head = head.as_ref();
        out.reserve(head.len() + beginning_len);
        out.extend_from_slice(head);
        for block in blocks {
            let len = block.len() as u16;
            out.extend_from_slice(&[0]);
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(&(!len).to_le_bytes());
            out.extend_from_slice(block);
        }
    }
}
