//! What two libraries say to each other over a link: a short head, then the payload as it is.

use bytes::Bytes;
use raftwire_link::Head;
use raftwire_protocol::link_packet::{LINK_FAILURE_INCOMPLETE, LINK_FAILURE_TOO_LARGE};
use raftwire_protocol::{Frame, FrameKind, MintedId};

use crate::connection::{Undeliverable, Undelivered};

const DELIVER: u8 = 1;
const WRITTEN: u8 = 2;
/// In `facts_lane` and `fan_message`.
pub(super) const FACTS_STEP: u8 = 3;
pub(super) const FACTS_DIGEST: u8 = 4;
pub(super) const FACTS_PULL: u8 = 5;
pub(super) const FAN: u8 = 6;
pub(super) const FAN_ANSWER: u8 = 7;

const FLAG_BINARY: u8 = 1;
const FLAG_TELL_WRITTEN: u8 = 1 << 1;
const FLAG_EPOCH: u8 = 1 << 2;
const FLAG_IS_WRITTEN: u8 = 1;

const CONNECTION_BYTES: usize = 16;
const TOKEN_BYTES: usize = 8;
const EPOCH_BYTES: usize = 8;
/// A payload shares the memory of its packet, 64 KiB with other messages in it. A shorter one is
/// copied out, so that what waits in an outbox holds at most four times its own size.
const SHARED_PAYLOAD_BYTES_MIN: usize = 16 * 1024;
/// The longest head: kind, flags, connection, token, epoch.
const HEAD_BYTES_MAX: usize = 2 + CONNECTION_BYTES + TOKEN_BYTES + EPOCH_BYTES;

const _: () = assert!(HEAD_BYTES_MAX <= Head::INLINE_BYTES);

/// All answers of the second kind share one order: they are tiny and concern no connection's
/// own order.
pub(super) const ORDER_OF_WRITTEN: u128 = u128::MAX;
/// Changes of owned facts arrive in their order.
pub(super) const ORDER_OF_FACTS: u128 = u128::MAX - 1;
/// Fan-outs arrive in their order, whoever they are for: two may be for the same connection.
pub(super) const ORDER_OF_FANS: u128 = u128::MAX - 2;

/// Which part of the peer's task a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Connections,
    Facts,
    Fans,
    FanAnswers,
}

impl Part {
    pub(super) fn of(body: &Bytes) -> Part {
        match body.first() {
            Some(&(FACTS_STEP | FACTS_DIGEST | FACTS_PULL)) => Part::Facts,
            Some(&FAN) => Part::Fans,
            Some(&FAN_ANSWER) => Part::FanAnswers,
            _ => Part::Connections,
        }
    }
}

/// One message of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A frame for a connection of the receiver.
    Deliver {
        connection: MintedId,
        /// The registration of the name that the sender found the connection by.
        epoch: Option<u64>,
        frame: Frame,
        /// The sender wants a [`Message::Written`] with this token.
        tell_written: Option<u64>,
    },
    /// What became of a frame after it was in the outbox: written to the socket, or dropped with
    /// the connection.
    Written { token: u64, written: bool },
}

/// The bytes are no message of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed link message")]
pub(super) struct MalformedMessage;

impl Message {
    /// The head; the payload follows it unchanged.
    pub(super) fn head(&self) -> Head {
        let mut head = Head::new();
        match self {
            Message::Deliver {
                connection,
                epoch,
                frame,
                tell_written,
            } => {
                let binary = if frame.kind() == FrameKind::Binary {
                    FLAG_BINARY
                } else {
                    0
                };
                let tell = if tell_written.is_some() {
                    FLAG_TELL_WRITTEN
                } else {
                    0
                };
                let named = if epoch.is_some() { FLAG_EPOCH } else { 0 };
                head.push(DELIVER);
                head.push(binary | tell | named);
                head.extend_from_slice(&connection.to_bytes());
                if let Some(token) = tell_written {
                    head.extend_from_slice(&token.to_be_bytes());
                }
                if let Some(epoch) = epoch {
                    head.extend_from_slice(&epoch.to_be_bytes());
                }
            }
            Message::Written { token, written } => {
                head.push(WRITTEN);
                head.push(if *written { FLAG_IS_WRITTEN } else { 0 });
                head.extend_from_slice(&token.to_be_bytes());
            }
        }
        head
    }

