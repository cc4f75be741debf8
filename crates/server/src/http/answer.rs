//! Bodies, statuses, and the one form of errors.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use super::api_error_code::ApiErrorCode;

/// What a request is answered with.
pub(crate) type Answer = Response<Full<Bytes>>;

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    // Everything that is answered consists of strings and numbers, which have a JSON form.
    let mut bytes = serde_json::to_vec(body).unwrap_or_default();
    bytes.push(b'\n');
    let mut answer = Response::new(Full::new(Bytes::from(bytes)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A request that is not served, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    /// For programs: stable, in snake case.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) message: String,
    /// A header that the status asks for.
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorFields<'a>,
}

#[derive(Serialize)]
struct ErrorFields<'a> {
    code: &'a str,
    message: &'a str,
}

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
    ) -> ApiError {
        ApiError {
            status,
            code,
            message: message.into(),
            header: None,
        }
    }

    /// What the API answers with this code.
    pub(crate) fn of(code: ApiErrorCode, message: impl Into<String>) -> ApiError {
        ApiError::new(code.status(), code.code(), message)
    }

    pub(crate) fn with_header(self, name: HeaderName, value: &'static str) -> ApiError {
        ApiError {
            header: Some((name, HeaderValue::from_static(value))),
            ..self
        }
    }

    pub(crate) fn into_answer(self) -> Answer {
        let error = ErrorFields {
            code: self.code,
            message: &self.message,
        };
        let mut answer = json(self.status, &ErrorBody { error });
        if let Some((name, value)) = self.header {
            answer.headers_mut().insert(name, value);
        }
        answer
    }
}
