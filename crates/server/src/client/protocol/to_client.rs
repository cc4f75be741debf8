//! What a node says to a client.

use raftwire_protocol::Frame;
use serde::{Deserialize, Serialize};

use super::{Counts, Outcome};

/// What a node says to a client, in text. What is routed to it is written as a
/// [`MessageEnvelope`](super::MessageEnvelope), and is a text only if it was sent as one.
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
        /// The user whose connection it is, as its authentication said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// The name by which others reach the connection, as its authentication said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Whether this client may send.
        may_send: bool,
        /// Whether this client may join and leave groups.
        may_join: bool,
        /// The largest payload that this client may send.
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
    /// What became of a send to a user or a group.
    Counts {
        /// The client's number for it.
        id: u64,
        /// What became of it.
        #[serde(flatten)]
        counts: Counts,
    },
    /// The connection is in the group.
    Joined {
        /// The join's number.
        id: u64,
        /// The group.
        group: String,
    },
    /// The connection is not in the group.
    Left {
        /// The leave's number.
        id: u64,
        /// The group.
        group: String,
    },
    /// The answer to a ping.
    Pong {
        /// The ping's number.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
    /// The client said something that cannot be understood, or done. The connection stays.
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
    /// The operator does not allow it.
    NotAllowed,
    /// The payload is larger than a client's may be.
    TooLarge,
    /// The connection is in as many groups as one may be.
    TooManyGroups,
    /// It cannot be done now; trying again later may help.
    Unavailable,
}

impl ToClient<'_> {
    /// As a WebSocket message.
    pub fn encode(&self) -> Frame {
        // Strings and numbers always have a JSON form.
        Frame::text(serde_json::to_string(self).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use raftwire::RouteOutcome;

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
}
