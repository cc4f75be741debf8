//! A NATS server, over its WebSocket listener.

use std::io::Write as _;

use raftwire_websocket::MessageKind;

use super::{Messages, Pair, Pairing, await_message};
use crate::connection::{Connection, Outgoing, Seen};
use crate::machine::random_u64;
use crate::opening::Door;
use crate::receiver::{Hear, Heard};
use crate::sender::{Answer, Talk};
use crate::{BenchError, RouteAnswer};

/// What the number of a message has in its payload.
pub(crate) const NUMBER_BYTES: usize = 8;
/// Bytes of an operation whose end has not come: more than a server takes for a message by default, which is 1 MiB.
const OPERATION_BYTES_MAX: usize = 2 << 20;
/// Nothing of what a client may ask for is of use here.
const CONNECT: &str = r#"CONNECT {"verbose":false,"pedantic":false,"tls_required":false,"lang":"rust","version":"1","name":"raftwire bench","protocol":1,"echo":false}"#;
const PING: &[u8] = b"PING\r\n";
const PONG: &[u8] = b"PONG\r\n";

/// Clients of a NATS cluster.
#[derive(Debug)]
pub(crate) struct NatsPairing(pub(crate) Messages);

#[derive(Debug)]
pub(crate) struct NatsTalk {
    /// An operation with its payload.
    message: Vec<u8>,
    /// Where the number stands in it.
    number_at: usize,
}

#[derive(Debug)]
pub(crate) struct NatsHear {
    /// An answer, of which only the subject and the number change.
    answer: Vec<u8>,
}

/// Finds operations in a stream: what has begun and not ended is kept.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    rest: Vec<u8>,
}

/// An operation that is longer than any may be.
#[derive(Debug, thiserror::Error)]
#[error("{0} bytes and no end")]
pub(crate) struct Endless(usize);

impl Pairing for NatsPairing {
    type Talk = NatsTalk;
    type Hear = NatsHear;
    const SUBPROTOCOL: Option<&'static str> = None;

    async fn open(
        &self,
        senders_at: &Door,
        receivers_at: &Door,
    ) -> Result<Pair<NatsTalk, NatsHear>, BenchError> {
        let subject = format!("to.{:016x}", random_u64());
        let inbox = format!("answer.{:016x}", random_u64());
        let receiver = enter(receivers_at, Some(&subject)).await?;
        let is_request = self.0.answer == RouteAnswer::Result;
        let inbox = is_request.then_some(inbox.as_str());
        let sender = enter(senders_at, inbox).await?;
        let pair = Pair {
            sender: (sender, NatsTalk::new(&subject, inbox, self.0.bytes)),
            receiver: (receiver, NatsHear { answer: Vec::new() }),
        };
        pair.acquaint(self.0.answer).await
    }
}

/// Connects, and subscribes to a subject.
async fn enter(door: &Door, subject: Option<&str>) -> Result<Connection, BenchError> {
    let (mut connection, rest) = door.open().await.map_err(BenchError::failed)?;
    connection.split_operations();
    let subscribe = subject.map_or_else(String::new, |subject| format!("SUB {subject} 1\r\n"));
    let greeting = format!("{CONNECT}\r\n{subscribe}PING\r\n");
    connection.write(MessageKind::Binary, greeting.as_bytes());
    let answer = await_message(&mut connection, &rest, |operation| {
        let error = operation.starts_with(b"-ERR");
        (error || operation == PONG).then(|| String::from_utf8_lossy(operation).into_owned())
    });
    let answer = answer.await?;
    match answer.as_bytes() == PONG {
        true => Ok(connection),
        false => Err(BenchError::Failed(format!("the server says {answer:?}"))),
    }
}

impl NatsTalk {
    fn new(subject: &str, inbox: Option<&str>, bytes: usize) -> NatsTalk {
        let mut message = match inbox {
            Some(inbox) => format!("PUB {subject} {inbox} {bytes}\r\n").into_bytes(),
            None => format!("PUB {subject} {bytes}\r\n").into_bytes(),
        };
        let number_at = message.len();
        message.resize(number_at + bytes, b'x');
        message.extend_from_slice(b"\r\n");
        NatsTalk { message, number_at }
    }
}

impl Talk for NatsTalk {
    fn compose(&mut self, number: u64) -> &[u8] {
        let place = self.number_at..self.number_at + NUMBER_BYTES;
        self.message[place].copy_from_slice(&number.to_be_bytes());
        &self.message
    }

    fn read<'a>(&self, seen: Seen<'a>, _: u64) -> Answer<'a> {
        if let Some(message) = message(seen.beginning) {
            return match message.number() {
                Some(number) => Answer::To {
                    number,
                    outcome: "answered",
                },
                None => Answer::Wrong("an answer without its number".to_owned()),
            };
        }
        match seen.beginning {
            PING => Answer::Reply(PONG),
            error if error.starts_with(b"-ERR") => {
                Answer::Wrong(String::from_utf8_lossy(error).into_owned())
            }
            _ => Answer::Nothing,
        }
    }
}

