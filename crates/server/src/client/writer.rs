//! What goes to a client, in order, coalesced.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use raftwire_protocol::{CloseCode, Frame, FrameKind};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Answered;
use super::protocol::binary::encode_delivered;
use super::protocol::{MessageEnvelope, ToClient};
use crate::websocket_engine::{EngineError, WebSocket};

/// Replies that may wait to be written before nothing more is read from the client: who does
/// not take the answers may not ask more.
const REPLIES_MAX: usize = 64;

/// Something that goes to the client.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A frame that was routed to the connection. It gets its sequence number when it is written.
    Deliver(Frame),
    /// The node's own words.
    Say(Frame),
    /// The brief answer to a send with this number.
    Delivered(u64),
    Ping,
    Close(CloseCode),
}

/// The queue to the socket. It is bounded by who fills it: one batch of the outbox at a time,
/// the sends in flight, and [`REPLIES_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Writer {
    queue: VecDeque<Outgoing>,
    /// The sequence number of the message written last.
    sequence: u64,
    /// Something was buffered and not flushed.
    buffered: bool,
}

impl Writer {
    pub(crate) fn push(&mut self, outgoing: Outgoing) {
        self.queue.push_back(outgoing);
    }

    pub(crate) fn answer(&mut self, answered: Answered) {
        match answered {
            Answered::Said(message) => self.say(&message),
            Answered::Delivered(id) => self.push(Outgoing::Delivered(id)),
        }
    }

    pub(crate) fn say(&mut self, message: &ToClient<'_>) {
        self.push(Outgoing::Say(message.encode()));
    }

    /// Whether everything was handed to the operating system.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.buffered
    }

    /// Whether nothing waits but what the socket's buffer has taken.
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the client may ask for more.
    pub(crate) fn takes_replies(&self) -> bool {
        self.queue.len() < REPLIES_MAX
    }

    /// Encodes into the socket's buffer as much as it takes.
    pub(crate) fn poll_fill<IO: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut WebSocket<IO>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), EngineError>> {
        while !self.queue.is_empty() {
            ready!(socket.poll_writable(context))?;
            self.buffered = true;
            match self.queue.pop_front() {
                Some(Outgoing::Deliver(frame)) => {
                    self.sequence += 1;
                    let envelope = MessageEnvelope::new(self.sequence, &frame);
                    socket.write_parts(frame.kind(), envelope.head(), envelope.rest());
                }
                Some(Outgoing::Say(frame)) => socket.write(frame),
                Some(Outgoing::Delivered(id)) => {
                    let delivered = encode_delivered(id);
                    socket.write_parts(FrameKind::Binary, &delivered, &Bytes::new());
                }
                Some(Outgoing::Ping) => socket.write_ping(),
                Some(Outgoing::Close(code)) => {
                    self.queue.clear();
                    socket.write_close(code);
                }
                None => {}
            }
        }
        // The capacity of a burst is not kept for the days of silence after it.
        if self.queue.capacity() > 0 {
            self.queue = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when everything was handed to the operating system.
    pub(crate) fn poll_flush<IO: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut WebSocket<IO>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), EngineError>> {
        ready!(self.poll_fill(socket, context))?;
        if self.buffered {
            ready!(socket.poll_flush(context))?;
            self.buffered = false;
        }
        Poll::Ready(Ok(()))
    }
}
