//! One WebSocket, polled by its one owner.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use raftwire_protocol::{CloseCode, Frame, FrameKind};
use raftwire_websocket::{
    CloseReason, Decoder, DeflateAgreement, Deflated, Encoder, Event, MaskKeys, Message,
    MessageKind, ProtocolError, Role,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::output::Output;
use super::{EngineError, compression};

/// Bytes read from a socket at once. The buffer is the thread's, so that it can be large: a burst of
/// small messages, or half of a large one, in one call.
const READ_BUFFER_BYTES: usize = 32 * 1024;

/// Written bytes that wait for a flush before the operating system is asked to take them: what
/// one call takes without making a fan-out of small messages hold many times its size.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> =
        RefCell::new(vec![0; READ_BUFFER_BYTES].into_boxed_slice());
}

/// Bytes that have passed a socket so far: a large message that moves slowly moves all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that the peer sent.
    pub received: u64,
    /// Bytes that the operating system took from us.
    pub written: u64,
}

/// What the peer sent. Pings are answered inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A whole message.
    Message(Frame),
    /// A ping, already answered, or the pong to one of ours: the peer lives.
    Heartbeat,
    /// The peer closes, with its code and reason where it gave them; already answered.
    Close(Option<CloseReason>),
}

/// A WebSocket over `IO`, after its opening handshake.
#[derive(Debug)]
pub struct WebSocket<IO> {
    io: IO,
    decoder: Decoder,
    encoder: Encoder,
    /// Of a server: messages may be compressed.
    deflate: Option<DeflateAgreement>,
    /// What was read and not decoded yet.
    input: Bytes,
    output: Output,
    traffic: Traffic,
    /// An answer waits that the owner does not know of, or the stream has not been flushed.
    owes_flush: bool,
    /// Our close is written, or waits to be.
    is_closed_here: bool,
    /// The peer's close was read.
    is_closed_there: bool,
    /// Nothing more can be read.
    is_broken: bool,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// The server's end. `already_read` came with the handshake and belongs to the first message;
    /// a message of the client has at most `received_bytes_max` bytes, inflated if it is compressed, which it may
    /// be where that was agreed on.
    pub fn server(
        io: IO,
        already_read: Bytes,
        received_bytes_max: usize,
        deflate: Option<DeflateAgreement>,
    ) -> WebSocket<IO> {
        let decoder = Decoder::new(Role::Server, received_bytes_max);
        let mut socket = WebSocket::new(io, decoder, Encoder::server(), already_read);
        socket.deflate = deflate;
        socket
    }

    /// The client's end.
    pub(super) fn client(
        io: IO,
        already_read: Bytes,
        masks: MaskKeys,
        received_bytes_max: usize,
    ) -> WebSocket<IO> {
        let decoder = Decoder::new(Role::Client, received_bytes_max);
        WebSocket::new(io, decoder, Encoder::client(masks), already_read)
    }

    fn new(io: IO, decoder: Decoder, encoder: Encoder, input: Bytes) -> WebSocket<IO> {
        WebSocket {
            io,
            decoder,
            encoder,
            deflate: None,
            // Not as it is: it would keep the buffer of which it is a part.
            input: Bytes::copy_from_slice(&input),
            output: Output::default(),
            traffic: Traffic {
                received: input.len() as u64,
                written: 0,
            },
            owes_flush: false,
            is_closed_here: false,
            is_closed_there: false,
            is_broken: false,
        }
    }

    /// What has passed so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Whether an answer waits, as to a ping: while the peer takes it not, nothing more may be read.
    pub fn owes_flush(&self) -> bool {
        self.owes_flush
    }

