//! The WebSocket engine, tungstenite, behind the few things that a channel needs of it. Nothing
//! else in this crate names it.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::Uri;
use raftwire_protocol::limits::CLOSE_REASON_BYTES_MAX;
use raftwire_protocol::{CloseCode, Lane};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use crate::tls::tls_failure;
use crate::watched_io::AnyIo;

/// Bytes of the read buffer. The engine fills the whole of it with zeros at every read, so that a
/// large one costs more than the system calls that it saves.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// Bytes of small packets that are gathered before they are written without being asked to.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// What headers, and the pongs and the close frame that the engine adds by itself, need beside the
/// largest packet.
const WRITE_MARGIN_BYTES: usize = 4 * 1024;

/// Characters of a peer's refusal that are passed on: a line of a log.
const REFUSAL_CHARACTERS_MAX: usize = 200;

/// A WebSocket connection that carries the packets of one lane, each as a binary message.
pub(crate) struct Socket(WebSocketStream<AnyIo>);

/// Reads from a [`Socket`].
pub(crate) struct SocketReader(SplitStream<WebSocketStream<AnyIo>>);

/// Writes to a [`Socket`].
pub(crate) struct SocketWriter(SplitSink<WebSocketStream<AnyIo>, Message>);

/// Why a connection can be read no longer, or not be written to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error("closed by peer: {0}")]
    ClosedByPeer(String),
    #[error("a packet of the peer is over the limit of {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the peer broke the WebSocket protocol: {0}")]
    Violation(String),
    #[error("connection lost: {0}")]
    Lost(String),
}

/// Why a peer that was reached did not become a connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// It answered something else.
    #[error("answered {status}: {text}")]
    Refused { status: u16, text: String },
    /// What answers there is no WebSocket server, or the connection was lost.
    #[error("{0}")]
    Failed(String),
}

fn config(lane: Lane) -> WebSocketConfig {
    let limit = lane.packet_bytes_max();
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES + limit + WRITE_MARGIN_BYTES)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit))
}

/// What a server answers to a client's key (RFC 6455 §4.2.2).
pub(crate) fn accept_key(key: &[u8]) -> String {
    derive_accept_key(key)
}

impl Socket {
    /// Asks the server at the other end to upgrade. Sets no time limit.
    pub(crate) async fn client(io: AnyIo, uri: Uri, lane: Lane) -> Result<Self, ClientError> {
        let request = uri.into_client_request();
        let request = request.map_err(|error| ClientError::Failed(error.to_string()))?;
        let upgraded =
            tokio_tungstenite::client_async_with_config(request, io, Some(config(lane))).await;
        match upgraded {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                let text = String::from_utf8_lossy(body);
                Err(ClientError::Refused {
                    status: response.status().as_u16(),
                    text: one_line(&text),
                })
            }
            // In TLS 1.3 the end that dials learns only here that its certificate was refused.
            Err(Error::Io(error)) => Err(ClientError::Failed(tls_failure(&error))),
            Err(error) => Err(ClientError::Failed(error.to_string())),
        }
    }

    /// Takes a connection over that was upgraded at this end; `rest` came right behind the
    /// request.
    pub(crate) async fn server(io: AnyIo, rest: Bytes, lane: Lane) -> Self {
        let (role, config) = (Role::Server, Some(config(lane)));
        Self(WebSocketStream::from_partially_read(io, rest.into(), role, config).await)
    }

    pub(crate) fn split(self) -> (SocketWriter, SocketReader) {
        let (writer, reader) = self.0.split();
        (SocketWriter(writer), SocketReader(reader))
    }
}

