//! A fan-out on the wire: whom it is for, then the payload as it is; and what its owner counted.

use bytes::Bytes;
use prost::Message;
use raftwire_link::Head;
use raftwire_protocol::limits::NAME_BYTES_MAX;
use raftwire_protocol::link_packet::LINK_HEAD_BYTES_MAX;
use raftwire_protocol::{Frame, FrameKind};

use super::message::{FAN, FAN_ANSWER, Failure, MalformedMessage, frame_of, take};
use crate::fan::{Audience, FanCounts};

const FLAG_BINARY: u8 = 1;
const FLAG_ANSWER: u8 = 1 << 1;

const USER: u8 = 1;
const GROUP: u8 = 2;
const EVERYONE: u8 = 3;

/// The longest head: kind, flags, token, kind of audience, length of its text, text.
const HEAD_BYTES_MAX: usize = 2 + 8 + 1 + 2 + NAME_BYTES_MAX;

const _: () = assert!(HEAD_BYTES_MAX <= LINK_HEAD_BYTES_MAX);

/// A message for all connections of an audience that the receiver holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FanMessage {
    pub(super) audience: Audience,
    pub(super) frame: Frame,
    /// The sender wants a [`FanAnswer`] with this token.
    pub(super) answer: Option<u64>,
}

impl FanMessage {
    /// The head; the payload follows it unchanged.
    pub(super) fn head(&self) -> Head {
        let mut head = Head::new();
        let (tag, text) = match &self.audience {
            Audience::User(user) => (USER, user.as_str()),
            Audience::Group(group) => (GROUP, group.as_str()),
            Audience::Everyone => (EVERYONE, ""),
        };
        let is_binary = self.frame.kind() == FrameKind::Binary;
        let binary = if is_binary { FLAG_BINARY } else { 0 };
        let answer = if self.answer.is_some() {
            FLAG_ANSWER
        } else {
            0
        };
        head.push(FAN);
        head.push(binary | answer);
        if let Some(token) = self.answer {
            head.extend_from_slice(&token.to_be_bytes());
        }
        head.push(tag);
        head.extend_from_slice(&(text.len() as u16).to_be_bytes());
        head.extend_from_slice(text.as_bytes());
        head
    }

    pub(super) fn decode(body: Bytes) -> Result<FanMessage, MalformedMessage> {
        let mut rest = &body[..];
        let [_, flags] = take(&mut rest)?;
        let answer = if flags & FLAG_ANSWER == 0 {
            None
        } else {
            Some(u64::from_be_bytes(take(&mut rest)?))
        };
        let [tag] = take(&mut rest)?;
        let length = usize::from(u16::from_be_bytes(take(&mut rest)?));
        let (text, payload) = rest.split_at_checked(length).ok_or(MalformedMessage)?;
        let text = std::str::from_utf8(text).map_err(|_| MalformedMessage)?;
        let audience = match tag {
            USER => text.parse().map(Audience::User),
            GROUP => text.parse().map(Audience::Group),
            EVERYONE => Ok(Audience::Everyone),
            _ => return Err(MalformedMessage),
        };
        let frame = frame_of(&body, payload.len(), flags & FLAG_BINARY != 0)?;
        Ok(FanMessage {
            audience: audience.map_err(|_| MalformedMessage)?,
            frame,
            answer,
        })
    }
}

/// What became of a fan-out at its owner.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FanAnswer {
    #[prost(uint64, tag = "1")]
    pub(super) token: u64,
    #[prost(uint64, tag = "2")]
    delivered: u64,
    #[prost(uint64, tag = "3")]
    not_found: u64,
    #[prost(uint64, tag = "4")]
    slow_consumer: u64,
    #[prost(uint64, tag = "5")]
    refused: u64,
    /// The code of a [`Failure`] that kept it from all connections; 0: none did.
    #[prost(uint32, tag = "6")]
    failure: u32,
}

impl FanAnswer {
    pub(super) fn new(token: u64, result: Result<FanCounts, Failure>) -> FanAnswer {
        let (counts, failure) = match result {
            Ok(counts) => (counts, 0),
            Err(failure) => (FanCounts::default(), failure.code().into()),
        };
        FanAnswer {
            token,
            delivered: counts.delivered,
            not_found: counts.not_found,
            slow_consumer: counts.slow_consumer,
            refused: counts.refused,
            failure,
        }
    }

    /// Head and payload of the link's message.
    pub(super) fn wire(&self) -> (Head, Bytes) {
        (Head::from(&[FAN_ANSWER, 0]), self.encode_to_vec().into())
    }

    pub(super) fn read(body: Bytes) -> Result<FanAnswer, MalformedMessage> {
        let mut rest = &body[..];
        take::<2>(&mut rest)?;
        FanAnswer::decode(rest).map_err(|_| MalformedMessage)
    }

    pub(super) fn result(&self) -> Result<FanCounts, Failure> {
        match self.failure {
            0 => Ok(FanCounts {
                delivered: self.delivered,
                not_found: self.not_found,
                slow_consumer: self.slow_consumer,
                refused: self.refused,
            }),
            code => Err(Failure::from_code(
                u8::try_from(code).unwrap_or(u8::MAX - 2),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_message() -> impl Strategy<Value = FanMessage> {
        let text = "[a-zà-ü0-9/]{1,60}";
        let audience = prop_oneof![
            text.prop_map(|text| Audience::User(text.parse().expect("valid"))),
            text.prop_map(|text| Audience::Group(text.parse().expect("valid"))),
            Just(Audience::Everyone),
        ];
        let frame = prop_oneof![
            any::<String>().prop_map(Frame::text),
            any::<Vec<u8>>().prop_map(Frame::binary),
        ];
        (audience, frame, any::<Option<u64>>()).prop_map(|(audience, frame, answer)| FanMessage {
            audience,
            frame,
            answer,
        })
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(message in any_message()) {
            let head = message.head();
            prop_assert!(head.len() <= HEAD_BYTES_MAX);
            let body = [&head[..], &message.frame.payload()[..]].concat();
            prop_assert_eq!(FanMessage::decode(body.into()), Ok(message));
        }

        #[test]
        fn an_answer_says_what_was_counted(token: u64, delivered: u64, refused: u64) {
            let counts = FanCounts { delivered, refused, ..FanCounts::default() };
            let (head, payload) = FanAnswer::new(token, Ok(counts)).wire();
            let read = FanAnswer::read([&head[..], &payload[..]].concat().into()).expect("an answer");
            prop_assert_eq!((read.token, read.result()), (token, Ok(counts)));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = FanMessage::decode(bytes.clone().into());
            let _ = FanAnswer::read(bytes.into());
        }
    }

    #[test]
    fn an_answer_says_why_nobody_was_reached() {
        let (head, payload) = FanAnswer::new(3, Err(Failure::Expired)).wire();
        let read = FanAnswer::read([&head[..], &payload[..]].concat().into()).expect("an answer");

        assert_eq!((read.token, read.result()), (3, Err(Failure::Expired)));
    }
}
