//! How the operator writes where a node is.

mod endpoint;
mod error;

use std::fmt;
use std::str::FromStr;

pub use endpoint::{Endpoint, Scheme};
pub use error::InvalidNodeAddress;

use crate::NodeId;

/// Where a node is, as the operator writes it: its id and, unless a broker finds it, its endpoint.
///
/// | form | endpoint |
/// |---|---|
/// | `ws://host:port/nodeId` | by WebSocket |
/// | `wss://host:port/nodeId` | by WebSocket over TLS |
/// | `nodeId@host:port` | by WebSocket |
/// | `nodeId` | none: the transport finds the node by its id |
///
/// The host is a name, an IPv4 address, or an IPv6 address in brackets. The port is always written.
///
/// # Examples
///
/// ```
/// use raftwire_protocol::NodeAddress;
///
/// let address: NodeAddress = "node2@[2001:db8::2]:5000".parse()?;
/// assert_eq!(address.node.as_str(), "node2");
/// assert_eq!(address.to_string(), "ws://[2001:db8::2]:5000/node2");
///
/// let error = "ws://10.0.0.2:5000".parse::<NodeAddress>().unwrap_err();
/// assert!(error.to_string().contains("ws://host:port/nodeId"));
/// # Ok::<(), raftwire_protocol::InvalidNodeAddress>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeAddress {
    /// The node's id.
    pub node: NodeId,
    /// Where it listens; nothing if only its id is known.
    pub endpoint: Option<Endpoint>,
}

impl FromStr for NodeAddress {
    type Err = InvalidNodeAddress;

    fn from_str(text: &str) -> Result<NodeAddress, InvalidNodeAddress> {
        if text.is_empty() {
            return Err(InvalidNodeAddress::Empty);
        }
        if let Some(character) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            return Err(InvalidNodeAddress::Whitespace { character });
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return parse_url(scheme, rest);
        }
        if let Some((node, authority)) = text.split_once('@') {
            let endpoint = Endpoint::parse(Scheme::Ws, authority)?;
            return Ok(NodeAddress {
                node: parse_node(node)?,
                endpoint: Some(endpoint),
            });
        }
        // `host:port` alone: the commonest slip deserves a better word than "a colon is not
        // allowed".
        if text.contains(':') {
            return Err(InvalidNodeAddress::NodeIdMissing);
        }
        Ok(NodeAddress {
            node: parse_node(text)?,
            endpoint: None,
        })
    }
}

fn parse_url(scheme: &str, rest: &str) -> Result<NodeAddress, InvalidNodeAddress> {
    let scheme = Scheme::parse(scheme)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(InvalidNodeAddress::UserInfo);
    }
    if let Some(character) = rest.chars().find(|c| matches!(c, '?' | '#')) {
        return Err(InvalidNodeAddress::QueryOrFragment { character });
    }
    let endpoint = Endpoint::parse(scheme, authority)?;
    if path.contains('/') {
        return Err(InvalidNodeAddress::path(path));
    }
    Ok(NodeAddress {
        node: parse_node(path)?,
        endpoint: Some(endpoint),
    })
}

fn parse_node(text: &str) -> Result<NodeId, InvalidNodeAddress> {
    if text.is_empty() {
        return Err(InvalidNodeAddress::NodeIdMissing);
    }
    NodeId::new(text).map_err(|source| InvalidNodeAddress::NodeId { source })
}

/// The form with a scheme, or the id alone: what [`FromStr`] reads back as the same address.
impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Some(endpoint) => write!(f, "{endpoint}/{}", self.node),
            None => self.node.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
