use bytes::Bytes;

use crate::decoder::kind;
use crate::head_reader::HeadReader;
use crate::header::{Header, Opcode, Reader};
use crate::{CONTROL_BYTES_MAX, CloseReason, Event, MessageKind, ProtocolError, Role};

/// Reads what a server sends, and leaves the payloads where they lie: nothing is copied or allocated
/// for a message, however large it is.
///
/// It is as strict as [`Decoder`](crate::Decoder) about frames, and does not check whether text is
/// UTF-8: whoever needs text has the pieces.
///
/// # Examples
///
/// ```
/// use raftwire_websocket::{MessageKind, Piece, PieceReader};
///
/// let mut reader = PieceReader::default();
/// let mut input: &[u8] = b"\x81\x05hel";
/// let piece = Piece { kind: MessageKind::Text, before: 0, bytes: b"hel", is_last: false };
/// assert_eq!(reader.read(&mut input), Ok(Some(Ok(piece))));
/// assert_eq!(reader.read(&mut input), Ok(None));
/// let mut input: &[u8] = b"lo";
/// let piece = Piece { kind: MessageKind::Text, before: 3, bytes: b"lo", is_last: true };
/// assert_eq!(reader.read(&mut input), Ok(Some(Ok(piece))));
/// ```
#[derive(Debug, Default)]
pub struct PieceReader {
    head: HeadReader,
    is_closed: bool,
    /// The frame whose payload is coming, and how many bytes of it are missing.
    frame: Option<(Header, u64)>,
    /// The message whose end is to come, and how many bytes of it have been.
    message: Option<(MessageKind, u64)>,
    /// The payload of a control frame that has come in part.
    control: Vec<u8>,
}

/// It offers no extension.
const READER: Reader = Reader {
    role: Role::Client,
    may_be_deflated: false,
};

/// A piece of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// What the message is.
    pub kind: MessageKind,
    /// How many bytes of the message were before.
    pub before: u64,
    /// The bytes, in the input.
    pub bytes: &'a [u8],
    /// Whether the message ends with them.
    pub is_last: bool,
}

