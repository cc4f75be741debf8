use crate::InvalidNodeId;

/// Why a text is not a [`NodeAddress`](super::NodeAddress).
///
/// Each message says what is wrong and shows the forms that are right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNodeAddress {
    /// There is no text.
    #[error("the address is empty; {ACCEPTED}")]
    Empty,
    /// It has a space or a control character.
    #[error("{character:?} is not allowed in an address; {ACCEPTED}")]
    Whitespace {
        /// The first such character.
        character: char,
    },
    /// Neither `ws` nor `wss`.
    #[error("the scheme is `{scheme}`, not `ws` or `wss`; {ACCEPTED}")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// There is an endpoint, but no node's id with it.
    #[error("the node's id is missing; {ACCEPTED}")]
    NodeIdMissing,
    /// The node's id is not one.
    #[error("{source}; {ACCEPTED}")]
    NodeId {
        /// What is wrong with it.
        source: InvalidNodeId,
    },
    /// The host is missing.
    #[error("the host is missing; {ACCEPTED}")]
    HostMissing,
    /// The host is neither a name nor an address.
    #[error("`{host}` is not a host name or an address; {ACCEPTED}")]
    Host {
        /// The host.
        host: String,
    },
    /// There are several colons outside brackets.
    #[error("an IPv6 address stands in brackets, `{host}` does not; {ACCEPTED}")]
    Brackets {
        /// The host and what follows it.
        host: String,
    },
    /// What stands in brackets is not an IPv6 address.
    #[error("`{host}` is not an IPv6 address, or its bracket is not closed; {ACCEPTED}")]
    Ipv6 {
        /// What stands in brackets.
        host: String,
    },
    /// The port is missing.
    #[error("the port is missing; {ACCEPTED}")]
    PortMissing,
    /// The port is not a number from 1 to 65535.
    #[error("the port is 1 to 65535, not `{port}`; {ACCEPTED}")]
    Port {
        /// The port.
        port: String,
    },
    /// The path has more than the node's id.
    #[error("the path is the node's id alone, not `{path}`; {ACCEPTED}")]
    Path {
        /// The path.
        path: String,
    },
    /// There is an `@` in the form with a scheme.
    #[error("a user or password is not allowed, the node's id is the path; {ACCEPTED}")]
    UserInfo,
    /// There is a query or a fragment.
    #[error("a query or fragment is not allowed (`{character}`); {ACCEPTED}")]
    QueryOrFragment {
        /// Its first character.
        character: char,
    },
}

const ACCEPTED: &str = "write `ws://host:port/nodeId`, `wss://host:port/nodeId`, `nodeId@host:port`, or \
     `nodeId` alone where a broker finds the nodes; an IPv6 host as `[::1]`";

/// Characters of the input that an error repeats: enough to find it again.
const QUOTED_CHARACTERS_MAX: usize = 80;

fn quoted(text: &str) -> String {
    text.chars().take(QUOTED_CHARACTERS_MAX).collect()
}

impl InvalidNodeAddress {
    pub(super) fn scheme(scheme: &str) -> InvalidNodeAddress {
        InvalidNodeAddress::Scheme {
            scheme: quoted(scheme),
        }
    }

    pub(super) fn host(host: &str) -> InvalidNodeAddress {
        InvalidNodeAddress::Host { host: quoted(host) }
    }

    pub(super) fn brackets(host: &str) -> InvalidNodeAddress {
        InvalidNodeAddress::Brackets { host: quoted(host) }
    }

    pub(super) fn ipv6(host: &str) -> InvalidNodeAddress {
        InvalidNodeAddress::Ipv6 { host: quoted(host) }
    }

    pub(super) fn port(port: &str) -> InvalidNodeAddress {
        InvalidNodeAddress::Port { port: quoted(port) }
    }

    pub(super) fn path(path: &str) -> InvalidNodeAddress {
        InvalidNodeAddress::Path { path: quoted(path) }
    }
}