    /// The next thing from the peer; `None` when its close was answered and that is written.
    ///
    /// # Errors
    /// Nothing more can be read; later calls return `None`. What is written after an error of the
    /// peer's, as the close that says so, still goes to it.
    pub fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Received, EngineError>>> {
        if self.is_broken {
            return Poll::Ready(None);
        }
        match self.poll_next(context) {
            Poll::Ready(Err(error)) => {
                self.is_broken = true;
                self.input = Bytes::new();
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(Ok(received)) => Poll::Ready(received.map(Ok)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Received>, EngineError>> {
        // Answers go first: from a peer that does not take them no more is read, so they are few.
        if self.owes_flush {
            let flushed = self.poll_flush(context)?;
            let must_wait = self.is_closed_there || self.output.len() >= WRITE_BUFFER_BYTES;
            if flushed.is_pending() && must_wait {
                return Poll::Pending;
            }
        }
        if self.is_closed_there {
            return Poll::Ready(Ok(None));
        }
        loop {
            let event = if self.input.is_empty() {
                ready!(self.poll_read(context))?
            } else {
                let mut bytes = &self.input[..];
                let event = decode(&mut self.decoder, self.deflate, &mut bytes)?;
                let used = self.input.len() - bytes.len();
                self.input.advance(used);
                if self.input.is_empty() {
                    self.input = Bytes::new();
                }
                event
            };
            if let Some(event) = event {
                return Poll::Ready(Ok(Some(self.receive_event(event)?)));
            }
        }
    }

    /// Reads once, into the thread's buffer, and decodes the first event of it.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Event>, EngineError>> {
        READ_BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer))?;
            let mut bytes: &[u8] = buffer.filled();
            if bytes.is_empty() {
                return Poll::Ready(Err(EngineError::ended()));
            }
            self.traffic.received += bytes.len() as u64;
            let event = decode(&mut self.decoder, self.deflate, &mut bytes)?;
            if !bytes.is_empty() {
                self.input = Bytes::copy_from_slice(bytes);
            }
            Poll::Ready(Ok(event))
        })
    }

    fn receive_event(&mut self, event: Event) -> Result<Received, ProtocolError> {
        Ok(match event {
            Event::Message(Message { kind, payload }) => Received::Message(match kind {
                MessageKind::Text => {
                    Frame::from_utf8(payload).map_err(|_| ProtocolError::NotUtf8)?
                }
                MessageKind::Binary => Frame::binary(payload),
            }),
            Event::Ping(payload) => {
                if !self.is_closed_here {
                    self.encoder.pong(&payload, self.output.tail());
                    self.owes_flush = true;
                }
                Received::Heartbeat
            }
            Event::Pong(_) => Received::Heartbeat,
            Event::Close(reason) => {
                self.is_closed_there = true;
                self.input = Bytes::new();
                let code = reason.as_ref().map(|reason| (reason.code, ""));
                self.close(code);
                Received::Close(reason)
            }
        })
    }

    /// Whether [`write`](Self::write) may be called: pending while the peer takes nothing.
    ///
    /// # Errors
    /// The WebSocket has ended.
    pub fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<Result<(), EngineError>> {
        while self.output.len() >= WRITE_BUFFER_BYTES {
            ready!(self.poll_write(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Buffers a message; [`poll_flush`](Self::poll_flush) sends it. To be called after
    /// [`poll_writable`](Self::poll_writable) was ready. Nothing follows a close: after one it is
    /// dropped.
    pub fn write(&mut self, frame: Frame) {
        let is_deflated = self.deflates(frame.len());
        let deflated = is_deflated.then(|| compression::deflate(frame.payload()));
        if let Some(deflated) = deflated.flatten() {
            return self.write_deflated(frame.kind(), &[], deflated);
        }
        if !self.is_closed_here {
            self.output.push(&mut self.encoder, frame);
        }
    }

    /// Whether something of so many bytes goes to the peer compressed, if that makes it shorter.
    pub fn deflates(&self, payload_bytes: usize) -> bool {
        compression::is_worth_it(payload_bytes)
            && self
                .deflate
                .is_some_and(|agreed| agreed.fits(payload_bytes))
    }

    /// Buffers a message of a beginning and of what [`deflate`](super::deflate) made of the rest, which
    /// [`deflates`](Self::deflates) takes.
    pub fn write_deflated(&mut self, kind: FrameKind, beginning: &[u8], rest: Bytes) {
        if !self.is_closed_here {
            let rest = Deflated::from_body(rest);
            self.output.push_deflated(kind, beginning, rest);
        }
    }

    /// Buffers a message of a beginning and what follows it, which may be many sockets'. The caller
    /// sees to it that a text is UTF-8.
    pub fn write_parts(&mut self, kind: FrameKind, beginning: &[u8], rest: &Bytes) {
        if !self.is_closed_here {
            let encoder = &mut self.encoder;
            self.output.push_parts(encoder, kind, beginning, rest);
        }
    }

    /// Buffers a ping.
    pub fn write_ping(&mut self) {
        if !self.is_closed_here {
            self.encoder.ping(&[], self.output.tail());
        }
    }

    /// Buffers the close.
    pub fn write_close(&mut self, code: CloseCode) {
        self.close(Some((code.code(), code.reason())));
    }

    fn close(&mut self, reason: Option<(u16, &str)>) {
        if !self.is_closed_here {
            self.is_closed_here = true;
            self.encoder.close(reason, self.output.tail());
            self.owes_flush = true;
        }
    }

    /// Hands everything buffered to the operating system.
    ///
    /// # Errors
    /// The WebSocket has ended.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), EngineError>> {
        while !self.output.is_empty() {
            ready!(self.poll_write(context))?;
        }
        ready!(Pin::new(&mut self.io).poll_flush(context))?;
        self.owes_flush = false;
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), EngineError>> {
        let taken = ready!(self.output.poll_write(&mut self.io, context))?;
        self.traffic.written += taken as u64;
        Poll::Ready(Ok(()))
    }

    /// [`poll_receive`](Self::poll_receive) as a future.
    ///
    /// # Errors
    /// See there.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn receive(&mut self) -> Option<Result<Received, EngineError>> {
        poll_fn(|context| self.poll_receive(context)).await
    }

    /// Writes one message and flushes it.
    ///
    /// # Errors
    /// The WebSocket has ended.
    ///
    /// # Cancel safety
    /// A cancelled call may have buffered the message.
    pub async fn send(&mut self, frame: Frame) -> Result<(), EngineError> {
        poll_fn(|context| self.poll_writable(context)).await?;
        self.write(frame);
        poll_fn(|context| self.poll_flush(context)).await
    }

    /// Ends the stream so that what was written arrives: says that nothing more will come, and
    /// throws away what the peer still sends, at most `discarded_bytes_max`, until it has ended
    /// too. Closing a socket that has unread bytes would reset it and lose our last words.
    pub async fn linger(mut self, discarded_bytes_max: u64) {
        if self.io.shutdown().await.is_ok() {
            let mut rest = self.io.take(discarded_bytes_max);
            // Whatever ends it, the stream has ended.
            drop(tokio::io::copy(&mut rest, &mut tokio::io::sink()).await);
        }
    }
}

/// The next event, of a connection whose messages may be compressed or not.
fn decode(
    decoder: &mut Decoder,
    deflate: Option<DeflateAgreement>,
    input: &mut &[u8],
) -> Result<Option<Event>, ProtocolError> {
    match deflate {
        Some(_) => compression::decode(decoder, input),
        None => decoder.decode(input),
    }
}