impl PieceReader {
    /// The next piece, or an event that is no message ([`Event::Message`] does not come); `None` when all of
    /// the input is taken. After a close the rest is ignored (RFC 6455 §5.5.1).
    ///
    /// # Errors
    /// See [`ProtocolError`]. The connection cannot go on; a later call may say anything.
    pub fn read<'a>(
        &mut self,
        input: &mut &'a [u8],
    ) -> Result<Option<Result<Piece<'a>, Event>>, ProtocolError> {
        loop {
            if self.is_closed {
                *input = &[];
                return Ok(None);
            }
            let (header, missing) = match self.frame.take() {
                Some(frame) => frame,
                None => match self.head.read(input, READER)? {
                    Some(header) => {
                        self.begin(&header)?;
                        (header, header.len)
                    }
                    None => return Ok(None),
                },
            };
            let len =
                usize::try_from(missing).map_or(input.len(), |missing| missing.min(input.len()));
            let (bytes, rest) = input.split_at(len);
            *input = rest;
            let missing = missing - len as u64;
            if missing > 0 {
                self.frame = Some((header, missing));
            }
            if header.opcode.is_control() {
                self.control.extend_from_slice(bytes);
                if missing > 0 {
                    return Ok(None);
                }
                return Ok(Some(Err(self.take_control(header.opcode)?)));
            }
            let (kind, before) = self.message.ok_or(ProtocolError::Fragment)?;
            let is_last = header.is_final && missing == 0;
            self.message = (!is_last).then_some((kind, before + len as u64));
            // Of a frame whose head alone has come there is nothing to tell yet.
            if len > 0 || is_last {
                return Ok(Some(Ok(Piece {
                    kind,
                    before,
                    bytes,
                    is_last,
                })));
            }
            if missing > 0 {
                return Ok(None);
            }
        }
    }

    /// Begins a message with the frame, or goes on with one.
    fn begin(&mut self, header: &Header) -> Result<(), ProtocolError> {
        if header.opcode.is_control() {
            return Ok(());
        }
        match (self.message, kind(header.opcode)) {
            (Some(_), None) => Ok(()),
            (None, Some(kind)) => {
                self.message = Some((kind, 0));
                Ok(())
            }
            (Some(_), Some(_)) | (None, None) => Err(ProtocolError::Fragment),
        }
    }

    fn take_control(&mut self, opcode: Opcode) -> Result<Event, ProtocolError> {
        debug_assert!(self.control.len() <= CONTROL_BYTES_MAX);
        let payload = std::mem::take(&mut self.control);
        Ok(match opcode {
            Opcode::Close => {
                self.is_closed = true;
                Event::Close(CloseReason::from_payload(&payload)?)
            }
            Opcode::Ping => Event::Ping(Bytes::from(payload)),
            _ => Event::Pong(Bytes::from(payload)),
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proptest::prelude::*;

    use super::*;
    use crate::{Decoder, Encoder, Message};

    /// What the pieces are when they are put together.
    fn read(reader: &mut PieceReader, mut input: &[u8], found: &mut Vec<Event>) {
        let mut payload = BytesMut::new();
        read_into(reader, &mut input, &mut payload, found);
    }

    fn read_into(
        reader: &mut PieceReader,
        input: &mut &[u8],
        payload: &mut BytesMut,
        found: &mut Vec<Event>,
    ) {
        while let Some(read) = reader.read(input).unwrap() {
            match read {
                Ok(piece) => {
                    assert_eq!(piece.before, payload.len() as u64);
                    payload.extend_from_slice(piece.bytes);
                    if piece.is_last {
                        let payload = payload.split().freeze();
                        let kind = piece.kind;
                        found.push(Event::Message(Message { kind, payload }));
                    }
                }
                Err(event) => found.push(event),
            }
        }
        assert!(input.is_empty());
    }

    proptest! {
        #[test]
        fn however_the_bytes_come_the_pieces_are_what_the_decoder_reads(
            sizes in proptest::collection::vec(0_usize..400, 1..8),
            cut in 1_usize..64,
        ) {
            let mut encoder = Encoder::server();
            let mut wire = BytesMut::new();
            for size in &sizes {
                encoder.message(MessageKind::Binary, &vec![*size as u8; *size], &mut wire);
                encoder.ping(b"?", &mut wire);
            }
            // A message in two frames, with a ping between them.
            wire.extend_from_slice(b"\x01\x03Hel\x89\x00\x80\x02lo");
            let mut expected = Vec::new();
            let mut decoder = Decoder::new(Role::Client, 1_000);
            let mut input = &wire[..];
            while let Some(event) = decoder.decode(&mut input).unwrap() {
                expected.push(event);
            }

            let (mut reader, mut payload) = (PieceReader::default(), BytesMut::new());
            let mut found = Vec::new();
            for mut bytes in wire.chunks(cut) {
                read_into(&mut reader, &mut bytes, &mut payload, &mut found);
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_frame_out_of_turn_is_refused() {
        let refused = |mut input: &[u8]| {
            let mut reader = PieceReader::default();
            loop {
                if let Err(error) = reader.read(&mut input) {
                    return error;
                }
            }
        };
        assert_eq!(refused(b"\x80\x02lo"), ProtocolError::Fragment);
        assert_eq!(refused(b"\x01\x01H\x81\x01i"), ProtocolError::Fragment);
        assert_eq!(refused(b"\x01\x81H"), ProtocolError::Mask);
    }

    #[test]
    fn nothing_is_read_after_a_close() {
        let mut found = Vec::new();
        read(&mut PieceReader::default(), b"\x88\x00\xff\xff", &mut found);
        assert_eq!(found, [Event::Close(None)]);
    }
}
