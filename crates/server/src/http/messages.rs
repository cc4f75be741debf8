//! `POST /api/v1/connections/{id}/messages` and its kin: send from outside.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use raftwire::{Audience, FanOptions, Frame, RouteOptions, RouteOutcome};
use serde::de::IgnoredAny;

use super::answer::{Answer, ApiError, json};
use super::api_error_code::ApiErrorCode;
use super::route::Recipients;
use crate::client::protocol::{Counts, Outcome, Target};
use crate::node::Node;

/// How long a body may take to arrive. Long enough for 64 MiB at 20 Mbit/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest deadline that a caller may ask for.
const DEADLINE_MS_MAX: u64 = 600_000;

pub(super) async fn send(
    node: &Arc<Node>,
    recipients: &Recipients,
    request: Request<Incoming>,
) -> Result<Answer, ApiError> {
    let target = target(recipients)?;
    let deadline = deadline_of(request.uri().query().unwrap_or_default())?;
    let kind = PayloadKind::of(request.headers())?;
    let limit = node.options.cluster.message_bytes_max;
    let frame = match body(request.into_body(), limit).await? {
        Some(bytes) => kind.frame(bytes)?,
        None => {
            return Ok(answer(&RouteOutcome::TooLarge {
                limit_bytes: Some(limit),
            }));
        }
    };
    let router = node.manager.router();
    match target {
        Target::Connection(to) => {
            let mut options = RouteOptions::default();
            if let Some(deadline) = deadline {
                options = options.deadline(deadline);
            }
            Ok(answer(&router.route_with(&to, frame, options).await))
        }
        Target::Many(audience) => {
            let mut options = FanOptions::default();
            if let Some(deadline) = deadline {
                options = options.deadline(deadline);
            }
            let outcome = router.fan_out(&audience, frame, options).await;
            Ok(json(StatusCode::OK, &Counts::from(&outcome)))
        }
    }
}

fn target(recipients: &Recipients) -> Result<Target, ApiError> {
    let invalid = |what: &str, text: &str, error: &dyn Display| {
        let message = format!("{text:?} is no {what}: {error}");
        ApiError::of(ApiErrorCode::InvalidTarget, message)
    };
    let audience = match recipients {
        Recipients::Connection(text) => {
            let connection = text.parse();
            return connection
                .map(Target::Connection)
                .map_err(|error| invalid("connection", text, &error));
        }
        Recipients::User(text) => text
            .parse()
            .map(Audience::User)
            .map_err(|error| invalid("user", text, &error))?,
        Recipients::Group(text) => text
            .parse()
            .map(Audience::Group)
            .map_err(|error| invalid("group", text, &error))?,
        Recipients::Everybody => Audience::Everyone,
    };
    Ok(Target::Many(audience))
}

/// How the payload is sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PayloadKind {
    Text,
    Json,
    Bytes,
}

impl PayloadKind {
    fn of(headers: &HeaderMap) -> Result<PayloadKind, ApiError> {
        let value = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let essence = value
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        let known = [
            ("text/plain", PayloadKind::Text),
            ("application/json", PayloadKind::Json),
            ("application/octet-stream", PayloadKind::Bytes),
        ];
        let found = known
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(essence));
        found.map(|(_, kind)| kind).ok_or_else(|| {
            let message = "Content-Type must be text/plain, application/json (both arrive as \
                           text) or application/octet-stream (arrives as binary)";
            ApiError::of(ApiErrorCode::UnsupportedMediaType, message)
        })
    }

    fn frame(self, payload: Bytes) -> Result<Frame, ApiError> {
        let invalid = |message: String| ApiError::of(ApiErrorCode::InvalidPayload, message);
        if self == PayloadKind::Json {
            serde_json::from_slice::<IgnoredAny>(&payload)
                .map_err(|error| invalid(format!("the body is not JSON: {error}")))?;
        }
        match self {
            PayloadKind::Bytes => Ok(Frame::binary(payload)),
            PayloadKind::Text | PayloadKind::Json => Frame::from_utf8(payload)
                .map_err(|error| invalid(format!("the body is not UTF-8: {error}"))),
        }
    }
}

