use std::fmt;

/// A server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Name or address of the host; an IPv6 address in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl HostPort {
    /// Reads `host`, `host:port` or `[v6 address]:port`; `None` when it is none of them.
    pub fn parse(text: &str, default_port: u16) -> Option<Self> {
        let ends_in_brackets = text.ends_with(']');
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !ends_in_brackets => (host, port.parse().ok()?),
            _ => (text, default_port),
        };
        let in_brackets = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let is_host = match in_brackets {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                let is_of_a_name =
                    |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
                !host.is_empty() && host.bytes().all(is_of_a_name)
            }
        };
        (is_host && port != 0).then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