impl SocketReader {
    /// Waits for the next packet. Answers pings by the way.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no packet is lost.
    pub(crate) async fn next(&mut self, lane: Lane) -> Result<Bytes, SocketError> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Binary(packet))) => return Ok(packet),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    let text = match frame {
                        Some(frame) => format!("{} {}", u16::from(frame.code), frame.reason),
                        None => "without a reason".to_owned(),
                    };
                    return Err(SocketError::ClosedByPeer(text));
                }
                Some(Ok(Message::Text(_) | Message::Frame(_))) => {
                    let text = "a text message on a cluster channel".to_owned();
                    return Err(SocketError::Violation(text));
                }
                Some(Err(error)) => return Err(describe(error, lane)),
                None => return Err(SocketError::Lost("the stream has ended".to_owned())),
            }
        }
    }
}

fn describe(error: Error, lane: Lane) -> SocketError {
    match error {
        Error::Capacity(_) => SocketError::TooLarge {
            limit: lane.packet_bytes_max(),
        },
        Error::Io(error) => SocketError::Lost(tls_failure(&error)),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        | Error::ConnectionClosed
        | Error::AlreadyClosed => SocketError::Lost("ended without a close frame".to_owned()),
        other => SocketError::Violation(other.to_string()),
    }
}

impl SocketWriter {
    /// Puts a packet into the write buffer, and waits for room if there is none.
    pub(crate) async fn feed(&mut self, packet: Bytes) -> Result<(), SocketError> {
        self.put(Message::Binary(packet)).await
    }

    /// Puts a ping into the write buffer.
    pub(crate) async fn feed_ping(&mut self) -> Result<(), SocketError> {
        self.put(Message::Ping(Bytes::new())).await
    }

    async fn put(&mut self, message: Message) -> Result<(), SocketError> {
        let fed = self.0.feed(message).await;
        fed.map_err(|error| SocketError::Lost(error.to_string()))
    }

    /// Waits until the write buffer has been handed to the system.
    pub(crate) async fn flush(&mut self) -> Result<(), SocketError> {
        let flushed = self.0.flush().await;
        flushed.map_err(|error| SocketError::Lost(error.to_string()))
    }

    /// Sends a close frame; the reason is cut to what fits.
    pub(crate) async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SocketError> {
        let frame = CloseFrame {
            code: code.code().into(),
            reason: fitting(reason).into(),
        };
        self.put(Message::Close(Some(frame))).await?;
        self.flush().await
    }
}

/// As much of a reason as a close frame has room for.
fn fitting(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(CLOSE_REASON_BYTES_MAX)]
}

/// Ends the connection below. Reads on for a while and forgets what it reads: where there are
/// unread bytes when a socket is closed, the system resets the connection, and the peer may never
/// see the close frame.
pub(crate) async fn linger(reader: SocketReader, writer: SocketWriter, at_most: Duration) {
    if let Ok(stream) = reader.0.reunite(writer.0) {
        linger_io(stream.into_inner(), at_most).await;
    }
}

/// [`linger`] for a connection that was not upgraded.
pub(crate) async fn linger_io(mut io: AnyIo, at_most: Duration) {
    let end = async {
        io.shutdown().await?;
        let mut forgotten = [0; 4096];
        while io.read(&mut forgotten).await? > 0 {}
        io::Result::Ok(())
    };
    // However it ends, the connection is dropped next.
    let _ = tokio::time::timeout(at_most, end).await;
}

/// The beginning of a text as a line of a log has room for it.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    line.chars().take(REFUSAL_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_cut_at_a_character() {
        assert_eq!(fitting("short"), "short");
        let long = "é".repeat(100);
        assert_eq!(fitting(&long).len(), 122);
    }

    #[test]
    fn buffers_are_bounded_on_both_lanes() {
        for lane in Lane::ALL {
            let config = config(lane);
            assert_eq!(config.max_message_size, Some(lane.packet_bytes_max()));
            assert!(config.max_write_buffer_size < 512 * 1024);
        }
    }

    #[test]
    fn a_refusal_is_one_line_of_bounded_length() {
        let page = "<html>\r\n  <h1>502</h1>\n</html>\n";
        assert_eq!(one_line(page), "<html> <h1>502</h1> </html>");
        let long = one_line(&"é".repeat(1_000));
        assert_eq!(long.chars().count(), REFUSAL_CHARACTERS_MAX);
    }
}