/// `None`: more than the limit.
async fn body(body: Incoming, limit: usize) -> Result<Option<Bytes>, ApiError> {
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(Some(body.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Ok(None),
        Ok(Err(error)) => {
            let message = format!("the body did not arrive: {error}");
            Err(ApiError::of(ApiErrorCode::IncompleteBody, message))
        }
        Err(_) => {
            let message = format!(
                "the body did not arrive within {} s",
                BODY_TIMEOUT.as_secs()
            );
            Err(ApiError::of(ApiErrorCode::BodyTimeout, message))
        }
    }
}

fn deadline_of(query: &str) -> Result<Option<Duration>, ApiError> {
    let mut deadline = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let invalid = |message| ApiError::of(ApiErrorCode::InvalidQuery, message);
        if name != "deadline_ms" {
            return Err(invalid(format!(
                "unknown parameter {name:?}; known is deadline_ms"
            )));
        }
        let milliseconds = value
            .parse()
            .ok()
            .filter(|ms| (1..=DEADLINE_MS_MAX).contains(ms));
        let Some(milliseconds) = milliseconds else {
            return Err(invalid(format!(
                "deadline_ms must be from 1 to {DEADLINE_MS_MAX}"
            )));
        };
        deadline = Some(Duration::from_millis(milliseconds));
    }
    Ok(deadline)
}

fn answer(outcome: &RouteOutcome) -> Answer {
    json(status_of(outcome), &Outcome::from(outcome))
}

pub(crate) fn status_of(outcome: &RouteOutcome) -> StatusCode {
    match outcome {
        RouteOutcome::Delivered | RouteOutcome::Written => StatusCode::OK,
        RouteOutcome::NotFound => StatusCode::NOT_FOUND,
        RouteOutcome::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        RouteOutcome::Refused => StatusCode::FORBIDDEN,
        // Another connection has the name by now: the caller may not have meant that one.
        RouteOutcome::Superseded => StatusCode::CONFLICT,
        // Known not to have happened: the caller may repeat it later.
        RouteOutcome::Unavailable
        | RouteOutcome::Busy { .. }
        | RouteOutcome::SlowConsumer
        | RouteOutcome::NodeDown { .. } => StatusCode::SERVICE_UNAVAILABLE,
        // A hop beyond this node failed to answer.
        RouteOutcome::NodeLost { .. } => StatusCode::BAD_GATEWAY,
        RouteOutcome::Deadline { .. } => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn kind(content_type: &'static str) -> Result<PayloadKind, StatusCode> {
        let headers = [(CONTENT_TYPE, HeaderValue::from_static(content_type))]
            .into_iter()
            .collect();
        PayloadKind::of(&headers).map_err(|error| error.status)
    }

    #[test]
    fn the_content_type_decides_what_arrives() {
        assert_eq!(kind("text/plain; charset=utf-8"), Ok(PayloadKind::Text));
        assert_eq!(kind("Application/JSON"), Ok(PayloadKind::Json));
        assert_eq!(kind("application/octet-stream"), Ok(PayloadKind::Bytes));
        assert_eq!(kind("image/png"), Err(StatusCode::UNSUPPORTED_MEDIA_TYPE));

        let bytes = PayloadKind::Bytes
            .frame(Bytes::from_static(b"\xff"))
            .unwrap();
        assert_eq!(bytes, Frame::binary(&b"\xff"[..]));
        assert!(
            PayloadKind::Text
                .frame(Bytes::from_static(b"\xff"))
                .is_err()
        );
        assert!(PayloadKind::Json.frame(Bytes::from_static(b"{")).is_err());
        let json = PayloadKind::Json
            .frame(Bytes::from_static(b"{\"a\": 1}"))
            .unwrap();
        assert_eq!(json.as_text(), Some("{\"a\": 1}"));
    }

    #[test]
    fn the_deadline_is_checked() {
        assert_eq!(deadline_of(""), Ok(None));
        assert_eq!(
            deadline_of("deadline_ms=250"),
            Ok(Some(Duration::from_millis(250)))
        );
        for query in [
            "deadline_ms=0",
            "deadline_ms=x",
            "deadline_ms",
            "deadline=5",
        ] {
            assert_eq!(
                deadline_of(query).unwrap_err().code,
                "invalid_query",
                "{query}"
            );
        }
    }
}
