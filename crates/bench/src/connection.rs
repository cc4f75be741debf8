use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use raftwire_websocket::{Encoder, Event, MessageKind, PieceReader, ProtocolError};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use crate::stream::Stream;

use crate::protocol::nats::{Endless, Splitter};

/// Bytes of a message's beginning that are kept where it comes in pieces: more than a node's answer has.
const BEGINNING_BYTES: usize = 1024;

/// One WebSocket, which looks at what comes and keeps nothing of it.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    reader: PieceReader,
    /// Of a message that comes in pieces.
    beginning: Vec<u8>,
    /// Where messages are a stream of operations.
    splitter: Option<Splitter>,
    outgoing: Outgoing,
}

/// What is to be written.
#[derive(Debug)]
pub(crate) struct Outgoing {
    encoder: Encoder,
    bytes: BytesMut,
}

/// A message that has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) kind: MessageKind,
    /// All of it where it came at once, else at least its first [`BEGINNING_BYTES`].
    pub(crate) beginning: &'a [u8],
    /// How long it was.
    pub(crate) len: u64,
}

/// Why a connection has ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("the server has closed it: {0}")]
    Closed(String),
    #[error("the server has ended it without a close")]
    Ended,
    #[error("the server breaks the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    #[error("an operation of the server has no end")]
    Endless(#[from] Endless),
    #[error("{0}")]
    Socket(#[from] io::Error),
}

impl Connection {
    pub(crate) fn new(stream: Stream, encoder: Encoder) -> Connection {
        Connection {
            stream,
            reader: PieceReader::default(),
            beginning: Vec::new(),
            splitter: None,
            outgoing: Outgoing {
                encoder,
                bytes: BytesMut::new(),
            },
        }
    }

    /// From here on what comes is a stream of NATS operations, wherever messages begin and end; each is seen
    /// as a message, whole.
    pub(crate) fn split_operations(&mut self) {
        self.splitter = Some(Splitter::default());
    }

    /// Adds a message to what is to be written.
    pub(crate) fn write(&mut self, kind: MessageKind, payload: &[u8]) {
        self.outgoing.message(kind, payload);
    }

    /// Reads once, and tells of each message that has come. Pings are answered with the next flush.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
        mut each: impl FnMut(Seen<'_>),
    ) -> Poll<Result<(), Lost>> {
        self.poll_read_and_answer(context, buffer, |seen, _| each(seen))
    }

    /// The same; what is answered goes with the next flush.
    pub(crate) fn poll_read_and_answer(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
        each: impl FnMut(Seen<'_>, &mut Outgoing),
    ) -> Poll<Result<(), Lost>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Err(Lost::Ended));
        }
        Poll::Ready(self.take_and_answer(buffer.filled(), each))
    }

    /// Takes bytes that have come.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Seen<'_>),
    ) -> Result<(), Lost> {
        self.take_and_answer(bytes, |seen, _| each(seen))
    }

    fn take_and_answer(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(Seen<'_>, &mut Outgoing),
    ) -> Result<(), Lost> {
        while let Some(read) = self.reader.read(&mut bytes)? {
            let piece = match read {
                Ok(piece) => piece,
                Err(event) => {
                    self.answer(event)?;
                    continue;
                }
            };
            let kind = piece.kind;
            if let Some(splitter) = &mut self.splitter {
                splitter.take(piece.bytes, |operation| {
                    let seen = Seen {
                        kind,
                        beginning: operation,
                        len: operation.len() as u64,
                    };
                    each(seen, &mut self.outgoing);
                })?;
                continue;
            }
            let len = piece.before + piece.bytes.len() as u64;
            if piece.is_last && piece.before == 0 {
                let beginning = piece.bytes;
                let seen = Seen {
                    kind,
                    beginning,
                    len,
                };
                each(seen, &mut self.outgoing);
                continue;
            }
            let room = BEGINNING_BYTES.saturating_sub(self.beginning.len());
            let kept = &piece.bytes[..room.min(piece.bytes.len())];
            self.beginning.extend_from_slice(kept);
            if piece.is_last {
                let beginning = &self.beginning;
                let seen = Seen {
                    kind,
                    beginning,
                    len,
                };
                each(seen, &mut self.outgoing);
                self.beginning.clear();
            }
        }
        Ok(())
    }

    fn answer(&mut self, event: Event) -> Result<(), Lost> {
        match event {
            Event::Ping(payload) => {
                self.outgoing.pong(&payload);
                Ok(())
            }
            Event::Pong(_) | Event::Message(_) => Ok(()),
            Event::Close(reason) => Err(Lost::Closed(reason.map_or_else(
                || "without a reason".to_owned(),
                |reason| format!("{} {}", reason.code, reason.text),
            ))),
        }
    }

    /// Hands to the operating system what it takes now; whether that was all.
    pub(crate) fn try_flush(&mut self) -> Result<bool, Lost> {
        while !self.outgoing.bytes.is_empty() {
            match self.stream.try_write(&self.outgoing.bytes) {
                Ok(len) => self.written(len),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        match self.stream.try_flush() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Hands everything to the operating system.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        while !self.outgoing.bytes.is_empty() {
            let len = ready!(Pin::new(&mut self.stream).poll_write(context, &self.outgoing.bytes))?;
            self.written(len);
        }
        Pin::new(&mut self.stream)
            .poll_flush(context)
            .map_err(Lost::Socket)
    }

    fn written(&mut self, len: usize) {
        if len == self.outgoing.bytes.len() {
            // Keeps the memory for what comes next.
            self.outgoing.bytes.clear();
        } else {
            self.outgoing.bytes.advance(len);
        }
    }
}

impl Outgoing {
    /// Adds a message.
    pub(crate) fn message(&mut self, kind: MessageKind, payload: &[u8]) {
        self.encoder.message(kind, payload, &mut self.bytes);
    }

    fn pong(&mut self, payload: &[u8]) {
        self.encoder.pong(payload, &mut self.bytes);
    }
}
