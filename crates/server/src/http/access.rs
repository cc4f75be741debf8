//! Who may use the API.

use http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;

use super::ApiError;
use super::api_error_code::ApiErrorCode;
use crate::config::{ServerOptions, is_loopback};

/// Who may use the API of a node.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever knows the token.
    Token(String),
    /// Programs on this machine. Web pages are not: a browser would let any page of the world
    /// send to an address of its own machine.
    Loopback,
    /// Nobody: others can reach the port, and there is no token that they could know.
    Nobody,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Access::Token(_) => "Token(…)",
            Access::Loopback => "Loopback",
            Access::Nobody => "Nobody",
        })
    }
}

impl Access {
    pub(crate) fn of(options: &ServerOptions) -> Access {
        match &options.http.token {
            Some(token) => Access::Token(token.clone()),
            None if options.listens_on_loopback() => Access::Loopback,
            None => Access::Nobody,
        }
    }

    /// Checks a request's headers.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        match self {
            Access::Token(token) if bears(headers, token) => Ok(()),
            Access::Token(_) => {
                let message = "the API of this node needs `Authorization: Bearer <http.token>`";
                Err(ApiError::of(ApiErrorCode::Unauthorized, message)
                    .with_header(WWW_AUTHENTICATE, "Bearer"))
            }
            Access::Loopback if is_of_a_web_page(headers) => Err(forbidden(
                "without http.token the API is for programs on this machine, not for web pages",
            )),
            Access::Loopback => Ok(()),
            Access::Nobody => Err(forbidden(
                "this node does not listen on loopback only, and no http.token is set: its API is \
                 closed",
            )),
        }
    }
}

fn forbidden(message: &str) -> ApiError {
    ApiError::of(ApiErrorCode::Forbidden, message)
}

fn bears(headers: &HeaderMap, token: &str) -> bool {
    let given = headers
        .get(AUTHORIZATION)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let Some((scheme, given)) = given.split_at_checked("Bearer ".len()) else {
        return false;
    };
    // The comparison takes the same time wherever the first difference is.
    scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(given.ct_eq(token.as_bytes()))
}

/// A page of another site is given away by its `Origin`; a name that was made to point to this
/// machine (DNS rebinding), by the `Host`.
fn is_of_a_web_page(headers: &HeaderMap) -> bool {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    headers.contains_key(ORIGIN) || !is_loopback(without_port(host))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn headers(pairs: &[(http::HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        pairs
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_token_must_be_the_right_one() {
        let access = Access::Token("0123456789abcdef".to_owned());
        let check = |value| access.check(&headers(&[(AUTHORIZATION, value)])).is_ok();

        assert!(check("Bearer 0123456789abcdef"));
        assert!(check("bearer 0123456789abcdef"));
        assert!(!check("Bearer 0123456789abcdeg"));
        assert!(!check("Bearer 0123456789abcde"));
        assert!(!check("Basic 0123456789abcdef"));
        assert!(!check(""));
        assert_eq!(
            access.check(&HeaderMap::new()).unwrap_err().status,
            StatusCode::UNAUTHORIZED
        );
    }

    #[test]
    fn without_a_token_programs_on_loopback_may_and_web_pages_may_not() {
        let check = |pairs: &[_]| Access::Loopback.check(&headers(pairs)).is_ok();

        assert!(check(&[(HOST, "127.0.0.1:5000")]));
        assert!(check(&[(HOST, "[::1]:5000")]));
        assert!(check(&[(HOST, "localhost")]));
        assert!(!check(&[
            (HOST, "127.0.0.1:5000"),
            (ORIGIN, "https://example.org")
        ]));
        assert!(!check(&[(HOST, "rebound.example.org:5000")]));
    }

    #[test]
    fn a_port_that_others_can_reach_needs_a_token() {
        let mut options = ServerOptions::default();
        assert_eq!(Access::of(&options), Access::Loopback);
        options.listen_address = Some("0.0.0.0".to_owned());
        assert_eq!(Access::of(&options), Access::Nobody);
        assert_eq!(
            Access::Nobody.check(&HeaderMap::new()).unwrap_err().status,
            StatusCode::FORBIDDEN
        );
    }
}
