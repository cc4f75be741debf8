//! The client's half of the opening handshake, for the demonstration's own clients.

use http::Request;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, http as tungstenite_http};

use super::metered::Metered;
use super::{EngineLimits, WebSocket};

/// Why a WebSocket could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server answered, but not with a WebSocket.
    #[error("the server answered {status}")]
    Refused {
        /// The status of its answer.
        status: http::StatusCode,
    },
    /// No answer that makes sense.
    #[error("{0}")]
    Failed(String),
}

/// Opens a WebSocket at `url` (`ws://host:port/path`) over `io` with one subprotocol.
///
/// # Errors
/// See [`ConnectError`].
pub async fn connect<IO: AsyncRead + AsyncWrite + Unpin>(
    io: IO,
    url: &str,
    protocol: &'static str,
    limits: EngineLimits,
) -> Result<WebSocket<IO>, ConnectError> {
    let failed = |error: Error| match error {
        Error::Http(response) => ConnectError::Refused {
            status: response.status(),
        },
        other => ConnectError::Failed(other.to_string()),
    };
    let mut request: Request<()> = url.into_client_request().map_err(failed)?;
    let protocol = tungstenite_http::HeaderValue::from_static(protocol);
    request
        .headers_mut()
        .insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    let config = WebSocket::<IO>::config(limits);
    let (stream, _) = client_async_with_config(request, Metered::new(io), Some(config))
        .await
        .map_err(failed)?;
    Ok(WebSocket::from_stream(stream))
}
