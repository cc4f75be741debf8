//! What a client says.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use raftwire_protocol::{Frame, FrameKind, Group};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ErrorCode, REQUEST_ID_MAX, Target, TargetKind, binary};

/// The longest deadline that a client may ask for: ten minutes, as for the node's own.
const DEADLINE_MS_MAX: u64 = 600_000;

/// What a client says, read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FromClient {
    /// Send, and say what became of it.
    Send(SendRequest),
    /// Put this connection into a group.
    Join {
        /// The client's number for it; comes back in the answer.
        id: u64,
        /// The group.
        group: Group,
        /// Answer once every living node knows, so that nothing that is sent to the group from then on
        /// is missed.
        settled: bool,
    },
    /// Take this connection out of a group.
    Leave {
        /// The client's number for it; comes back in the answer.
        id: u64,
        /// The group.
        group: Group,
    },
    /// Answer at once.
    Ping {
        /// Comes back in the pong.
        id: Option<u64>,
    },
}

/// A message for a connection, or for many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendRequest {
    /// The client's number for it; comes back in the result.
    pub id: u64,
    /// Whom it is for.
    pub to: Target,
    /// The payload.
    pub frame: Frame,
    /// How long it may take; the node's own deadline where absent.
    pub deadline: Option<Duration>,
    /// Whether the client takes the [brief answer](super::binary::KIND_DELIVERED).
    pub is_brief: bool,
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

    /// A target that cannot be.
    pub(super) fn target(kind: TargetKind, text: &str, error: impl Display) -> Malformed {
        Malformed {
            code: ErrorCode::InvalidTarget,
            message: format!("{text:?} is no {kind}: {error}"),
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
    #[serde(borrow)]
    user: Option<Cow<'a, str>>,
    #[serde(borrow)]
    group: Option<Cow<'a, str>>,
    settled: Option<bool>,
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
        let fields = Fields::read(frame.payload())?;
        if fields.id.is_some_and(|id| id > REQUEST_ID_MAX) {
            return Err(Malformed::new("id is over 9007199254740991"));
        }
        match fields.kind.as_ref() {
            "send" => fields.into_send().map(FromClient::Send),
            "join" => fields.into_join(),
            "leave" => fields.into_leave(),
            "ping" => {
                fields.refuse_others(&[])?;
                Ok(FromClient::Ping { id: fields.id })
            }
            other => Err(Malformed {
                code: ErrorCode::UnknownType,
                message: format!(
                    "type {other:?} is unknown; known are \"send\", \"join\", \"leave\" and \"ping\""
                ),
                id: fields.id,
            }),
        }
    }
}

/// The number of a message that cannot be read otherwise.
#[derive(Deserialize)]
struct Numbered {
    id: u64,
}

impl<'a> Fields<'a> {
    fn read(payload: &'a [u8]) -> Result<Fields<'a>, Malformed> {
        // The library would take a list for an object without names.
        if payload.trim_ascii_start().first() != Some(&b'{') {
            return Err(Malformed::new("a text message is a JSON object"));
        }
        serde_json::from_slice(payload).map_err(|error| Malformed {
            id: serde_json::from_slice(payload)
                .ok()
                .map(|numbered: Numbered| numbered.id)
                .filter(|id| *id <= REQUEST_ID_MAX),
            ..Malformed::new(error.to_string())
        })
    }

    /// A message of this type has these fields and no other, beside `type` and `id`.
    fn refuse_others(&self, allowed: &[&str]) -> Result<(), Malformed> {
        let there = [
            ("to", self.to.is_some()),
            ("user", self.user.is_some()),
            ("group", self.group.is_some()),
            ("settled", self.settled.is_some()),
            ("text", self.text.is_some()),
            ("json", self.json.is_some()),
            ("deadline_ms", self.deadline_ms.is_some()),
        ];
        let mut others = there
            .into_iter()
            .filter(|(name, is_there)| *is_there && !allowed.contains(name));
        others.next().map_or(Ok(()), |(name, _)| {
            Err(Malformed {
                id: self.id,
                ..Malformed::new(format!("a {} has no {name:?}", self.kind))
            })
        })
    }

    /// The number that the answer will have.
    fn number(&self) -> Result<u64, Malformed> {
        let missing = || Malformed::new(format!("a {} needs an id, for its answer", self.kind));
        self.id.ok_or_else(missing)
    }

    fn into_send(self) -> Result<SendRequest, Malformed> {
        let id = self.number()?;
        self.refuse_others(&["to", "user", "group", "text", "json", "deadline_ms"])?;
        let to = self.target().map_err(|wrong| wrong.with_id(id))?;
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
            to,
            frame,
            deadline,
            is_brief: false,
        })
    }

    fn target(&self) -> Result<Target, Malformed> {
        let (kind, text) = match (&self.to, &self.user, &self.group) {
            (Some(to), None, None) => (TargetKind::Connection, to),
            (None, Some(user), None) => (TargetKind::User, user),
            (None, None, Some(group)) => (TargetKind::Group, group),
            _ => {
                let message =
                    "a send has one target: a connection in \"to\", a \"user\" or a \"group\"";
                return Err(Malformed::new(message));
            }
        };
        Target::parse(kind, text)
    }

    fn into_join(self) -> Result<FromClient, Malformed> {
        let id = self.number()?;
        self.refuse_others(&["group", "settled"])?;
        let (group, settled) = (self.one_group(id)?, self.settled.unwrap_or(false));
        Ok(FromClient::Join { id, group, settled })
    }

    fn into_leave(self) -> Result<FromClient, Malformed> {
        let id = self.number()?;
        self.refuse_others(&["group"])?;
        let group = self.one_group(id)?;
        Ok(FromClient::Leave { id, group })
    }

    fn one_group(&self, id: u64) -> Result<Group, Malformed> {
        let Some(text) = &self.group else {
            let message = format!("a {} needs a \"group\"", self.kind);
            return Err(Malformed::new(message).with_id(id));
        };
        text.parse()
            .map_err(|error| Malformed::target(TargetKind::Group, text, error).with_id(id))
    }
}

