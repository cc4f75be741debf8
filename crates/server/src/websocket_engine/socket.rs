//! One WebSocket, polled by its one owner.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use raftwire_protocol::{CloseCode, Frame, FrameKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Utf8Bytes, protocol::frame::coding};

use super::metered::{Metered, Traffic};
use super::{EngineError, ErrorKind};

/// Bytes read from the socket at once, held by each connection for its whole life. 4 KiB keep an
/// idle connection under 7 kB; the library's default of 128 KiB costs twenty times as much.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Written bytes that wait for a flush before the operating system is asked to take them: what
/// one call takes without making a fan-out of small messages hold many times its size.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;

/// Room in the write buffer beside the largest message, for control frames and headers.
const WRITE_BUFFER_SLACK_BYTES: usize = 4 * 1024;

/// What one WebSocket may hold.
#[derive(Clone, Copy, Debug)]
pub struct EngineLimits {
    /// The largest message that the peer may send.
    pub received_bytes_max: usize,
    /// The largest message that is written.
    pub written_bytes_max: usize,
}

impl EngineLimits {
    fn config(self) -> WebSocketConfig {
        let write_buffer_bytes_max =
            WRITE_BUFFER_BYTES + self.written_bytes_max + WRITE_BUFFER_SLACK_BYTES;
        WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_write_buffer_size(write_buffer_bytes_max)
            .max_message_size(Some(self.received_bytes_max))
            .max_frame_size(Some(self.received_bytes_max))
    }
}

/// What the peer sent. Pings are answered inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A whole message.
    Message(Frame),
    /// A ping, already answered, or the pong to one of ours: the peer lives.
    Heartbeat,
    /// The peer closes, with its code and reason where it gave them; already answered.
    Close(Option<(u16, String)>),
}

/// A WebSocket over `IO`, after its opening handshake.
#[derive(Debug)]
pub struct WebSocket<IO> {
    stream: WebSocketStream<Metered<IO>>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// The server's end. `already_read` came with the handshake and belongs to the first message.
    pub async fn server(io: IO, already_read: Bytes, limits: EngineLimits) -> WebSocket<IO> {
        let io = Metered::new(io);
        let config = Some(limits.config());
        let stream = if already_read.is_empty() {
            WebSocketStream::from_raw_socket(io, Role::Server, config).await
        } else {
            let part = Vec::from(already_read);
            WebSocketStream::from_partially_read(io, part, Role::Server, config).await
        };
        WebSocket { stream }
    }

    pub(super) fn config(limits: EngineLimits) -> WebSocketConfig {
        limits.config()
    }

    pub(super) fn from_stream(stream: WebSocketStream<Metered<IO>>) -> WebSocket<IO> {
        WebSocket { stream }
    }

    /// What has passed so far.
    pub fn traffic(&self) -> Traffic {
        self.stream.get_ref().traffic
    }

    /// The next thing from the peer; `None` after its close was answered.
    ///
    /// # Errors
    /// The WebSocket has ended; later calls return `None`.
    pub fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Received, EngineError>>> {
        let message = match ready!(Pin::new(&mut self.stream).poll_next(context)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            Some(Ok(message)) => message,
        };
        Poll::Ready(Some(Ok(match message {
            Message::Text(text) => {
                // The library has checked it; a wrong frame is impossible, not an event.
                let payload = Bytes::from(text);
                Received::Message(
                    Frame::from_utf8(payload.clone()).unwrap_or(Frame::binary(payload)),
                )
            }
            Message::Binary(payload) => Received::Message(Frame::binary(payload)),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Received::Heartbeat,
            Message::Close(frame) => {
                Received::Close(frame.map(|frame| (frame.code.into(), frame.reason.to_string())))
            }
        })))
    }

    /// Whether [`write`](Self::write) may be called: pending while the peer takes nothing.
    ///
    /// # Errors
    /// The WebSocket has ended.
    pub fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<Result<(), EngineError>> {
        Pin::new(&mut self.stream)
            .poll_ready(context)
            .map_err(EngineError::from)
    }

    /// Buffers a message; [`poll_flush`](Self::poll_flush) sends it. To be called after
    /// [`poll_writable`](Self::poll_writable) was ready.
    ///
    /// # Errors
    /// The WebSocket has ended.
    pub fn write(&mut self, frame: Frame) -> Result<(), EngineError> {
        let message = match frame.kind() {
            FrameKind::Text => match Utf8Bytes::try_from(frame.into_payload()) {
                Ok(text) => Message::Text(text),
                Err(_) => return Err(not_text()),
            },
            FrameKind::Binary => Message::Binary(frame.into_payload()),
        };
        self.start_send(message)
    }

    /// Buffers a ping.
    ///
    /// # Errors
    /// The WebSocket has ended.
    pub fn write_ping(&mut self) -> Result<(), EngineError> {
        self.start_send(Message::Ping(Bytes::new()))
    }

    /// Buffers the close; nothing may be written after it.
    ///
    /// # Errors
    /// The WebSocket has ended.
    pub fn write_close(&mut self, code: CloseCode) -> Result<(), EngineError> {
        let reason = Utf8Bytes::from_static(code.reason());
        let code = coding::CloseCode::from(code.code());
        self.start_send(Message::Close(Some(CloseFrame { code, reason })))
    }

    fn start_send(&mut self, message: Message) -> Result<(), EngineError> {
        Pin::new(&mut self.stream)
            .start_send(message)
            .map_err(EngineError::from)
    }

    /// Hands everything buffered to the operating system.
    ///
    /// # Errors
    /// The WebSocket has ended.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), EngineError>> {
        Pin::new(&mut self.stream)
            .poll_flush(context)
            .map_err(EngineError::from)
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
        self.write(frame)?;
        poll_fn(|context| self.poll_flush(context)).await
    }

    /// Ends the stream so that what was written arrives: says that nothing more will come, and
    /// throws away what the peer still sends, at most `discarded_bytes_max`, until it has ended
    /// too. Closing a socket that has unread bytes would reset it and lose our last words.
    pub async fn linger(mut self, discarded_bytes_max: u64) {
        let io = self.stream.get_mut();
        if io.shutdown().await.is_ok() {
            let mut rest = io.take(discarded_bytes_max);
            // Whatever ends it, the stream has ended.
            drop(tokio::io::copy(&mut rest, &mut tokio::io::sink()).await);
        }
    }
}

fn not_text() -> EngineError {
    EngineError::new(ErrorKind::Protocol, "a text frame that is not UTF-8")
}
