//! Which options can be.

use raftwire_consensus::NAMES_MAX_CEILING;
use raftwire_protocol::{InvalidNodeId, NodeAddress, NodeId};

use super::{ClusterOptions, MESSAGE_BYTES_MAX_CEILING, ROUTE_DEADLINE_MAX};

/// The longest host name (RFC 1035, §2.3.4).
const NODE_ADDRESS_BYTES_MAX: usize = 253;

/// An option that cannot be, and what can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOptions {
    /// A limit outside its range.
    #[error("{key} = {value}: must be from {min} to {max}")]
    OutOfRange {
        /// The option's name.
        key: &'static str,
        /// What was given.
        value: u128,
        /// The least.
        min: u128,
        /// The most.
        max: u128,
    },
    /// A text that must not be empty, or has a wrong form.
    #[error("{key} = \"{value}\": {expected}")]
    Malformed {
        /// The option's name.
        key: &'static str,
        /// What was given.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// Two entries of `nodes` give one node two addresses.
    #[error("nodes: {node} is listed as {first} and as {second}; keep one")]
    TwoAddresses {
        /// The node.
        node: NodeId,
        /// One entry.
        first: String,
        /// The other.
        second: String,
    },
    /// Two entries of `nodes` give two nodes one address.
    #[error("nodes: {first} and {second} have the same address ({address}); each has its own")]
    OneAddress {
        /// One node.
        first: NodeId,
        /// The other.
        second: NodeId,
        /// The entry of the other.
        address: String,
    },
    /// An option that is of no use without the secret.
    #[error("{key} is set, and no secret: set `secret` as well, the same on every node")]
    NeedsSecret {
        /// The option's name.
        key: &'static str,
    },
    /// A node id made from other options is not one.
    #[error(transparent)]
    NodeId(#[from] InvalidNodeId),
}

impl ClusterOptions {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first option that cannot be, with its value and what is allowed.
    pub fn validate(&self) -> Result<(), InvalidOptions> {
        let range = |key, value: usize, min: usize, max: usize| {
            if (min..=max).contains(&value) {
                return Ok(());
            }
            let [value, min, max] = [value, min, max].map(|number| number as u128);
            Err(InvalidOptions::OutOfRange {
                key,
                value,
                min,
                max,
            })
        };
        range(
            "message_bytes_max",
            self.message_bytes_max,
            1,
            MESSAGE_BYTES_MAX_CEILING,
        )?;
        range("outbox_bytes_max", self.outbox_bytes_max, 1, 1 << 30)?;
        let names_max = usize::try_from(self.names_max).unwrap_or(usize::MAX);
        range("names_max", names_max, 1, NAMES_MAX_CEILING as usize)?;
        let milliseconds = usize::try_from(self.route_deadline.as_millis()).unwrap_or(usize::MAX);
        let longest = usize::try_from(ROUTE_DEADLINE_MAX.as_millis()).unwrap_or(usize::MAX);
        range("route_deadline (ms)", milliseconds, 1, longest)?;
        malformed(
            "channel_name",
            &self.channel_name,
            "must be a path that begins with \"/\", such as \"/cluster\"",
            |name| name.len() > 1 && name.starts_with('/') && !name.contains(['?', '#', ' ']),
        )?;
        malformed(
            "cluster_name",
            &self.cluster_name,
            "must be 1 to 64 characters of A-Z a-z 0-9 . _ -",
            |name| name.parse::<NodeId>().is_ok(),
        )?;
        malformed(
            "node_address",
            &self.node_address,
            "must be a host name or an address",
            |a| (1..=NODE_ADDRESS_BYTES_MAX).contains(&a.len()) && !a.contains(char::is_whitespace),
        )?;
        let needs_secret = [
            ("secret_previous", self.secret_previous.is_some()),
            ("encrypt", self.encrypt),
        ];
        let lacking = needs_secret.into_iter().find(|(_, is_set)| *is_set);
        if let (None, Some((key, _))) = (&self.secret, lacking) {
            return Err(InvalidOptions::NeedsSecret { key });
        }
        self.peers(self.node_id.as_ref()).map(drop)
    }

    /// The other nodes, each once, sorted by name: without `local`, which may be listed.
    ///
    /// # Errors
    /// [`InvalidOptions::TwoAddresses`] and [`InvalidOptions::OneAddress`] where two entries contradict
    /// each other.
    pub fn peers(&self, local: Option<&NodeId>) -> Result<Vec<NodeAddress>, InvalidOptions> {
        let mut peers: Vec<NodeAddress> = Vec::with_capacity(self.nodes.len());
        for address in &self.nodes {
            match peers.iter_mut().find(|known| known.node == address.node) {
                None => peers.push(address.clone()),
                Some(known) if known == address || address.endpoint.is_none() => {}
                Some(known) if known.endpoint.is_none() => *known = address.clone(),
                Some(known) => {
                    return Err(InvalidOptions::TwoAddresses {
                        node: address.node.clone(),
                        first: known.to_string(),
                        second: address.to_string(),
                    });
                }
            }
        }
        for (index, peer) in peers.iter().enumerate() {
            let is_same =
                |other: &&NodeAddress| other.endpoint.is_some() && other.endpoint == peer.endpoint;
            if let Some(other) = peers[..index].iter().find(is_same) {
                return Err(InvalidOptions::OneAddress {
                    first: other.node.clone(),
                    second: peer.node.clone(),
                    address: peer.to_string(),
                });
            }
        }
        peers.retain(|peer| Some(&peer.node) != local);
        peers.sort_by(|one, other| one.node.cmp(&other.node));
        Ok(peers)
    }
}

fn malformed(
    key: &'static str,
    value: &str,
    expected: &'static str,
    is_valid: impl Fn(&str) -> bool,
) -> Result<(), InvalidOptions> {
    if is_valid(value) {
        return Ok(());
    }
    Err(InvalidOptions::Malformed {
        key,
        value: value.to_owned(),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_one_node_and_a_node_to_one_address() {
        let invalid = |nodes: [&str; 2]| {
            let options = ClusterOptions {
                node_id: Some("node1".parse().expect("a node id")),
                nodes: nodes.map(|node| node.parse().expect("an address")).into(),
                ..ClusterOptions::default()
            };
            options.validate().expect_err("a contradiction")
        };
        let two = invalid(["ws://127.0.0.1:1/node1", "ws://127.0.0.1:2/node1"]);
        assert!(matches!(two, InvalidOptions::TwoAddresses { .. }), "{two}");
        let one = invalid(["ws://127.0.0.1:1/node1", "ws://127.0.0.1:1/node2"]);
        assert!(matches!(one, InvalidOptions::OneAddress { .. }), "{one}");
    }
}