impl Hear for NatsHear {
    fn hear(&mut self, seen: Seen<'_>, outgoing: &mut Outgoing) -> Option<Heard> {
        if seen.beginning == PING {
            outgoing.message(MessageKind::Binary, PONG);
        }
        let message = message(seen.beginning)?;
        let number = message.number()?;
        if let Some(reply_to) = message.reply_to {
            self.answer.clear();
            // Into memory: nothing that can fail.
            let _ = write!(self.answer, "PUB {reply_to} {NUMBER_BYTES}\r\n");
            self.answer.extend_from_slice(&number.to_be_bytes());
            self.answer.extend_from_slice(b"\r\n");
            outgoing.message(MessageKind::Binary, &self.answer);
        }
        Some(Heard {
            place: Some(number + 1),
            number: Some(number),
        })
    }
}

/// A message, where it lies.
#[derive(Debug, PartialEq, Eq)]
struct Message<'a> {
    reply_to: Option<&'a str>,
    payload: &'a [u8],
}

impl Message<'_> {
    fn number(&self) -> Option<u64> {
        let number = self.payload.get(..NUMBER_BYTES)?;
        Some(u64::from_be_bytes(number.try_into().ok()?))
    }
}

/// `MSG <subject> <sid> [reply-to] <bytes>`, its payload behind it.
fn message(operation: &[u8]) -> Option<Message<'_>> {
    let rest = operation.strip_prefix(b"MSG ")?;
    let end = line_end(rest)?;
    let (line, payload) = (std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 2..]);
    let mut words = line.split(' ').skip(2);
    let (first, second) = (words.next()?, words.next());
    Some(Message {
        reply_to: second.is_some().then_some(first),
        payload: payload.strip_suffix(b"\r\n")?,
    })
}

impl Splitter {
    /// Tells of each operation that is whole, with its payload.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), Endless> {
        if self.rest.is_empty() {
            let used = split(bytes, &mut each);
            self.rest.extend_from_slice(&bytes[used..]);
        } else {
            self.rest.extend_from_slice(bytes);
            let used = split(&self.rest, &mut each);
            self.rest.drain(..used);
        }
        match self.rest.len() > OPERATION_BYTES_MAX {
            true => Err(Endless(self.rest.len())),
            false => Ok(()),
        }
    }
}

/// How many bytes whole operations have.
fn split(bytes: &[u8], each: &mut impl FnMut(&[u8])) -> usize {
    let mut at = 0;
    while let Some(len) = operation_len(&bytes[at..]) {
        each(&bytes[at..at + len]);
        at += len;
    }
    at
}

/// The length of the first operation, if it is whole.
fn operation_len(bytes: &[u8]) -> Option<usize> {
    let line = line_end(bytes)?;
    let head = line + 2;
    let len = match bytes.starts_with(b"MSG ") {
        true => head + last_number(&bytes[..line]) + 2,
        false => head,
    };
    (len <= bytes.len()).then_some(len)
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|two| two == b"\r\n")
}

/// The decimal number at the end of a line; 0 where there is none.
fn last_number(line: &[u8]) -> usize {
    let digits = line.rsplit(|byte| *byte == b' ').next();
    let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_found_wherever_the_stream_is_cut() {
        let stream =
            b"INFO {}\r\nPING\r\nMSG to.1 1 answer.2 4\r\n\r\nab\r\nMSG to.1 1 0\r\n\r\nPONG\r\n";
        let whole: [&[u8]; 5] = [
            b"INFO {}\r\n",
            PING,
            b"MSG to.1 1 answer.2 4\r\n\r\nab\r\n",
            b"MSG to.1 1 0\r\n\r\n",
            PONG,
        ];
        for cut in 0..stream.len() {
            let mut splitter = Splitter::default();
            let mut seen = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                splitter.take(part, |one| seen.push(one.to_vec())).unwrap();
            }
            assert_eq!(seen, whole, "cut at {cut}");
        }
    }

    #[test]
    fn an_operation_without_an_end_is_given_up() {
        let mut splitter = Splitter::default();
        let endless = vec![b'x'; OPERATION_BYTES_MAX];
        splitter.take(&endless, |_| unreachable!()).unwrap();
        splitter.take(b"x", |_| unreachable!()).unwrap_err();
    }

    #[test]
    fn a_message_tells_who_waits_for_an_answer() {
        let request = message(b"MSG to.1 1 answer.2 9\r\n\0\0\0\0\0\0\x01\x02x\r\n").unwrap();
        assert_eq!(request.reply_to, Some("answer.2"));
        assert_eq!(request.number(), Some(0x102));
        let plain = message(b"MSG to.1 1 2\r\nab\r\n").unwrap();
        assert_eq!((plain.reply_to, plain.payload), (None, &b"ab"[..]));
        assert_eq!(message(b"PING\r\n"), None);
    }
}