#[cfg(test)]
mod tests {
    use raftwire::Audience;

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
    fn what_a_message_does_not_have_is_refused_with_its_number() {
        let wrong = [
            r#"{"type":"ping","id":7,"text":"a"}"#,
            r#"{"type":"join","id":7,"group":"g","to":"a"}"#,
            r#"{"type":"leave","id":7,"group":"g","settled":true}"#,
            r#"{"type":"send","id":7,"to":"a","text":"b","settled":true}"#,
            r#"{"type":"send","id":7,"to":"a","txt":"b"}"#,
            r#"{"id":7}"#,
        ];
        for text in wrong {
            let malformed = decode(text).unwrap_err();
            assert_eq!(
                (malformed.code, malformed.id),
                (ErrorCode::Malformed, Some(7)),
                "{text}"
            );
        }
        for text in [r#"["ping",7,null]"#, "7", "", "{"] {
            let malformed = decode(text).unwrap_err();
            assert_eq!(
                (malformed.code, malformed.id),
                (ErrorCode::Malformed, None),
                "{text}"
            );
        }
    }

    #[test]
    fn text_is_sent_as_it_is() {
        let request = send(r#"{"type":"send","id":1,"to":"alice","text":"a\nb"}"#);
        assert_eq!(
            (request.frame.as_text(), request.deadline),
            (Some("a\nb"), None)
        );
    }

    #[test]
    fn json_is_sent_as_the_client_wrote_it() {
        let request = send(r#"{"type":"send","id":1,"to":"alice","json":{"b": 1.50, "a":null}}"#);
        assert_eq!(request.frame.as_text(), Some(r#"{"b": 1.50, "a":null}"#));
    }

    #[test]
    fn null_is_a_json_payload_that_is_missing() {
        assert!(decode(r#"{"type":"send","id":1,"to":"alice","json":null}"#).is_err());
    }

    #[test]
    fn each_kind_of_target_is_told_apart() {
        let target = |text: &str| send(&format!(r#"{{"type":"send","id":1,"text":"",{text}}}"#)).to;
        let connection = "alice".parse().map(Target::Connection);
        assert_eq!(Ok(target(r#""to":"alice""#)), connection);
        let user = "alice".parse().map(Audience::User).map(Target::Many);
        assert_eq!(Ok(target(r#""user":"alice""#)), user);
        let group = "news".parse().map(Audience::Group).map(Target::Many);
        assert_eq!(Ok(target(r#""group":"news""#)), group);
    }

    #[test]
    fn a_join_is_settled_only_where_the_client_says_so() {
        let group: Group = "news".parse().unwrap();
        assert_eq!(
            decode(r#"{"type":"join","id":1,"group":"news"}"#),
            Ok(FromClient::Join {
                id: 1,
                group: group.clone(),
                settled: false
            })
        );
        assert_eq!(
            decode(r#"{"type":"join","id":2,"group":"news","settled":true}"#),
            Ok(FromClient::Join {
                id: 2,
                group: group.clone(),
                settled: true
            })
        );
        assert_eq!(
            decode(r#"{"type":"leave","id":3,"group":"news"}"#),
            Ok(FromClient::Leave { id: 3, group })
        );
    }

    #[test]
    fn mistakes_are_named_and_keep_the_id() {
        for (text, id, code) in [
            ("nonsense", None, ErrorCode::Malformed),
            ("[]", None, ErrorCode::Malformed),
            (r#"{"id":1}"#, Some(1), ErrorCode::Malformed),
            (r#"{"type":"fly","id":1}"#, Some(1), ErrorCode::UnknownType),
            (
                r#"{"type":"send","to":"alice","text":""}"#,
                None,
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":1,"text":""}"#,
                Some(1),
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":1,"to":"alice"}"#,
                Some(1),
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":1,"to":"alice","text":"","json":1}"#,
                Some(1),
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":1,"to":"alice","text":"","deadline_ms":0}"#,
                Some(1),
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":1,"to":"~x","text":""}"#,
                Some(1),
                ErrorCode::InvalidTarget,
            ),
            (
                r#"{"type":"send","id":1,"to":"alice","group":"news","text":""}"#,
                Some(1),
                ErrorCode::Malformed,
            ),
            (r#"{"type":"join","id":1}"#, Some(1), ErrorCode::Malformed),
            (
                r#"{"type":"join","group":"news"}"#,
                None,
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"leave","id":1,"group":""}"#,
                Some(1),
                ErrorCode::InvalidTarget,
            ),
            (
                r#"{"type":"send","id":-1,"to":"alice","text":""}"#,
                None,
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":9007199254740992,"to":"alice","text":""}"#,
                None,
                ErrorCode::Malformed,
            ),
            (
                r#"{"type":"send","id":1,"to":"alice","text":"","dedline_ms":9}"#,
                Some(1),
                ErrorCode::Malformed,
            ),
        ] {
            let malformed = decode(text).expect_err(text);
            assert_eq!((malformed.id, malformed.code), (id, code), "{text}");
        }
    }
}
