//! Why a WebSocket ended.

use std::io;

use raftwire_protocol::CloseCode;
use raftwire_websocket::ProtocolError;

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
    /// The stream ended without a close.
    pub(super) fn ended() -> EngineError {
        EngineError {
            kind: ErrorKind::Disconnected,
            message: "the connection ended without a close".to_owned(),
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

impl From<io::Error> for EngineError {
    fn from(error: io::Error) -> EngineError {
        EngineError {
            kind: ErrorKind::Disconnected,
            message: error.to_string(),
        }
    }
}

impl From<ProtocolError> for EngineError {
    fn from(error: ProtocolError) -> EngineError {
        let kind = match error {
            ProtocolError::TooLarge { .. } => ErrorKind::TooLarge,
            ProtocolError::NotUtf8 => ErrorKind::NotUtf8,
            _ => ErrorKind::Protocol,
        };
        EngineError {
            kind,
            message: error.to_string(),
        }
    }
}
