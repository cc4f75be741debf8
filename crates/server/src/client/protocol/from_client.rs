//! What a client says.

use std::borrow::Cow;
use std::time::Duration;

use raftwire_protocol::{Frame, FrameKind};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ErrorCode, REQUEST_ID_MAX, binary};

/// The longest deadline that a client may ask for: ten minutes, as for the node's own.
const DEADLINE_MS_MAX: u64 = 600_000;

/// What a client says, read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FromClient {
    /// Send to a connection, and say what became of it.
    Send(SendRequest),
    /// Answer at once.
    Ping {
        /// Comes back in the pong.
        id: Option<u64>,
    },
}

/// A message for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendRequest {
    /// The client's number for it; comes back in the result.
    pub id: u64,
    /// The connection, as the client wrote it.
    pub to: String,
    /// The payload.
    pub frame: Frame,
    /// How long it may take; the node's own deadline where absent.
    pub deadline: Option<Duration>,
}

/// A message that cannot be understood. The connection stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What kind of mistake it is.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// The request's number, where it could be read.
    pub id: Option<u64>,
}

impl Malformed {
    pub(super) fn new(message: impl Into<String>) -> Malformed {
        Malformed {
            code: ErrorCode::Malformed,
            message: message.into(),
            id: None,
        }
    }

    pub(super) fn with_id(self, id: u64) -> Malformed {
        Malformed {
            id: Some(id),
            ..self
        }
    }
}

/// Every field that a text message may have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    id: Option<u64>,
    #[serde(borrow)]
    to: Option<Cow<'a, str>>,
    text: Option<String>,
    #[serde(borrow)]
    json: Option<&'a RawValue>,
    deadline_ms: Option<u64>,
}

impl FromClient {
    /// Reads one WebSocket message.
    ///
    /// # Errors
    /// What cannot be understood, with the request's number where it could be read.
    pub fn decode(frame: &Frame) -> Result<FromClient, Malformed> {
        if frame.kind() == FrameKind::Binary {
            return binary::decode_send(frame.payload().clone()).map(FromClient::Send);
        }
        let fields: Fields<'_> = serde_json::from_slice(frame.payload())
            .map_err(|error| Malformed::new(error.to_string()))?;
        if fields.id.is_some_and(|id| id > REQUEST_ID_MAX) {
            return Err(Malformed::new("id is over 9007199254740991"));
        }
        match fields.kind.as_ref() {
            "send" => fields.into_send().map(FromClient::Send),
            "ping" => Ok(FromClient::Ping { id: fields.id }),
            other => Err(Malformed {
                code: ErrorCode::UnknownType,
                message: format!("type {other:?} is unknown; known are \"send\" and \"ping\""),
                id: fields.id,
            }),
        }
    }
}

impl Fields<'_> {
    fn into_send(self) -> Result<SendRequest, Malformed> {
        let Some(id) = self.id else {
            return Err(Malformed::new("a send needs an id, for its result"));
        };
        let Some(to) = self.to else {
            return Err(Malformed::new("a send needs a connection in \"to\"").with_id(id));
        };
        let frame = match (self.text, self.json) {
            (Some(text), None) => Frame::text(text),
            (None, Some(json)) => Frame::text(json.get()),
            (Some(_), Some(_)) | (None, None) => {
                let message = "a send has one payload: \"text\" or \"json\"";
                return Err(Malformed::new(message).with_id(id));
            }
        };
        let deadline = match self.deadline_ms {
            None => None,
            Some(ms @ 1..=DEADLINE_MS_MAX) => Some(Duration::from_millis(ms)),
            Some(_) => {
                return Err(Malformed::new("deadline_ms must be from 1 to 600000").with_id(id));
            }
        };
        Ok(SendRequest {
            id,
            to: to.into_owned(),
            frame,
            deadline,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<FromClient, Malformed> {
        FromClient::decode(&Frame::text(text))
    }

    fn send(text: &str) -> SendRequest {
        match decode(text) {
            Ok(FromClient::Send(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn text_is_sent_as_it_is() {
        let request = send(r#"{"type":"send","id":1,"to":"~x","text":"a\nb"}"#);
        assert_eq!(
            (request.frame.as_text(), request.deadline),
            (Some("a\nb"), None)
        );
    }

    #[test]
    fn json_is_sent_as_the_client_wrote_it() {
        let request = send(r#"{"type":"send","id":1,"to":"~x","json":{"b": 1.50, "a":null}}"#);
        assert_eq!(request.frame.as_text(), Some(r#"{"b": 1.50, "a":null}"#));
    }

    #[test]
    fn null_is_a_json_payload_that_is_missing() {
        assert!(decode(r#"{"type":"send","id":1,"to":"~x","json":null}"#).is_err());
    }

    #[test]
    fn mistakes_are_named_and_keep_the_id() {
        for (text, id, code) in [
            ("nonsense", None, ErrorCode::Malformed),
            ("[]", None, ErrorCode::Malformed),
            (r#"{"id":1}"#, None, ErrorCode::Malformed),
            (r#"{"type":"fly","id":1}"#, Some(1), ErrorCode::UnknownType),
            (
                r#"{"type":"send","to":"~x","text":""}"#,
                None,
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":1,"text":""}"#,
                Some(1),
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":1,"to":"~x"}"#,
                Some(1),
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":1,"to":"~x","text":"","json":1}"#,
                Some(1),
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":1,"to":"~x","text":"","deadline_ms":0}"#,
                Some(1),
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":-1,"to":"~x","text":""}"#,
                None,
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":9007199254740992,"to":"~x","text":""}"#,
                None,
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":1,"to":"~x","text":"","dedline_ms":9}"#,
                None,
                ErrorCode::Malformed,
            ),
        ] {
            let malformed = decode(text).expect_err(text);
            assert_eq!((malformed.id, malformed.code), (id, code), "{text}");
        }
    }
}
