use bytes::{Bytes, BytesMut};

use crate::deflate::deflated_bytes_max;
use crate::head_reader::HeadReader;
use crate::header::{Header, Opcode, Reader};
use crate::utf8::Utf8;
use crate::{CloseReason, Event, Inflater, Message, MessageKind, ProtocolError, Role, mask};

/// Reads frames and puts messages together.
///
/// It is given whatever bytes have come, in order, and keeps only what it cannot use yet: a part of a
/// head inline, a part of a message in memory that goes with the message. A message that is there
/// as a whole is copied once.
///
/// # Examples
///
/// ```
/// use raftwire_websocket::{Decoder, Event, Role};
///
/// let mut decoder = Decoder::new(Role::Client, 1024);
/// let mut input: &[u8] = b"\x81\x05hello\x89\x00";
/// let Ok(Some(Event::Message(message))) = decoder.decode(&mut input) else {
///     panic!("a text message")
/// };
/// assert_eq!(message.payload, "hello");
/// assert!(matches!(decoder.decode(&mut input), Ok(Some(Event::Ping(_)))));
/// assert_eq!(decoder.decode(&mut input), Ok(None));
/// ```
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    message_bytes_max: usize,
    head: HeadReader,
    is_closed: bool,
    /// The frame whose payload is coming.
    frame: Option<Frame>,
    /// In a box: an idle connection has none.
    partial: Option<Box<Partial>>,
    /// The payload of a control frame that has come in part.
    control: Vec<u8>,
}

/// A frame whose head is read.
#[derive(Clone, Copy, Debug)]
struct Frame {
    header: Header,
    /// Bytes of its payload that have come.
    taken: u64,
}

/// A message whose end is to come.
#[derive(Debug)]
struct Partial {
    kind: MessageKind,
    is_deflated: bool,
    /// What has come of it, as it came.
    payload: BytesMut,
    utf8: Utf8,
}

impl Decoder {
    /// For this end of a connection on which messages have at most so many bytes.
    pub fn new(role: Role, message_bytes_max: usize) -> Decoder {
        Decoder {
            role,
            message_bytes_max,
            head: HeadReader::default(),
            is_closed: false,
            frame: None,
            partial: None,
            control: Vec::new(),
        }
    }

