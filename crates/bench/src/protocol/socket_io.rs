//! A Socket.IO 4 server, over WebSocket alone.

use std::io::Write as _;

use raftwire_websocket::MessageKind;
use serde::Deserialize;

use super::{Messages, PROBE, Pair, Pairing, await_message};
use crate::connection::{Connection, Outgoing, Seen};
use crate::opening::Door;
use crate::receiver::{Hear, Heard};
use crate::sender::{Answer, Talk};
use crate::{BenchError, RouteAnswer};

/// The number of a message in its payload, in hexadecimal digits: the payload is text.
pub(crate) const NUMBER_DIGITS: usize = 16;
/// To the default namespace.
const CONNECT: &[u8] = b"40";
const CONNECTED: &[u8] = b"40";
const REFUSED: &[u8] = b"44";
const EVENT: &[u8] = b"42";
const ACKNOWLEDGEMENT: &[u8] = b"43";
/// Engine.IO's own, once in 25 s.
const PING: &[u8] = b"2";
const PONG: &[u8] = b"3";
/// What the server says of a message that the receiver's client has acknowledged.
const DELIVERED: &str = "delivered";

/// Clients of Socket.IO servers with an adapter between them.
#[derive(Debug)]
pub(crate) struct SocketIoPairing(pub(crate) Messages);

#[derive(Debug)]
pub(crate) struct SocketIoTalk {
    is_acknowledged: bool,
    /// From the name of the event to the payload's number.
    begin: String,
    /// After it.
    end: String,
    message: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct SocketIoHear {
    answer: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Connected {
    sid: String,
}

impl Pairing for SocketIoPairing {
    type Talk = SocketIoTalk;
    type Hear = SocketIoHear;
    const SUBPROTOCOL: Option<&'static str> = None;

    async fn open(
        &self,
        senders_at: &Door,
        receivers_at: &Door,
    ) -> Result<Pair<SocketIoTalk, SocketIoHear>, BenchError> {
        let (receiver, id) = enter(receivers_at).await?;
        let (sender, _) = enter(senders_at).await?;
        let hear = SocketIoHear { answer: Vec::new() };
        let pair = Pair {
            sender: (sender, SocketIoTalk::new(&id, self.0)),
            receiver: (receiver, hear),
        };
        pair.acquaint(self.0.answer).await
    }
}

/// Connects to the default namespace; the id, whose room the client is in.
async fn enter(door: &Door) -> Result<(Connection, String), BenchError> {
    let (mut connection, rest) = door.open().await.map_err(BenchError::failed)?;
    connection.write(MessageKind::Text, CONNECT);
    let mut pings = 0;
    let answer = await_message(&mut connection, &rest, |message| {
        // Some servers ask before they let anybody in.
        pings += usize::from(message == PING);
        if message.starts_with(REFUSED) {
            return Some(Err(String::from_utf8_lossy(message).into_owned()));
        }
        let connected = serde_json::from_slice(message.strip_prefix(CONNECTED)?);
        Some(connected.map_err(|error| error.to_string()))
    });
    let connected: Result<Connected, String> = answer.await?;
    for _ in 0..pings {
        connection.write(MessageKind::Text, PONG);
    }
    match connected {
        Ok(connected) => Ok((connection, connected.sid)),
        Err(said) => Err(BenchError::Failed(format!(
            "the server does not let a client in: {said}"
        ))),
    }
}

impl SocketIoTalk {
    fn new(room: &str, messages: Messages) -> SocketIoTalk {
        let rest = "x".repeat(messages.bytes - NUMBER_DIGITS);
        let is_acknowledged = messages.answer == RouteAnswer::Result;
        let event = if is_acknowledged { "send" } else { "tell" };
        SocketIoTalk {
            is_acknowledged,
            begin: format!("[\"{event}\",\"{room}\",\""),
            end: format!("{rest}\"]"),
            message: Vec::new(),
        }
    }
}

impl Talk for SocketIoTalk {
    fn compose(&mut self, number: u64) -> &[u8] {
        self.message.clear();
        self.message.extend_from_slice(EVENT);
        // Into memory: nothing that can fail.
        if self.is_acknowledged {
            let _ = write!(self.message, "{number}");
        }
        let _ = write!(self.message, "{}{number:016x}{}", self.begin, self.end);
        &self.message
    }

    fn kind(&self) -> MessageKind {
        MessageKind::Text
    }

    fn read<'a>(&self, seen: Seen<'a>, _: u64) -> Answer<'a> {
        if seen.beginning == PING {
            return Answer::Reply(PONG);
        }
        let Some(rest) = seen.beginning.strip_prefix(ACKNOWLEDGEMENT) else {
            return Answer::Nothing;
        };
        match acknowledgement(rest) {
            // The nodes do not know of the receiver yet.
            Some((PROBE, outcome)) if outcome != DELIVERED => Answer::Nothing,
            Some((number, outcome)) => Answer::To { number, outcome },
            None => Answer::Wrong(String::from_utf8_lossy(seen.beginning).into_owned()),
        }
    }
}

