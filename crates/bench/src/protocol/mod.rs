//! What senders and receivers of a cluster speak: a node of Raftwire's own protocol, and its peers'.

pub(crate) mod nats;
pub(crate) mod node;
pub(crate) mod relay;
pub(crate) mod socket_io;

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::timeout;

use crate::connection::{Connection, Lost};
use crate::opening::Door;
use crate::receiver::Hear;
use crate::sender::{Answer, Talk};
use crate::{BenchError, RouteAnswer, Scenario};

/// The number of a message that is sent before the others, until one arrives. None of the others gets so far,
/// and every peer's numbers hold it.
pub(crate) const PROBE: u64 = u32::MAX as u64;
/// From one such message to the next.
const PROBE_EVERY: Duration = Duration::from_millis(50);
/// How many are sent: nodes that do not know of each other's clients in half a minute never will.
const PROBES_MAX: usize = 600;
/// How long a server may take to let a client in: it has others to do.
const GREETING_MAX: Duration = Duration::from_secs(30);
/// Bytes read at once before anything is measured.
const READ_BYTES: usize = 4 * 1024;

/// What the nodes of a cluster speak with their clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// A node of Raftwire: its result says that the message is on its way to the receiver's socket.
    #[default]
    Raftwire,
    /// A NATS server's WebSocket listener. A receiver has a subject of its own; with
    /// [`RouteAnswer::Result`] messages are requests, which the receiver's client answers.
    Nats,
    /// A Socket.IO 4 server, over WebSocket alone, that passes the events `send` and `tell` on as `message`: their
    /// arguments are a room and a payload, and the acknowledgement of `send` is `delivered` once the receiver's client
    /// has acknowledged. A receiver's room is the one of its own id, and payloads are text, since bytes would be two
    /// messages each.
    SocketIo,
}

/// How a sender and its receiver are opened.
pub(crate) trait Pairing {
    type Talk: Talk;
    type Hear: Hear;
    /// What is offered to the server.
    const SUBPROTOCOL: Option<&'static str>;

    /// Opens both; messages of the one get to the other when this returns.
    async fn open(
        &self,
        senders_at: &Door,
        receivers_at: &Door,
    ) -> Result<Pair<Self::Talk, Self::Hear>, BenchError>;
}

/// A sender and its receiver.
#[derive(Debug)]
pub(crate) struct Pair<T, H> {
    pub(crate) sender: (Connection, T),
    pub(crate) receiver: (Connection, H),
}

/// What is sent, and what it waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Messages {
    pub(crate) bytes: usize,
    pub(crate) answer: RouteAnswer,
}

/// How short a message may be: what it has to carry.
pub(crate) fn message_bytes_min(scenario: &Scenario) -> usize {
    let Scenario::Route {
        protocol,
        senders_at,
        answer,
        ..
    } = scenario
    else {
        return 1;
    };
    match (protocol, answer) {
        _ if senders_at.is_bare() => relay::HEAD_BYTES,
        (Protocol::Raftwire, RouteAnswer::Result) => 1,
        (Protocol::Raftwire, RouteAnswer::Arrival) => crate::dialect::NUMBER_BYTES,
        (Protocol::Nats, _) => nats::NUMBER_BYTES,
        (Protocol::SocketIo, _) => socket_io::NUMBER_DIGITS,
    }
}

impl<T: Talk, H: Hear> Pair<T, H> {
    /// Sends until something is heard of it: nodes tell each other in their own time who listens where.
    pub(crate) async fn acquaint(mut self, answer: RouteAnswer) -> Result<Self, BenchError> {
        for _ in 0..PROBES_MAX {
            let (connection, talk) = &mut self.sender;
            let kind = talk.kind();
            connection.write(kind, talk.compose(PROBE));
            let probing = poll_fn(|context| self.poll_probe(context, answer));
            if let Ok(probed) = timeout(PROBE_EVERY, probing).await {
                probed.map_err(BenchError::failed)?;
                return Ok(self);
            }
        }
        let sent_for = PROBE_EVERY * PROBES_MAX as u32;
        Err(BenchError::Failed(format!(
            "no message got from one node to the other within {} s: are they a cluster?",
            sent_for.as_secs()
        )))
    }

    fn poll_probe(
        &mut self,
        context: &mut Context<'_>,
        answer: RouteAnswer,
    ) -> Poll<Result<(), Lost>> {
        let mut buffer = [0; READ_BYTES];
        let (mut arrived, mut answered) = (false, false);
        let (connection, hear) = &mut self.receiver;
        poll_all(connection, context, |connection, context| {
            connection.poll_read_and_answer(context, &mut buffer, |seen, outgoing| {
                let heard = hear.hear(seen, outgoing);
                arrived |= heard.is_some_and(|heard| heard.number == Some(PROBE));
            })
        })?;
        let (connection, talk) = &mut self.sender;
        poll_all(connection, context, |connection, context| {
            connection.poll_read_and_answer(context, &mut buffer, |seen, outgoing| {
                match talk.read(seen, PROBE) {
                    Answer::To { number: PROBE, .. } => answered = true,
                    Answer::Reply(reply) => outgoing.message(talk.kind(), reply),
                    _ => {}
                }
            })
        })?;
        let is_done = match answer {
            RouteAnswer::Result => answered,
            RouteAnswer::Arrival => arrived,
        };
        match is_done {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }
}

/// Reads and writes until there is nothing more to read now.
fn poll_all(
    connection: &mut Connection,
    context: &mut Context<'_>,
    mut read: impl FnMut(&mut Connection, &mut Context<'_>) -> Poll<Result<(), Lost>>,
) -> Result<(), Lost> {
    loop {
        if let Poll::Ready(Err(lost)) = connection.poll_flush(context) {
            return Err(lost);
        }
        match read(connection, context) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(lost)) => return Err(lost),
            Poll::Pending => return Ok(()),
        }
    }
}

/// Writes what there is to write, and waits for the message in which something is found. `rest` has come already.
async fn await_message<T>(
    connection: &mut Connection,
    rest: &[u8],
    mut find: impl FnMut(&[u8]) -> Option<T>,
) -> Result<T, BenchError> {
    let mut found = None;
    let mut look = |found: &mut Option<T>, message: &[u8]| {
        if found.is_none() {
            *found = find(message);
        }
    };
    let taken = connection.take(rest, |seen| look(&mut found, seen.beginning));
    taken.map_err(BenchError::failed)?;
    let mut buffer = [0; READ_BYTES];
    let waiting = poll_fn(|context| {
        loop {
            if let Some(found) = found.take() {
                return Poll::Ready(Ok(found));
            }
            if let Poll::Ready(Err(lost)) = connection.poll_flush(context) {
                return Poll::Ready(Err(lost));
            }
            let read = connection.poll_read(context, &mut buffer, |seen| {
                look(&mut found, seen.beginning);
            });
            std::task::ready!(read)?;
        }
    });
    match timeout(GREETING_MAX, waiting).await {
        Ok(found) => found.map_err(BenchError::failed),
        Err(_) => Err(BenchError::Failed(format!(
            "the server has not let a client in within {} s: does it speak this protocol?",
            GREETING_MAX.as_secs()
        ))),
    }
}
