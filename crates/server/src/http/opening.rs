//! Why a client's WebSocket was not opened.

use http::StatusCode;
use http::header::UPGRADE;

use super::ApiError;
use crate::websocket_engine::HandshakeError;

/// Why a client's WebSocket was not opened. The client is told its code, and it is counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusalReason {
    /// The request is no opening handshake.
    NotAWebSocket,
    /// It came from a page that may not connect.
    OriginNotAllowed,
    /// The subprotocol was not offered.
    SubprotocolRequired,
    /// There are as many clients as there may be.
    TooManyClients,
    /// Nobody knows who asks.
    Unauthenticated,
    /// Who asks may not connect.
    NotAdmitted,
    /// What the client says of itself cannot be.
    InvalidIdentity,
    /// Who asks cannot be found out now.
    AuthenticationUnavailable,
    /// The node is no member of its cluster yet, has no lease, or stops.
    NotReady,
    /// Another connection has the name, and keeps it.
    NameTaken,
    /// The name cannot be registered now.
    NameUnavailable,
}

const _: () = assert!(RefusalReason::ALL.len() == RefusalReason::NameUnavailable as usize + 1);

impl RefusalReason {
    /// Every reason, in the order in which they are looked for.
    pub(crate) const ALL: [RefusalReason; 11] = [
        RefusalReason::NotAWebSocket,
        RefusalReason::OriginNotAllowed,
        RefusalReason::SubprotocolRequired,
        RefusalReason::TooManyClients,
        RefusalReason::Unauthenticated,
        RefusalReason::NotAdmitted,
        RefusalReason::InvalidIdentity,
        RefusalReason::AuthenticationUnavailable,
        RefusalReason::NotReady,
        RefusalReason::NameTaken,
        RefusalReason::NameUnavailable,
    ];

    /// The `code` of the answer, and the word used in metrics.
    pub(crate) fn code(self) -> &'static str {
        match self {
            RefusalReason::NotAWebSocket => "not_a_websocket",
            RefusalReason::OriginNotAllowed => "origin_not_allowed",
            RefusalReason::SubprotocolRequired => "subprotocol_required",
            RefusalReason::TooManyClients => "too_many_clients",
            RefusalReason::Unauthenticated => "unauthenticated",
            RefusalReason::NotAdmitted => "not_admitted",
            RefusalReason::InvalidIdentity => "invalid_identity",
            RefusalReason::AuthenticationUnavailable => "authentication_unavailable",
            RefusalReason::NotReady => "not_ready",
            RefusalReason::NameTaken => "name_taken",
            RefusalReason::NameUnavailable => "name_unavailable",
        }
    }

    /// The status of the answer, where what was wrong with the handshake has no status of its own.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            RefusalReason::NotAWebSocket
            | RefusalReason::SubprotocolRequired
            | RefusalReason::InvalidIdentity => StatusCode::BAD_REQUEST,
            RefusalReason::Unauthenticated => StatusCode::UNAUTHORIZED,
            RefusalReason::OriginNotAllowed | RefusalReason::NotAdmitted => StatusCode::FORBIDDEN,
            RefusalReason::NameTaken => StatusCode::CONFLICT,
            RefusalReason::TooManyClients
            | RefusalReason::AuthenticationUnavailable
            | RefusalReason::NotReady
            | RefusalReason::NameUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// An opening that was refused: what is counted, and what is answered.
#[derive(Debug)]
pub(super) struct RefusedOpening {
    pub(super) reason: RefusalReason,
    status: StatusCode,
    message: String,
}

impl RefusedOpening {
    pub(super) fn new(reason: RefusalReason, message: impl Into<String>) -> RefusedOpening {
        RefusedOpening {
            reason,
            status: reason.status(),
            message: message.into(),
        }
    }
}

impl From<HandshakeError> for RefusedOpening {
    fn from(error: HandshakeError) -> RefusedOpening {
        RefusedOpening {
            reason: RefusalReason::NotAWebSocket,
            status: error.status(),
            message: error.to_string(),
        }
    }
}

impl From<RefusedOpening> for ApiError {
    fn from(refused: RefusedOpening) -> ApiError {
        let RefusedOpening {
            reason,
            status,
            message,
        } = refused;
        let error = ApiError::new(status, reason.code(), message);
        match status {
            StatusCode::UPGRADE_REQUIRED => error.with_header(UPGRADE, "websocket"),
            _ => error,
        }
    }
}