impl Hear for SocketIoHear {
    fn hear(&mut self, seen: Seen<'_>, outgoing: &mut Outgoing) -> Option<Heard> {
        if seen.beginning == PING {
            outgoing.message(MessageKind::Text, PONG);
            return None;
        }
        let (id, arguments) = numbered(seen.beginning.strip_prefix(EVENT)?)?;
        let payload = arguments.strip_prefix(b"[\"message\",\"")?;
        let digits = std::str::from_utf8(payload.get(..NUMBER_DIGITS)?).ok()?;
        let number = u64::from_str_radix(digits, 16).ok()?;
        if let Some(id) = id {
            self.answer.clear();
            self.answer.extend_from_slice(ACKNOWLEDGEMENT);
            // Into memory: nothing that can fail.
            let _ = write!(self.answer, "{id}[1]");
            outgoing.message(MessageKind::Text, &self.answer);
        }
        Some(Heard {
            // Servers that handle each event in a task of its own let them overtake each other.
            place: None,
            number: Some(number),
        })
    }
}

/// `7["delivered"]`
fn acknowledgement(rest: &[u8]) -> Option<(u64, &str)> {
    let (number, arguments) = numbered(rest)?;
    let outcome = arguments.strip_prefix(b"[\"")?.strip_suffix(b"\"]")?;
    Some((number?, std::str::from_utf8(outcome).ok()?))
}

/// The number before the arguments, if there is one.
fn numbered(rest: &[u8]) -> Option<(Option<u64>, &[u8])> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, arguments) = rest.split_at(digits);
    if digits.is_empty() {
        return Some((None, arguments));
    }
    Some((
        Some(std::str::from_utf8(digits).ok()?.parse().ok()?),
        arguments,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(answer: RouteAnswer) -> SocketIoTalk {
        SocketIoTalk::new("room", Messages { bytes: 18, answer })
    }

    #[test]
    fn an_event_is_written_as_socket_io_has_it() {
        let mut acknowledged = talk(RouteAnswer::Result);
        let event: &[u8] = b"4227[\"send\",\"room\",\"000000000000001bxx\"]";
        assert_eq!(acknowledged.compose(27), event);
        let event: &[u8] = b"42[\"tell\",\"room\",\"000000000000001bxx\"]";
        assert_eq!(talk(RouteAnswer::Arrival).compose(27), event);
    }

    #[test]
    fn acknowledgements_are_read_and_refusals_of_a_first_message_passed_over() {
        let talk = talk(RouteAnswer::Result);
        let read = |text: &'static str| {
            let beginning = text.as_bytes();
            let seen = Seen {
                kind: MessageKind::Text,
                beginning,
                len: beginning.len() as u64,
            };
            talk.read(seen, 0)
        };
        let (number, outcome) = (27, DELIVERED);
        assert_eq!(read("4327[\"delivered\"]"), Answer::To { number, outcome });
        assert_eq!(read("434294967295[\"nobody\"]"), Answer::Nothing);
        assert_eq!(read("2"), Answer::Reply(PONG));
        assert!(matches!(read("4327{}"), Answer::Wrong(_)));
    }
}
