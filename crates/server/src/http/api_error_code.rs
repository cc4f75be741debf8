use http::StatusCode;

/// Why the API does not serve a request, as `docs/protocol.md` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiErrorCode {
    /// What a message is for has no such form.
    InvalidTarget,
    /// No node can have this name.
    InvalidNode,
    /// A parameter that there is not, or a value that it cannot have.
    InvalidQuery,
    /// The body is not of the kind that its head says.
    InvalidPayload,
    /// The body broke off.
    IncompleteBody,
    /// The token is missing or wrong.
    Unauthorized,
    /// Nobody may from there.
    Forbidden,
    /// Nothing is served at this path.
    NoSuchPath,
    /// The cluster has no such node.
    NoSuchNode,
    /// The path is served, and not with this method.
    MethodNotAllowed,
    /// The body took too long.
    BodyTimeout,
    /// The node is to be dead, and lives.
    NodeAlive,
    /// Messages have another type of content.
    UnsupportedMediaType,
    /// This node has not started, is stopping, or lacks its lease.
    NotReady,
    /// The cluster cannot answer now.
    Unavailable,
}

const _: () = assert!(ApiErrorCode::ALL.len() == ApiErrorCode::Unavailable as usize + 1);

impl ApiErrorCode {
    /// Every code, by its status.
    pub(crate) const ALL: [ApiErrorCode; 15] = [
        ApiErrorCode::InvalidTarget,
        ApiErrorCode::InvalidNode,
        ApiErrorCode::InvalidQuery,
        ApiErrorCode::InvalidPayload,
        ApiErrorCode::IncompleteBody,
        ApiErrorCode::Unauthorized,
        ApiErrorCode::Forbidden,
        ApiErrorCode::NoSuchPath,
        ApiErrorCode::NoSuchNode,
        ApiErrorCode::MethodNotAllowed,
        ApiErrorCode::BodyTimeout,
        ApiErrorCode::NodeAlive,
        ApiErrorCode::UnsupportedMediaType,
        ApiErrorCode::NotReady,
        ApiErrorCode::Unavailable,
    ];

    /// For programs: stable.
    pub(crate) fn code(self) -> &'static str {
        match self {
            ApiErrorCode::InvalidTarget => "invalid_target",
            ApiErrorCode::InvalidNode => "invalid_node",
            ApiErrorCode::InvalidQuery => "invalid_query",
            ApiErrorCode::InvalidPayload => "invalid_payload",
            ApiErrorCode::IncompleteBody => "incomplete_body",
            ApiErrorCode::Unauthorized => "unauthorized",
            ApiErrorCode::Forbidden => "forbidden",
            ApiErrorCode::NoSuchPath => "no_such_path",
            ApiErrorCode::NoSuchNode => "no_such_node",
            ApiErrorCode::MethodNotAllowed => "method_not_allowed",
            ApiErrorCode::BodyTimeout => "body_timeout",
            ApiErrorCode::NodeAlive => "node_alive",
            ApiErrorCode::UnsupportedMediaType => "unsupported_media_type",
            ApiErrorCode::NotReady => "not_ready",
            ApiErrorCode::Unavailable => "unavailable",
        }
    }

    /// The status of the answer.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            ApiErrorCode::InvalidTarget
            | ApiErrorCode::InvalidNode
            | ApiErrorCode::InvalidQuery
            | ApiErrorCode::InvalidPayload
            | ApiErrorCode::IncompleteBody => StatusCode::BAD_REQUEST,
            ApiErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
            ApiErrorCode::Forbidden => StatusCode::FORBIDDEN,
            ApiErrorCode::NoSuchPath | ApiErrorCode::NoSuchNode => StatusCode::NOT_FOUND,
            ApiErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ApiErrorCode::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            ApiErrorCode::NodeAlive => StatusCode::CONFLICT,
            ApiErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiErrorCode::NotReady | ApiErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
