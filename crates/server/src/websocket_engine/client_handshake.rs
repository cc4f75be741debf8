//! The client's half of the opening handshake, for the demonstration's own clients.

use bytes::BytesMut;
use raftwire_environment::Environment;
use raftwire_websocket::{ClientHandshake, ClientHandshakeError, MaskKeys};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::WebSocket;

/// Why a WebSocket could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server answered, but not with a WebSocket.
    #[error(transparent)]
    Handshake(#[from] ClientHandshakeError),
    /// No answer that makes sense.
    #[error("{0}")]
    Failed(String),
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// `host:port`.
    pub host: &'a str,
    /// The path, with the query.
    pub path: &'a str,
    /// The one subprotocol that is offered.
    pub protocol: &'static str,
    /// The largest message that the server may send.
    pub received_bytes_max: usize,
}

/// Opens a WebSocket over `io`.
///
/// # Errors
/// See [`ConnectError`].
///
/// # Cancel safety
/// A cancelled call loses the stream, nothing else. It waits for the answer as long as it is let.
pub async fn connect<IO: AsyncRead + AsyncWrite + Unpin>(
    mut io: IO,
    target: Target<'_>,
    environment: &Environment,
) -> Result<WebSocket<IO>, ConnectError> {
    let failed = |error: std::io::Error| ConnectError::Failed(error.to_string());
    let mut key = [0; 16];
    environment.fill_random(&mut key);
    let handshake = ClientHandshake::new(key, target.protocol);
    let request = handshake.request(target.host, target.path);
    io.write_all(request.as_bytes()).await.map_err(failed)?;
    io.flush().await.map_err(failed)?;
    let mut answer = BytesMut::new();
    loop {
        if io.read_buf(&mut answer).await.map_err(failed)? == 0 {
            return Err(ConnectError::Failed("no answer".to_owned()));
        }
        if let Some(len) = handshake.read_answer(&answer)? {
            let frames = answer.split_off(len).freeze();
            let masks = MaskKeys::new(environment.random_u64());
            return Ok(WebSocket::client(
                io,
                frames,
                masks,
                target.received_bytes_max,
            ));
        }
    }
}
