//! The opening handshake (RFC 6455 §4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a server appends to the client's key (§1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The most bytes of a server's answer: headers of any proxy in between, and no flood.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most headers of a server's answer.
const HEADERS_MAX: usize = 64;

/// What a server answers in `Sec-WebSocket-Accept` to a client's key (§4.2.2).
pub fn accept_key(key: &[u8]) -> String {
    let mut sha1 = sha1_smol::Sha1::new();
    sha1.update(key);
    sha1.update(GUID);
    STANDARD.encode(sha1.digest().bytes())
}

/// A client's half of the opening handshake.
#[derive(Clone, Debug)]
pub struct ClientHandshake {
    key: String,
    protocol: Option<&'static str>,
}

/// Why there is no WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientHandshakeError {
    /// The server answered with another status than 101.
    #[error("the server answered {status}")]
    Refused {
        /// The status of its answer.
        status: u16,
    },
    /// Not an answer of HTTP/1.1, or a longer one than anybody sends.
    #[error("the server's answer is not HTTP, or its head has over {HEAD_BYTES_MAX} bytes")]
    NotHttp,
    /// An answer to something else than this request.
    #[error("the server's answer has a wrong {0}")]
    Header(&'static str),
}

impl ClientHandshake {
    /// A handshake with 16 random bytes as its key, for one subprotocol.
    pub fn new(key: [u8; 16], protocol: &'static str) -> ClientHandshake {
        ClientHandshake {
            key: STANDARD.encode(key),
            protocol: Some(protocol),
        }
    }

    /// The same without a subprotocol: then the server must not choose one.
    pub fn without_protocol(key: [u8; 16]) -> ClientHandshake {
        ClientHandshake {
            key: STANDARD.encode(key),
            protocol: None,
        }
    }

    /// The request for a path at a host, which is `name` or `name:port`.
    pub fn request(&self, host: &str, path: &str) -> String {
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
            self.key,
        );
        if let Some(protocol) = self.protocol {
            request.push_str("Sec-WebSocket-Protocol: ");
            request.push_str(protocol);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        request
    }

    /// Reads the answer from its beginning: how long it is, once it has come; what follows it are
    /// frames.
    ///
    /// # Errors
    /// See [`ClientHandshakeError`].
    pub fn read_answer(&self, bytes: &[u8]) -> Result<Option<usize>, ClientHandshakeError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let len = match response.parse(bytes) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Ok(None),
            Ok(httparse::Status::Partial) | Err(_) => return Err(ClientHandshakeError::NotHttp),
        };
        let status = response.code.unwrap_or_default();
        if status != 101 {
            return Err(ClientHandshakeError::Refused { status });
        }
        let is = |name: &str, value: &str, case_matters: bool| {
            let mut found = response
                .headers
                .iter()
                .filter(|header| header.name.eq_ignore_ascii_case(name));
            found.any(|header| {
                let has = header.value.trim_ascii();
                has == value.as_bytes()
                    || !case_matters && has.eq_ignore_ascii_case(value.as_bytes())
            })
        };
        if !is("Upgrade", "websocket", false) {
            return Err(ClientHandshakeError::Header("Upgrade"));
        }
        if !is("Connection", "upgrade", false) {
            return Err(ClientHandshakeError::Header("Connection"));
        }
        if !is(
            "Sec-WebSocket-Accept",
            &accept_key(self.key.as_bytes()),
            true,
        ) {
            return Err(ClientHandshakeError::Header("Sec-WebSocket-Accept"));
        }
        let name = "Sec-WebSocket-Protocol";
        let is_ours = match self.protocol {
            Some(protocol) => is(name, protocol, true),
            None => !(response.headers.iter()).any(|header| header.name.eq_ignore_ascii_case(name)),
        };
        if !is_ours {
            return Err(ClientHandshakeError::Header("Sec-WebSocket-Protocol"));
        }
        Ok(Some(len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_is_accepted_as_in_the_rfc() {
        let accept = accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn without_a_subprotocol_none_is_asked_for_and_none_may_be_chosen() {
        let handshake = ClientHandshake::without_protocol([7; 16]);
        assert!(!handshake.request("host:1", "/").contains("Protocol"));
        let accept = accept_key(handshake.key.as_bytes());
        let plain = format!(
            "HTTP/1.1 101 A\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n"
        );
        let answer = format!("{plain}\r\n");
        assert_eq!(
            handshake.read_answer(answer.as_bytes()),
            Ok(Some(answer.len()))
        );
        let chosen = format!("{plain}Sec-WebSocket-Protocol: one\r\n\r\n");
        assert_eq!(
            handshake.read_answer(chosen.as_bytes()),
            Err(ClientHandshakeError::Header("Sec-WebSocket-Protocol"))
        );
    }

    #[test]
    fn an_answer_is_read_when_it_is_whole_and_right() {
        let handshake = ClientHandshake::new([7; 16], "one");
        let request = handshake.request("host:1", "/ws");
        assert!(request.starts_with("GET /ws HTTP/1.1\r\nHost: host:1\r\n"));
        let answer = |accept: &str, protocol: &str| {
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: upgrade\r\n\
                 sec-websocket-accept: {accept}\r\nsec-websocket-protocol: {protocol}\r\n\r\nframes",
            )
        };
        let accept = accept_key(handshake.key.as_bytes());
        let right = answer(&accept, "one");
        let len = right.len() - "frames".len();
        assert_eq!(handshake.read_answer(right.as_bytes()), Ok(Some(len)));
        assert_eq!(
            handshake.read_answer(&right.as_bytes()[..len - 1]),
            Ok(None)
        );

        let wrong = |text: &str| handshake.read_answer(text.as_bytes()).unwrap_err();
        let lower = accept.to_ascii_lowercase();
        let header = ClientHandshakeError::Header;
        assert_eq!(
            wrong(&answer(&lower, "one")),
            header("Sec-WebSocket-Accept")
        );
        assert_eq!(
            wrong(&answer(&accept, "two")),
            header("Sec-WebSocket-Protocol")
        );
        assert_eq!(
            wrong("HTTP/1.1 403 Forbidden\r\n\r\n"),
            ClientHandshakeError::Refused { status: 403 }
        );
        assert_eq!(wrong("\x16\x03\x01"), ClientHandshakeError::NotHttp);
        let endless = format!("HTTP/1.1 101 A\r\nX: {}", "x".repeat(HEAD_BYTES_MAX));
        assert_eq!(wrong(&endless), ClientHandshakeError::NotHttp);
    }
}
