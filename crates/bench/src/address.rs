use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::machine;

/// Where a server is asked for a WebSocket: `ws://host:port/path?query`, or `wss://` with TLS.
///
/// `tcp://host:port` is a bare limit: the same frames without an opening handshake and without masks, for
/// servers that return bytes as they are.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct Address {
    host: String,
    port: u16,
    /// With the query; `None`: bare TCP.
    path: Option<String>,
    is_tls: bool,
}

/// Text that is no [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Another scheme, or none.
    #[error("{0:?} does not begin with ws:// or wss:// (or tcp:// for a bare limit)")]
    Scheme(String),
    /// No host, or no port that is a number.
    #[error("{0:?} has no host and port, as in ws://127.0.0.1:5000/ws")]
    HostAndPort(String),
    /// A character that cannot stand in a request.
    #[error("{0:?}: a blank or a control character has to be percent-encoded")]
    Character(String),
}

/// A host that cannot be found.
#[derive(Debug, thiserror::Error)]
#[error("{host:?} cannot be found: {error}")]
pub struct ResolveError {
    host: String,
    error: std::io::Error,
}

impl Address {
    /// What stands in `Host`.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether it is a bare limit's.
    pub(crate) fn is_bare(&self) -> bool {
        self.path.is_none()
    }

    /// With the name that a client asks for, which needs no percent-encoding. `None`: there is no handshake.
    pub(crate) fn path_as(&self, name: Option<&str>) -> Option<Cow<'_, str>> {
        let path = self.path.as_deref()?;
        Some(match name {
            None => Cow::Borrowed(path),
            Some(name) => {
                let mark = if path.contains('?') { '&' } else { '?' };
                Cow::Owned(format!("{path}{mark}name={name}"))
            }
        })
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    pub(crate) fn resolve(&self) -> Result<SocketAddr, ResolveError> {
        machine::resolve(self.host(), self.port).map_err(|error| ResolveError {
            host: self.host.clone(),
            error,
        })
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let said = || text.to_owned();
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(AddressError::Character(said()));
        }
        let (is_bare, is_tls, rest) = match text.split_once("://") {
            Some(("ws" | "http", rest)) => (false, false, rest),
            Some(("wss" | "https", rest)) => (false, true, rest),
            Some(("tcp", rest)) => (true, false, rest),
            _ => return Err(AddressError::Scheme(said())),
        };
        let begin = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(begin);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()),
            None if is_tls => (authority, Some(443)),
            None => (authority, Some(80)),
        };
        let Some(port) = port.filter(|_| !host.is_empty()) else {
            return Err(AddressError::HostAndPort(said()));
        };
        let path = match path {
            "" => "/".to_owned(),
            query if query.starts_with('?') => format!("/{query}"),
            path => path.to_owned(),
        };
        Ok(Address {
            host: host.to_owned(),
            port,
            path: (!is_bare).then_some(path),
            is_tls,
        })
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Address, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (&self.path, self.is_tls) {
            (None, _) => "tcp",
            (Some(_), false) => "ws",
            (Some(_), true) => "wss",
        };
        let path = self.path.as_deref().unwrap_or_default();
        write!(f, "{scheme}://{}:{}{path}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_it_was_read() {
        let read = |text: &str| text.parse::<Address>().map(|address| address.to_string());
        for text in [
            "ws://127.0.0.1:5000/ws?user=a",
            "ws://[::1]:5000/echo",
            "wss://localhost:5000/ws",
            "tcp://127.0.0.1:5000",
        ] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
        assert_eq!(read("ws://host?a").as_deref(), Ok("ws://host:80/?a"));
        let scheme = AddressError::Scheme("host:1".to_owned());
        assert_eq!(read("host:1"), Err(scheme));
        assert_eq!(read("https://host").as_deref(), Ok("wss://host:443/"));
        let port = AddressError::HostAndPort("ws://host:x/ws".to_owned());
        assert_eq!(read("ws://host:x/ws"), Err(port));
        let address: Address = "ws://host/a?b=c".parse().unwrap();
        assert_eq!(
            address.path_as(Some("me")).as_deref(),
            Some("/a?b=c&name=me")
        );
        let blank = AddressError::Character("ws://host:1/a b".to_owned());
        assert_eq!(read("ws://host:1/a b"), Err(blank));
    }
}