    /// The next event, with what it needed of the input taken from its front; `None` when all of the
    /// input is taken and more is needed. After a close the rest is ignored (§5.5.1).
    ///
    /// # Errors
    /// See [`ProtocolError`]. The connection cannot go on; a later call may say anything.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Event>, ProtocolError> {
        self.decode_next(input, None)
    }

    /// The same where it was agreed on that messages may be compressed: those that are come inflated. What is
    /// kept between calls does not depend on the inflater.
    ///
    /// # Errors
    /// See [`ProtocolError`], as in [`decode`](Self::decode).
    pub fn decode_inflating(
        &mut self,
        input: &mut &[u8],
        inflater: &mut Inflater,
    ) -> Result<Option<Event>, ProtocolError> {
        self.decode_next(input, Some(inflater))
    }

    fn decode_next(
        &mut self,
        input: &mut &[u8],
        mut inflater: Option<&mut Inflater>,
    ) -> Result<Option<Event>, ProtocolError> {
        let reader = Reader {
            role: self.role,
            may_be_deflated: inflater.is_some(),
        };
        loop {
            if self.is_closed {
                *input = &[];
                return Ok(None);
            }
            let frame = match self.frame.take() {
                Some(frame) => frame,
                None => {
                    let Some(header) = self.head.read(input, reader)? else {
                        return Ok(None);
                    };
                    self.check_turn(&header)?;
                    if let Some(message) = whole_message(&header, input)? {
                        return Ok(Some(Event::Message(message)));
                    }
                    Frame { header, taken: 0 }
                }
            };
            let event = if frame.header.opcode.is_control() {
                self.take_control(frame, input)?
            } else {
                self.take_data(frame, input, inflater.as_deref_mut())?
            };
            if event.is_some() || self.frame.is_some() {
                return Ok(event);
            }
        }
    }

    /// Whether nothing has begun that has not ended.
    pub fn is_between_messages(&self) -> bool {
        self.head.is_empty() && self.frame.is_none() && self.partial.is_none()
    }

    /// Whether the frame may come now, and its message be so long.
    fn check_turn(&self, header: &Header) -> Result<(), ProtocolError> {
        if header.opcode.is_control() {
            return Ok(());
        }
        let is_rest = header.opcode == Opcode::Continuation;
        if is_rest != self.partial.is_some() {
            return Err(ProtocolError::Fragment);
        }
        let (before, is_deflated) = match &self.partial {
            Some(partial) => (partial.payload.len(), partial.is_deflated),
            None => (0, header.is_deflated),
        };
        let max = if is_deflated {
            deflated_bytes_max(self.message_bytes_max)
        } else {
            self.message_bytes_max
        };
        if header.len > (max - before) as u64 {
            return Err(ProtocolError::TooLarge {
                max: self.message_bytes_max,
            });
        }
        Ok(())
    }

    fn take_data(
        &mut self,
        mut frame: Frame,
        input: &mut &[u8],
        inflater: Option<&mut Inflater>,
    ) -> Result<Option<Event>, ProtocolError> {
        let begun = self.partial.take();
        let mut partial = begun.unwrap_or_else(|| {
            Box::new(Partial {
                kind: kind(frame.header.opcode).unwrap_or(MessageKind::Binary),
                is_deflated: frame.header.is_deflated,
                payload: BytesMut::new(),
                utf8: Utf8::default(),
            })
        });
        let before = partial.payload.len();
        let piece = frame.take(input);
        partial.payload.extend_from_slice(piece);
        let added = &mut partial.payload[before..];
        frame.unmask_last(added);
        let is_text = partial.kind == MessageKind::Text && !partial.is_deflated;
        if is_text && partial.utf8.take(added).is_err() {
            return Err(ProtocolError::NotUtf8);
        }
        if frame.is_whole() && frame.header.is_final {
            let message = partial.into_message(inflater, self.message_bytes_max)?;
            return Ok(Some(Event::Message(message)));
        }
        self.partial = Some(partial);
        if !frame.is_whole() {
            self.frame = Some(frame);
        }
        Ok(None)
    }

    fn take_control(
        &mut self,
        mut frame: Frame,
        input: &mut &[u8],
    ) -> Result<Option<Event>, ProtocolError> {
        let before = self.control.len();
        let piece = frame.take(input);
        self.control.extend_from_slice(piece);
        frame.unmask_last(&mut self.control[before..]);
        if !frame.is_whole() {
            self.frame = Some(frame);
            return Ok(None);
        }
        let payload = std::mem::take(&mut self.control);
        Ok(Some(match frame.header.opcode {
            Opcode::Close => {
                self.is_closed = true;
                Event::Close(CloseReason::from_payload(&payload)?)
            }
            Opcode::Ping => Event::Ping(Bytes::from(payload)),
            _ => Event::Pong(Bytes::from(payload)),
        }))
    }
}

impl Partial {
    /// All of it has come.
    fn into_message(
        self,
        inflater: Option<&mut Inflater>,
        bytes_max: usize,
    ) -> Result<Message, ProtocolError> {
        let kind = self.kind;
        let payload = match (self.is_deflated, inflater) {
            (true, Some(inflater)) => inflater.inflate(kind, &self.payload, bytes_max)?,
            (true, None) => return Err(ProtocolError::ReservedBit),
            (false, _) if !self.utf8.is_whole() => return Err(ProtocolError::NotUtf8),
            (false, _) => self.payload.freeze(),
        };
        Ok(Message { kind, payload })
    }
}

impl Frame {
    /// Takes what there is of the payload from the front of the input.
    fn take<'a>(&mut self, input: &mut &'a [u8]) -> &'a [u8] {
        let missing = self.header.len - self.taken;
        let len = usize::try_from(missing).map_or(input.len(), |missing| missing.min(input.len()));
        let (piece, rest) = input.split_at(len);
        *input = rest;
        self.taken += piece.len() as u64;
        piece
    }

    /// Takes the mask off the piece that was taken last.
    fn unmask_last(&self, piece: &mut [u8]) {
        if let Some(mask) = self.header.mask {
            let offset = (self.taken - piece.len() as u64) % 4;
            mask::apply(mask, offset as usize, piece);
        }
    }

    fn is_whole(&self) -> bool {
        self.taken == self.header.len
    }
}

