//! What a node says to a client.

use std::fmt::Display;

use raftwire::RouteOutcome;
use raftwire_protocol::{Frame, FrameKind};
use serde::{Deserialize, Serialize};

use super::binary;

/// What a node says to a client, in text. A message of bytes travels as
/// [`binary::encode_message`] instead.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToClient<'a> {
    /// The first thing that a client hears.
    Welcome {
        /// The client's own id, for others to send to.
        connection: String,
        /// The node that holds the connection.
        node: String,
        /// Room for the token with which a later version resumes a broken connection.
        resume: Option<String>,
        /// Whether this client may send to connections.
        may_send: bool,
        /// The largest WebSocket message that this client may send.
        message_bytes_max: usize,
        /// How often the node pings; it closes after two intervals of silence.
        ping_interval_ms: u64,
    },
    /// Something that was sent to this connection.
    Message {
        /// 1, 2, 3, … over all messages of the connection, binary ones included.
        seq: u64,
        /// The payload.
        #[serde(borrow)]
        text: std::borrow::Cow<'a, str>,
    },
    /// What became of a send.
    Result {
        /// The client's number for it.
        id: u64,
        /// What became of it.
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// The answer to a ping.
    Pong {
        /// The ping's number.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
    /// The client said something that cannot be understood. The connection stays.
    Error {
        /// What kind of mistake it is.
        code: ErrorCode,
        /// For people.
        message: String,
        /// The request's number, where it could be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
}

/// What kind of mistake a client made.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// No JSON object with the right fields, or a wrong binary header.
    Malformed,
    /// A `type`, or a binary kind, that nobody knows.
    UnknownType,
    /// A target that is neither a connection id nor a name.
    InvalidTarget,
}

/// What became of a routed message, as clients and callers of the HTTP API read it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The outcome's name.
    pub outcome: String,
    /// `yes`, `no` or `unknown`.
    pub happened: String,
    /// The node that the outcome is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The log index of that node's death.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The queue that is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The limit that the message exceeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_bytes: Option<usize>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Outcome {
    /// A message that this node refused before routing it.
    pub fn refused(reason: impl Display) -> Outcome {
        Outcome {
            reason: Some(reason.to_string()),
            ..Outcome::from(&RouteOutcome::Refused)
        }
    }
}

impl From<&RouteOutcome> for Outcome {
    fn from(outcome: &RouteOutcome) -> Outcome {
        let mut told = Outcome {
            outcome: outcome.name().to_owned(),
            happened: outcome.happened().as_str().to_owned(),
            ..Outcome::default()
        };
        match outcome {
            RouteOutcome::NodeDown { node } => told.node = Some(node.to_string()),
            RouteOutcome::NodeLost { node, index } => {
                told.node = Some(node.to_string());
                told.index = Some(*index);
            }
            RouteOutcome::Busy { queue } => told.queue = Some(queue.as_str().to_owned()),
            RouteOutcome::TooLarge { limit_bytes } => told.limit_bytes = *limit_bytes,
            _ => {}
        }
        told
    }
}

impl ToClient<'_> {
    /// As a WebSocket message.
    pub fn encode(&self) -> Frame {
        // Strings and numbers always have a JSON form.
        Frame::text(serde_json::to_string(self).unwrap_or_default())
    }

    /// A frame that was routed to the connection, as the message that its client receives.
    pub fn message(sequence: u64, frame: &Frame) -> Frame {
        match (frame.kind(), frame.as_text()) {
            (FrameKind::Text, Some(text)) => ToClient::Message {
                seq: sequence,
                text: text.into(),
            }
            .encode(),
            (FrameKind::Text | FrameKind::Binary, _) => {
                Frame::binary(binary::encode_message(sequence, frame.payload()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_carry_their_details() {
        let lost = RouteOutcome::NodeLost {
            node: "node2".parse().unwrap(),
            index: 41,
        };
        let said = ToClient::Result {
            id: 7,
            outcome: Outcome::from(&lost),
        }
        .encode();

        assert_eq!(
            said.as_text(),
            Some(
                r#"{"type":"result","id":7,"outcome":"node_lost","happened":"unknown","node":"node2","index":41}"#
            )
        );
    }

    #[test]
    fn text_arrives_as_text_and_bytes_as_bytes() {
        let text = ToClient::message(1, &Frame::text("\"quoted\""));
        assert_eq!(
            text.as_text(),
            Some(r#"{"type":"message","seq":1,"text":"\"quoted\""}"#)
        );

        let bytes = ToClient::message(2, &Frame::binary(&b"\x00"[..]));
        assert_eq!(binary::decode_message(bytes.into_payload()).unwrap().0, 2);
    }
}
