use http::header::{CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY};
use http::header::{HeaderName, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};

use crate::socket;

/// Characters of the key in an upgrade request: 16 bytes in base64 (RFC 6455 §4.2.1).
const KEY_CHARACTERS: usize = 24;

/// Answers the upgrade request of a peer (RFC 6455 §4.2), for an application whose own web server
/// takes it: check the path, parse a [`PeerRequest`](crate::PeerRequest), send this response, and
/// hand the upgraded stream to [`WsAcceptor::accept_upgraded`](crate::WsAcceptor::accept_upgraded).
///
/// # Errors
///
/// See [`UpgradeError`]; its [`response`](UpgradeError::response) is what to answer then.
///
/// # Examples
///
/// ```
/// let request = http::Request::get("/cluster?node=node1&lane=control")
///     .header("connection", "Upgrade")
///     .header("upgrade", "websocket")
///     .header("sec-websocket-version", "13")
///     .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
///     .body(())?;
///
/// let response = raftwire_transport_ws::upgrade_response(&request)?;
///
/// assert_eq!(response.status(), 101);
/// let accept = &response.headers()["sec-websocket-accept"];
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); // RFC 6455 §1.3
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn upgrade_response<T>(request: &Request<T>) -> Result<Response<()>, UpgradeError> {
    if request.method() != Method::GET {
        return Err(UpgradeError::Method);
    }
    let http_1_1 = request.version() == Version::HTTP_11;
    let upgrades = has_token(request, &CONNECTION, "upgrade");
    if !http_1_1 || !upgrades || !has_token(request, &UPGRADE, "websocket") {
        return Err(UpgradeError::NotAnUpgrade);
    }
    let version = request.headers().get(SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version != "13") {
        return Err(UpgradeError::Version);
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    let key = key.filter(|key| is_key(key.as_bytes()));
    let key = key.ok_or(UpgradeError::Key)?;
    let accept = socket::accept_key(key.as_bytes());
    let accept = HeaderValue::from_str(&accept).map_err(|_| UpgradeError::Key)?;

    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// Whether this is 16 bytes in base64.
fn is_key(key: &[u8]) -> bool {
    let Some(digits) = key.strip_suffix(b"==") else {
        return false;
    };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == KEY_CHARACTERS && digits.iter().all(is_digit)
}

/// Whether a header that is a list of tokens has this one.
fn has_token<T>(request: &Request<T>, name: &HeaderName, token: &str) -> bool {
    let lists = request.headers().get_all(name).into_iter();
    lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|found| found.trim().eq_ignore_ascii_case(token))
}

/// Why a request cannot become a WebSocket connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// Another method than GET.
    #[error("this is a WebSocket address: use GET")]
    Method,
    /// The headers do not ask for WebSocket.
    #[error("this is a WebSocket address: ask for it with Connection: Upgrade, Upgrade: websocket")]
    NotAnUpgrade,
    /// Another version of the protocol than 13, the only one there is.
    #[error("this server speaks WebSocket version 13")]
    Version,
    /// The key is missing or is not 16 bytes in base64.
    #[error("the Sec-WebSocket-Key header is missing or wrong")]
    Key,
}

impl UpgradeError {
    /// What to answer.
    pub fn response(&self) -> Response<String> {
        let status = match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAnUpgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Key => StatusCode::BAD_REQUEST,
        };
        let mut response = refusal(status, self.to_string());
        if status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

/// An answer that says what is wrong, in words.
pub(crate) fn refusal(status: StatusCode, text: String) -> Response<String> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, plain);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> http::request::Builder {
        Request::get("/cluster")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    fn without(name: &str) -> Request<()> {
        let mut request = request().body(()).unwrap();
        request.headers_mut().remove(name);
        request
    }

    fn with_key(key: &'static str) -> Request<()> {
        let mut request = request().body(()).unwrap();
        let key = HeaderValue::from_static(key);
        request.headers_mut().insert(SEC_WEBSOCKET_KEY, key);
        request
    }

    #[test]
    fn header_tokens_are_found_in_lists_and_in_any_case() {
        upgrade_response(&request().body(()).unwrap()).unwrap();
    }

    #[test]
    fn each_thing_that_is_wrong_has_its_answer() {
        let post = request().method(Method::POST).body(()).unwrap();
        let old = request().version(Version::HTTP_10).body(()).unwrap();
        let cases = [
            (post, UpgradeError::Method, 405),
            (old, UpgradeError::NotAnUpgrade, 426),
            (without("connection"), UpgradeError::NotAnUpgrade, 426),
            (without("upgrade"), UpgradeError::NotAnUpgrade, 426),
            (without("sec-websocket-version"), UpgradeError::Version, 426),
            (without("sec-websocket-key"), UpgradeError::Key, 400),
            (with_key("c2hvcnQ="), UpgradeError::Key, 400),
            (with_key("dGhlIHNhbXBsZSBub25j===="), UpgradeError::Key, 400),
        ];
        for (request, error, status) in cases {
            assert_eq!(upgrade_response(&request).unwrap_err(), error);
            assert_eq!(error.response().status(), status);
        }
    }
}
