use std::fmt;

use bytes::{Bytes, BytesMut};
use zlib_rs::{Inflate, InflateFlush, Status};

use super::{TAIL, WINDOW_BITS};
use crate::utf8::Utf8;
use crate::{MessageKind, ProtocolError};

/// Bytes inflated at once, before they are counted: what a message may exceed its limit by.
const CHUNK_BYTES: usize = 16 * 1024;
/// An empty last block: it ends the stream wherever a block may begin, and nowhere else.
const END: [u8; 5] = [0x01, 0x00, 0x00, 0xff, 0xff];

/// Inflates payloads, each by itself. About 64 KiB: one for a thread.
pub struct Inflater {
    state: Inflate,
    chunk: Box<[u8]>,
}

impl Default for Inflater {
    fn default() -> Inflater {
        Inflater {
            state: Inflate::new(false, WINDOW_BITS),
            chunk: vec![0; CHUNK_BYTES].into_boxed_slice(),
        }
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inflater").finish_non_exhaustive()
    }
}

/// The most bytes of a compressed message that has at most `message_bytes_max` when it is inflated. What does not
/// become shorter becomes a little longer, by five bytes a block, and blocks may be small.
pub(crate) fn deflated_bytes_max(message_bytes_max: usize) -> usize {
    message_bytes_max.saturating_add(message_bytes_max / 8 + 64)
}

/// A message while it is inflated.
struct Message {
    kind: MessageKind,
    payload: BytesMut,
    utf8: Utf8,
    bytes_max: usize,
}

impl Message {
    fn take(&mut self, piece: &[u8]) -> Result<(), ProtocolError> {
        if piece.len() > self.bytes_max - self.payload.len() {
            return Err(ProtocolError::TooLarge {
                max: self.bytes_max,
            });
        }
        if self.kind == MessageKind::Text && self.utf8.take(piece).is_err() {
            return Err(ProtocolError::NotUtf8);
        }
        self.payload.extend_from_slice(piece);
        Ok(())
    }
}

impl Inflater {
    /// The payload of a whole message, at most `bytes_max` bytes, and UTF-8 if it is text. However much it
    /// would be, no more than that is ever held.
    pub(crate) fn inflate(
        &mut self,
        kind: MessageKind,
        deflated: &[u8],
        bytes_max: usize,
    ) -> Result<Bytes, ProtocolError> {
        let mut message = Message {
            kind,
            payload: BytesMut::new(),
            utf8: Utf8::default(),
            bytes_max,
        };
        self.state.reset(false);
        let mut is_ended = false;
        for piece in [deflated, &TAIL, &END] {
            is_ended = self.inflate_piece(piece, &mut message)?;
        }
        if !is_ended {
            return Err(ProtocolError::Deflate);
        }
        if !message.utf8.is_whole() {
            return Err(ProtocolError::NotUtf8);
        }
        Ok(message.payload.freeze())
    }

    /// Inflates a piece of a message to its end, and says whether that ends a stream.
    fn inflate_piece(
        &mut self,
        mut piece: &[u8],
        message: &mut Message,
    ) -> Result<bool, ProtocolError> {
        loop {
            let (read, written) = (self.state.total_in(), self.state.total_out());
            let inflated = (self.state).decompress(piece, &mut self.chunk, InflateFlush::SyncFlush);
            let status = inflated.map_err(|_| ProtocolError::Deflate)?;
            let read = (self.state.total_in() - read) as usize;
            let written = (self.state.total_out() - written) as usize;
            piece = &piece[read..];
            message.take(&self.chunk[..written])?;
            match status {
                // A sender may end a stream within a message (§7.2.3.4); another one follows.
                Status::StreamEnd => {
                    self.state.reset(false);
                    if piece.is_empty() {
                        return Ok(true);
                    }
                }
                Status::Ok | Status::BufError => {
                    if written < self.chunk.len() {
                        return if piece.is_empty() {
                            Ok(false)
                        } else {
                            Err(ProtocolError::Deflate)
                        };
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflate(deflated: &[u8]) -> Result<Bytes, ProtocolError> {
        Inflater::default().inflate(MessageKind::Text, deflated, 1000)
    }

    #[test]
    fn the_examples_of_the_rfc_are_inflated() {
        let hello = Ok(Bytes::from_static(b"Hello"));
        // RFC 7692 §7.2.3.1: one block. §7.2.3.3: one that is stored as it is. §7.2.3.4: one that says
        // it is the last. §7.2.3.5: two.
        for deflated in [
            &b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..],
            b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
            b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
            b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
        ] {
            assert_eq!(inflate(deflated), hello, "{deflated:x?}");
        }
        // §7.2.3.6: nothing.
        assert_eq!(inflate(b"\x00"), Ok(Bytes::new()));
    }

    #[test]
    fn nothing_of_one_message_can_be_pointed_back_to_by_another() {
        // §7.2.3.2: the second "Hello" of a sender that takes its context over.
        let mut inflater = Inflater::default();
        let mut inflate = |deflated| inflater.inflate(MessageKind::Text, deflated, 1000);
        inflate(b"\xf2\x48\xcd\xc9\xc9\x07\x00").unwrap();
        let second = inflate(b"\xf2\x00\x11\x00\x00");
        assert_eq!(second, Err(ProtocolError::Deflate));
    }

    #[test]
    fn what_is_broken_or_cut_off_is_refused() {
        let whole = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        for len in 0..whole.len() {
            assert!(inflate(&whole[..len]).is_err(), "{len} bytes");
        }
        assert_eq!(inflate(b"\xff\xff\xff"), Err(ProtocolError::Deflate));
        assert_eq!(inflate(b"not deflate"), Err(ProtocolError::Deflate));
    }

    #[test]
    fn text_is_checked_when_it_is_inflated() {
        // "\xc3\x28", and the first half of a character, stored.
        let wrong = b"\x00\x02\x00\xfd\xff\xc3\x28\x00";
        assert_eq!(inflate(wrong), Err(ProtocolError::NotUtf8));
        let half = b"\x00\x01\x00\xfe\xff\xc3\x00";
        assert_eq!(inflate(half), Err(ProtocolError::NotUtf8));
        let bytes = Inflater::default().inflate(MessageKind::Binary, wrong, 2);
        assert_eq!(bytes.unwrap(), &b"\xc3\x28"[..]);
    }
}
