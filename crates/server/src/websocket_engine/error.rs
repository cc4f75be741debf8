//! Why a WebSocket ended.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};

use raftwire_protocol::CloseCode;

/// Why a WebSocket cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What kind of end it is.
    pub kind: ErrorKind,
    message: String,
}

/// What kind of end it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The stream ended or broke: the peer is not there any more.
    Disconnected,
    /// The peer's message is over the limit.
    TooLarge,
    /// The peer's text is not UTF-8.
    NotUtf8,
    /// The peer broke the WebSocket protocol in another way.
    Protocol,
}

impl EngineError {
    pub(super) fn new(kind: ErrorKind, message: &str) -> EngineError {
        EngineError {
            kind,
            message: message.to_owned(),
        }
    }

    /// What the peer is to be told; `None` where nobody listens.
    pub fn close_code(&self) -> Option<CloseCode> {
        match self.kind {
            ErrorKind::Disconnected => None,
            ErrorKind::TooLarge => Some(CloseCode::TOO_LARGE),
            ErrorKind::NotUtf8 => Some(CloseCode::INVALID_PAYLOAD),
            ErrorKind::Protocol => Some(CloseCode::PROTOCOL_ERROR),
        }
    }
}

impl From<Error> for EngineError {
    fn from(error: Error) -> EngineError {
        let kind = match &error {
            Error::Capacity(CapacityError::MessageTooLong { .. }) => ErrorKind::TooLarge,
            Error::Utf8(_) => ErrorKind::NotUtf8,
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Io(_)
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                ErrorKind::Disconnected
            }
            _ => ErrorKind::Protocol,
        };
        EngineError {
            kind,
            message: error.to_string(),
        }
    }
}