/// The message, if it is a single frame that has come as a whole.
fn whole_message(header: &Header, input: &mut &[u8]) -> Result<Option<Message>, ProtocolError> {
    let Some(kind) = kind(header.opcode) else {
        return Ok(None);
    };
    if !header.is_final || header.is_deflated || header.len > input.len() as u64 {
        return Ok(None);
    }
    let (payload, rest) = input.split_at(header.len as usize);
    let mut payload = BytesMut::from(payload);
    if let Some(mask) = header.mask {
        mask::apply(mask, 0, &mut payload);
    }
    if kind == MessageKind::Text && std::str::from_utf8(&payload).is_err() {
        return Err(ProtocolError::NotUtf8);
    }
    *input = rest;
    Ok(Some(Message {
        kind,
        payload: payload.freeze(),
    }))
}

/// What message a frame with this opcode begins.
pub(crate) fn kind(opcode: Opcode) -> Option<MessageKind> {
    match opcode {
        Opcode::Text => Some(MessageKind::Text),
        Opcode::Binary => Some(MessageKind::Binary),
        Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that the input says, and what is wrong with the rest.
    fn decode(role: Role, mut input: &[u8]) -> (Vec<Event>, Option<ProtocolError>) {
        let mut decoder = Decoder::new(role, 100);
        let mut events = Vec::new();
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => return (events, None),
                Err(error) => return (events, Some(error)),
            }
        }
    }

    fn text(payload: &'static str) -> Event {
        Event::Message(Message {
            kind: MessageKind::Text,
            payload: Bytes::from_static(payload.as_bytes()),
        })
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // RFC 6455 §5.7.
        let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(decode(Role::Server, masked), (vec![text("Hello")], None));
        let fragments = b"\x01\x03Hel\x80\x02lo";
        assert_eq!(decode(Role::Client, fragments), (vec![text("Hello")], None));
    }

    #[test]
    fn a_ping_may_come_within_a_message() {
        let input = b"\x01\x03Hel\x89\x01?\x80\x02lo";
        let ping = Event::Ping(Bytes::from_static(b"?"));
        assert_eq!(
            decode(Role::Client, input),
            (vec![ping, text("Hello")], None)
        );
    }

    #[test]
    fn a_frame_out_of_turn_is_refused() {
        let (events, error) = decode(Role::Client, b"\x80\x02lo");
        assert_eq!((events.len(), error), (0, Some(ProtocolError::Fragment)));
        let (_, error) = decode(Role::Client, b"\x01\x01H\x81\x01i");
        assert_eq!(error, Some(ProtocolError::Fragment));
    }

    #[test]
    fn a_message_over_the_limit_is_refused_by_its_head() {
        let too_large = Some(ProtocolError::TooLarge { max: 100 });
        assert_eq!(decode(Role::Client, &[0x82, 101]).1, too_large);
        let (mut halves, half) = (vec![0x02, 60], [0; 60]);
        halves.extend(half);
        halves.extend([0x80, 41]);
        assert_eq!(decode(Role::Client, &halves).1, too_large);
    }

    #[test]
    fn wrong_text_is_refused_with_its_first_wrong_byte() {
        let (_, error) = decode(Role::Client, b"\x81\x20\xc3\x28");
        assert_eq!(error, Some(ProtocolError::NotUtf8), "29 bytes are to come");
        let (_, error) = decode(Role::Client, b"\x81\x01\xc3");
        assert_eq!(error, Some(ProtocolError::NotUtf8));
    }

    #[test]
    fn nothing_is_read_after_a_close() {
        let (events, error) = decode(Role::Client, b"\x88\x02\x03\xe8\xff\xff\xff");
        let reason = CloseReason {
            code: 1000,
            text: String::new(),
        };
        assert_eq!((events, error), (vec![Event::Close(Some(reason))], None));
    }
}
