//! The server's half of the opening handshake (RFC 6455 §4.2).

use http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use raftwire_websocket::{DeflateAgreement, accept_key};

/// The only version of the protocol that exists.
const VERSION: &str = "13";

/// A request that asks for a WebSocket, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHandshake {
    accept: String,
    protocols: Vec<String>,
    deflate: Option<DeflateAgreement>,
}

/// Why a request is no opening handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Only GET can.
    #[error("a WebSocket is opened with GET")]
    Method,
    /// An ordinary request.
    #[error("this is the address of a WebSocket; the request asks for no upgrade to one")]
    NoUpgrade,
    /// Another version of the protocol.
    #[error("only version 13 of the WebSocket protocol is spoken here")]
    Version,
    /// No key, or not 16 bytes in base64.
    #[error("Sec-WebSocket-Key is missing or malformed")]
    Key,
}

impl HandshakeError {
    /// The status to answer with.
    pub fn status(self) -> StatusCode {
        match self {
            HandshakeError::Method => StatusCode::METHOD_NOT_ALLOWED,
            HandshakeError::NoUpgrade | HandshakeError::Version => StatusCode::UPGRADE_REQUIRED,
            HandshakeError::Key => StatusCode::BAD_REQUEST,
        }
    }
}

impl ServerHandshake {
    /// Checks a request.
    ///
    /// # Errors
    /// See [`HandshakeError`].
    pub fn check<B>(request: &Request<B>) -> Result<Self, HandshakeError> {
        let headers = request.headers();
        if request.method() != Method::GET {
            return Err(HandshakeError::Method);
        }
        if request.version() != Version::HTTP_11
            || !has_token(headers, &UPGRADE, "websocket")
            || !has_token(headers, &CONNECTION, "upgrade")
        {
            return Err(HandshakeError::NoUpgrade);
        }
        if headers
            .get(SEC_WEBSOCKET_VERSION)
            .is_none_or(|version| version != VERSION)
        {
            return Err(HandshakeError::Version);
        }
        let key = headers
            .get(SEC_WEBSOCKET_KEY)
            .map(HeaderValue::as_bytes)
            .unwrap_or_default();
        // Sixteen bytes are 22 characters of base64 and two of padding.
        if key.len() != 24 || !key.ends_with(b"==") {
            return Err(HandshakeError::Key);
        }
        let protocols = tokens(headers, &SEC_WEBSOCKET_PROTOCOL)
            .map(str::to_owned)
            .collect();
        Ok(ServerHandshake {
            accept: accept_key(key),
            protocols,
            deflate: DeflateAgreement::accept(values(headers, &SEC_WEBSOCKET_EXTENSIONS)),
        })
    }

    /// Whether the client offers this subprotocol.
    pub fn offers(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|offered| offered == protocol)
    }

    /// How messages can be compressed, if the client offers that.
    pub fn deflate(&self) -> Option<DeflateAgreement> {
        self.deflate
    }

    /// The answer that opens the WebSocket, with the subprotocol chosen, if any, and with what was
    /// agreed on, if messages may be compressed.
    pub fn response<B: Default>(
        &self,
        protocol: Option<&'static str>,
        deflate: Option<DeflateAgreement>,
    ) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(protocol) = protocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
        if let Some(agreement) = deflate
            && let Ok(agreement) = HeaderValue::from_str(&agreement.answer())
        {
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, agreement);
        }
        response
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok())
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = values(headers, name);
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request<()> {
        Request::get("/ws")
            .header(UPGRADE, "WebSocket")
            .header(CONNECTION, "keep-alive, Upgrade")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==")
            .header(SEC_WEBSOCKET_PROTOCOL, "one, two")
            .body(())
            .unwrap()
    }

    #[test]
    fn the_example_of_the_rfc_is_answered_as_in_the_rfc() {
        let handshake = ServerHandshake::check(&request()).unwrap();
        let response: Response<()> = handshake.response(Some("two"), None);

        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(
            response.headers()[SEC_WEBSOCKET_ACCEPT],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], "two");
        assert!(handshake.offers("one") && !handshake.offers("three"));
        assert!(!response.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS));
    }

    #[test]
    fn compression_is_answered_if_it_was_offered() {
        assert_eq!(ServerHandshake::check(&request()).unwrap().deflate(), None);
        let mut offered = request();
        for offer in [
            "permessage-foo",
            "permessage-deflate; client_max_window_bits",
        ] {
            let offer = HeaderValue::from_static(offer);
            offered
                .headers_mut()
                .append(SEC_WEBSOCKET_EXTENSIONS, offer);
        }
        let handshake = ServerHandshake::check(&offered).unwrap();

        let response: Response<()> = handshake.response(None, handshake.deflate());

        assert_eq!(
            response.headers()[SEC_WEBSOCKET_EXTENSIONS],
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        );
    }

    #[test]
    fn each_wrong_request_is_told_what_is_wrong() {
        let check = |method: Method, without: Option<HeaderName>| {
            let mut request = request();
            *request.method_mut() = method;
            if let Some(name) = without {
                request.headers_mut().remove(name);
            }
            ServerHandshake::check(&request).unwrap_err()
        };
        assert_eq!(check(Method::POST, None), HandshakeError::Method);
        assert_eq!(check(Method::GET, Some(UPGRADE)), HandshakeError::NoUpgrade);
        assert_eq!(
            check(Method::GET, Some(CONNECTION)),
            HandshakeError::NoUpgrade
        );
        assert_eq!(
            check(Method::GET, Some(SEC_WEBSOCKET_VERSION)),
            HandshakeError::Version
        );
        assert_eq!(
            check(Method::GET, Some(SEC_WEBSOCKET_KEY)),
            HandshakeError::Key
        );
    }
}
