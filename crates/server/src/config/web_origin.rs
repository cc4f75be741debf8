//! Which web pages may open a WebSocket.

use std::str::FromStr;

use http::uri::{Authority, Uri};

/// An entry of `client.origins`: pages of one origin, or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebOrigin {
    /// Pages of whatever origin, `*`.
    Any,
    /// Pages of this origin (RFC 6454): scheme, host and port.
    One {
        /// In lower case.
        scheme: String,
        /// In lower case.
        host: String,
        /// The scheme's where none was written.
        port: u16,
    },
}

/// Text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not an origin: write https://host or https://host:port, with no path")]
pub struct InvalidWebOrigin {
    /// The text.
    pub text: String,
}

impl FromStr for WebOrigin {
    type Err = InvalidWebOrigin;

    fn from_str(text: &str) -> Result<WebOrigin, InvalidWebOrigin> {
        if text == "*" {
            return Ok(WebOrigin::Any);
        }
        parse(text).ok_or_else(|| InvalidWebOrigin {
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<WebOrigin> {
    let uri: Uri = text.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let port = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    // A path is no part of an origin, not even "/".
    let authority = text.split_once("://")?.1;
    let parsed: Authority = authority.parse().ok()?;
    let is_bare = !authority.contains(['/', '?', '@']) && !parsed.host().is_empty();
    is_bare.then(|| WebOrigin::One {
        scheme,
        host: parsed.host().to_ascii_lowercase(),
        port: parsed.port_u16().unwrap_or(port),
    })
}

impl WebOrigin {
    /// Whether a page of `origin` may, where these are allowed and the request names `host`. With
    /// none in the list, pages that came from the very host and port that they connect to may.
    pub(crate) fn allow(allowed: &[WebOrigin], origin: &str, host: Option<&str>) -> bool {
        if allowed.contains(&WebOrigin::Any) {
            return true;
        }
        let Ok(origin) = origin.parse::<WebOrigin>() else {
            return false;
        };
        if !allowed.is_empty() {
            return origin != WebOrigin::Any && allowed.contains(&origin);
        }
        let WebOrigin::One { scheme, .. } = &origin else {
            return false;
        };
        let own = host.and_then(|host| parse(&format!("{scheme}://{host}")));
        own.as_ref() == Some(&origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(allowed: &[&str], origin: &str, host: &str) -> bool {
        let allowed: Vec<WebOrigin> = allowed.iter().map(|one| one.parse().unwrap()).collect();
        WebOrigin::allow(&allowed, origin, Some(host))
    }

    #[test]
    fn by_default_only_pages_of_the_same_host_and_port_may() {
        assert!(allow(&[], "https://chat.example.org", "chat.example.org"));
        assert!(allow(
            &[],
            "https://chat.example.org",
            "chat.example.org:443"
        ));
        assert!(allow(&[], "http://127.0.0.1:5000", "127.0.0.1:5000"));
        assert!(allow(&[], "http://[::1]:5000", "[::1]:5000"));
        assert!(!allow(&[], "https://evil.example", "chat.example.org"));
        assert!(!allow(&[], "http://127.0.0.1:8080", "127.0.0.1:5000"));
        assert!(!allow(&[], "null", "chat.example.org"));
        assert!(!allow(&[], "*", "*"));
        assert!(!WebOrigin::allow(&[], "https://chat.example.org", None));
    }

    #[test]
    fn with_a_list_only_the_list_counts() {
        let list = ["https://app.example.org", "http://localhost:3000"];
        assert!(allow(&list, "https://APP.example.org:443", "node1:5000"));
        assert!(allow(&list, "http://localhost:3000", "node1:5000"));
        assert!(!allow(&list, "http://app.example.org", "node1:5000"));
        assert!(!allow(&list, "http://node1:5000", "node1:5000"));
        assert!(!allow(
            &list,
            "https://app.example.org.evil.example",
            "node1"
        ));
        assert!(!allow(&list, "*", "node1:5000"));
        assert!(allow(&["*"], "null", "node1:5000"));
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        for wrong in [
            "",
            "example.org",
            "https://",
            "https://a/",
            "https://a/b",
            "ws://a",
            "https://u@a",
        ] {
            assert!(wrong.parse::<WebOrigin>().is_err(), "{wrong}");
        }
    }
}