    pub(super) fn decode(body: Bytes) -> Result<Message, MalformedMessage> {
        let mut rest = &body[..];
        let [kind, flags] = take(&mut rest)?;
        match kind {
            DELIVER => {
                let connection = MintedId::from_bytes(take::<CONNECTION_BYTES>(&mut rest)?);
                let tell_written = if flags & FLAG_TELL_WRITTEN == 0 {
                    None
                } else {
                    Some(u64::from_be_bytes(take(&mut rest)?))
                };
                let epoch = if flags & FLAG_EPOCH == 0 {
                    None
                } else {
                    Some(u64::from_be_bytes(take(&mut rest)?))
                };
                let frame = frame_of(&body, rest.len(), flags & FLAG_BINARY != 0)?;
                Ok(Message::Deliver {
                    connection,
                    epoch,
                    frame,
                    tell_written,
                })
            }
            WRITTEN => {
                let token = u64::from_be_bytes(take(&mut rest)?);
                Ok(Message::Written {
                    token,
                    written: flags & FLAG_IS_WRITTEN != 0,
                })
            }
            _ => Err(MalformedMessage),
        }
    }
}

pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], MalformedMessage> {
    let (taken, after) = rest.split_first_chunk().ok_or(MalformedMessage)?;
    *rest = after;
    Ok(*taken)
}

/// The frame of which the payload is the last bytes of a message.
pub(super) fn frame_of(
    body: &Bytes,
    payload_bytes: usize,
    is_binary: bool,
) -> Result<Frame, MalformedMessage> {
    let at = body.len() - payload_bytes;
    let payload = if payload_bytes < SHARED_PAYLOAD_BYTES_MIN {
        Bytes::copy_from_slice(&body[at..])
    } else {
        body.slice(at..)
    };
    if is_binary {
        return Ok(Frame::binary(payload));
    }
    Frame::from_utf8(payload).map_err(|_| MalformedMessage)
}

/// Why a frame was not delivered, as the acknowledgement carries it. The numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    NotFound,
    SlowConsumer,
    Expired,
    Refused,
    /// The owner's own limit is smaller.
    TooLarge,
    /// The owner's link gave the message up: parts of it did not come for too long.
    Incomplete,
    /// The connection does not have the name in the epoch that the frame carries.
    Moved,
    /// Facts arrived before others that they need: the owner's copy is behind.
    Behind,
}

impl Failure {
    pub(super) fn code(self) -> u8 {
        match self {
            Failure::NotFound => 1,
            Failure::SlowConsumer => 2,
            Failure::Expired => 3,
            Failure::Refused => 4,
            Failure::TooLarge => 5,
            Failure::Incomplete => 6,
            Failure::Moved => 7,
            Failure::Behind => 9,
        }
    }

    /// A code that a newer peer may use means at least this much: it did not happen.
    pub(super) fn from_code(code: u8) -> Failure {
        match code {
            1 => Failure::NotFound,
            2 => Failure::SlowConsumer,
            3 => Failure::Expired,
            // The link says the same of what it does not even put together.
            5 | LINK_FAILURE_TOO_LARGE => Failure::TooLarge,
            6 | LINK_FAILURE_INCOMPLETE => Failure::Incomplete,
            7 => Failure::Moved,
            9 => Failure::Behind,
            _ => Failure::Refused,
        }
    }
}

impl From<Undelivered> for Failure {
    fn from(reason: Undelivered) -> Failure {
        match reason {
            Undelivered::Undeliverable(Undeliverable::NotFound) => Failure::NotFound,
            Undelivered::Undeliverable(Undeliverable::SlowConsumer) => Failure::SlowConsumer,
            Undelivered::Undeliverable(Undeliverable::Refused) => Failure::Refused,
            Undelivered::Moved => Failure::Moved,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wire(message: &Message) -> Bytes {
        let mut body = message.head().to_vec();
        if let Message::Deliver { frame, .. } = message {
            body.extend_from_slice(frame.payload());
        }
        body.into()
    }

    fn any_frame() -> impl Strategy<Value = Frame> {
        prop_oneof![
            any::<String>().prop_map(Frame::text),
            any::<Vec<u8>>().prop_map(Frame::binary),
        ]
    }

    fn any_message() -> impl Strategy<Value = Message> {
        let numbers = any::<(Option<u64>, Option<u64>)>();
        let deliver = (any::<[u8; 16]>(), any_frame(), numbers).prop_map(
            |(id, frame, (epoch, tell_written))| Message::Deliver {
                connection: MintedId::from_bytes(id),
                epoch,
                frame,
                tell_written,
            },
        );
        let written = (any::<u64>(), any::<bool>())
            .prop_map(|(token, written)| Message::Written { token, written });
        prop_oneof![deliver, written]
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(message in any_message()) {
            prop_assert!(message.head().len() <= HEAD_BYTES_MAX);
            prop_assert_eq!(Message::decode(wire(&message)), Ok(message));
        }

        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            let _ = Message::decode(bytes.into());
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_malformed() {
        let body = [&[DELIVER, 0][..], &[0; 16], &[0xff]].concat();

        assert_eq!(Message::decode(body.into()), Err(MalformedMessage));
    }
}
