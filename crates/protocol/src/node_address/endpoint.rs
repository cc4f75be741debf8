use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::InvalidNodeAddress;

/// Bytes of the longest host name (RFC 1035 §2.3.4, as text).
const HOST_BYTES_MAX: usize = 253;

/// Where a node listens for the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// How the node is reached.
    pub scheme: Scheme,
    /// A name in lower case, or an address; an IPv6 address has no brackets here.
    pub host: String,
    /// The port; never 0.
    pub port: u16,
}

/// How a node is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Scheme {
    /// Its name in an address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Scheme, InvalidNodeAddress> {
        [Scheme::Ws, Scheme::Wss]
            .into_iter()
            .find(|scheme| text.eq_ignore_ascii_case(scheme.as_str()))
            .ok_or_else(|| InvalidNodeAddress::scheme(text))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Endpoint {
    /// Checks `host`, a name or an address without brackets, and `port`, and makes them an
    /// endpoint.
    ///
    /// # Errors
    ///
    /// If the host cannot be one, or the port is 0.
    pub fn new(scheme: Scheme, host: &str, port: u16) -> Result<Endpoint, InvalidNodeAddress> {
        let host = match host.parse::<Ipv6Addr>() {
            Ok(address) => address.to_string(),
            Err(_) => check_name(host)?.to_ascii_lowercase(),
        };
        if port == 0 {
            return Err(InvalidNodeAddress::port("0"));
        }
        Ok(Endpoint { scheme, host, port })
    }

    pub(super) fn parse(scheme: Scheme, authority: &str) -> Result<Endpoint, InvalidNodeAddress> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest
                    .split_once(']')
                    .ok_or_else(|| InvalidNodeAddress::ipv6(rest))?;
                if host.parse::<Ipv6Addr>().is_err() {
                    return Err(InvalidNodeAddress::ipv6(host));
                }
                match after.strip_prefix(':') {
                    Some(port) => (host, port),
                    None if after.is_empty() => return Err(InvalidNodeAddress::PortMissing),
                    None => return Err(InvalidNodeAddress::host(authority)),
                }
            }
            None => {
                if authority.matches(':').count() > 1 {
                    return Err(InvalidNodeAddress::brackets(authority));
                }
                match authority.split_once(':') {
                    Some(parts) => parts,
                    None if authority.is_empty() => return Err(InvalidNodeAddress::HostMissing),
                    None => return Err(InvalidNodeAddress::PortMissing),
                }
            }
        };
        if host.is_empty() {
            return Err(InvalidNodeAddress::HostMissing);
        }
        Endpoint::new(scheme, host, parse_port(port)?)
    }
}

fn check_name(host: &str) -> Result<&str, InvalidNodeAddress> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let fits = !host.is_empty() && host.len() <= HOST_BYTES_MAX;
    // Digits with dots between them are an IPv4 address or a slip of the pen, not a name.
    let numeric = host.contains('.') && host.chars().all(|c| c.is_ascii_digit() || c == '.');
    let sound = !numeric || host.parse::<Ipv4Addr>().is_ok();
    if fits && sound && host.chars().all(allowed) {
        Ok(host)
    } else {
        Err(InvalidNodeAddress::host(host))
    }
}

fn parse_port(text: &str) -> Result<u16, InvalidNodeAddress> {
    if text.is_empty() {
        return Err(InvalidNodeAddress::PortMissing);
    }
    // `parse` alone would take "+5000" as well.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidNodeAddress::port(text));
    }
    match text.parse::<u16>() {
        Ok(port) if port != 0 => Ok(port),
        Ok(_) | Err(_) => Err(InvalidNodeAddress::port(text)),
    }
}

/// `scheme://host:port`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endpoint { scheme, host, port } = self;
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}
