//! What a node is told when it starts.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use raftwire_consensus::{NAMES_MAX_CEILING, NAMES_MAX_DEFAULT, SeatPolicy, Timings};
use raftwire_link::session::Secret;
use raftwire_protocol::{InvalidNodeId, Lane, NodeAddress, NodeId};
use serde::{Deserialize, Serialize};

use crate::OutboxPolicy;

/// The default of [`ClusterOptions::route_deadline`]: longer than a failover with its committed
/// death would need on direct links to a living owner, short enough for a waiting user.
pub const ROUTE_DEADLINE_DEFAULT: Duration = Duration::from_secs(5);
/// The longest that a route may take: nobody waits longer for a message, and what waits takes room.
pub const ROUTE_DEADLINE_MAX: Duration = Duration::from_secs(600);
/// The longest host name (RFC 1035, §2.3.4).
const NODE_ADDRESS_BYTES_MAX: usize = 253;
/// The default of [`ClusterOptions::message_bytes_max`]. A larger message is better stored, and told of.
pub const MESSAGE_BYTES_MAX_DEFAULT: usize = 1024 * 1024;
/// The most that [`ClusterOptions::message_bytes_max`] may be: a message is held whole in memory
/// on both nodes.
pub const MESSAGE_BYTES_MAX_CEILING: usize = 64 * 1024 * 1024;
/// The default of [`ClusterOptions::outbox_bytes_max`].
pub const OUTBOX_BYTES_MAX_DEFAULT: usize = 1024 * 1024;

/// Everything that a node is told when it starts. The names and defaults of the first six are those
/// of the C# `ClusterOption`, in snake case.
///
/// ```
/// use raftwire::ClusterOptions;
///
/// let options = ClusterOptions {
///     node_id: Some("node1".parse()?),
///     nodes: vec!["ws://127.0.0.1:5001/node2".parse()?],
///     ..ClusterOptions::default()
/// };
/// options.validate()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterOptions {
    /// This node's name. Default: generated, and kept in the data folder.
    #[serde(with = "text::option", skip_serializing_if = "Option::is_none")]
    pub node_id: Option<NodeId>,
    /// The address that this node listens on. Default `127.0.0.1`: nobody else can reach a node
    /// that was started without thinking of it.
    pub node_address: String,
    /// The port that this node listens on. Default 5000.
    pub node_port: u16,
    /// Which transport carries the cluster: read by whoever makes the factory, which is the server
    /// for instance. Default `ws`.
    pub transport_type: String,
    /// The transport of the control lane, where it is another one than `transport_type`: elections and
    /// leases ride on it, so [`timings`](Self::timings) are as suit it. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// The transport of the data lane, where it is another one than `transport_type`: messages ride on
    /// it. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The other founding members, each in one of the forms of [`NodeAddress`]. Listing oneself,
    /// duplicates and the order make no difference. Default none: a cluster of one.
    #[serde(with = "text::list")]
    pub nodes: Vec<NodeAddress>,
    /// How long elections and leases take. Default [`Timings::direct`]; over a broker
    /// [`Timings::broker`]. The same on all nodes.
    #[serde(skip)]
    pub timings: Timings,
    /// The path of the cluster channel on the node's port. Default `/cluster`.
    pub channel_name: String,
    /// The cluster's name: two clusters never mix. Default `raftwire`.
    pub cluster_name: String,
    /// What every node proves to know. Default none: any process that can reach the cluster
    /// channel may join.
    #[serde(deserialize_with = "secret::deserialize", skip_serializing)]
    pub secret: Option<Secret>,
    /// The secret before or after `secret`, while it is being exchanged: a node that has either belongs to
    /// the cluster. Default none.
    #[serde(deserialize_with = "secret::deserialize", skip_serializing)]
    pub secret_previous: Option<Secret>,
    /// Encrypt what nodes say to each other, where TLS between them does not do so already. Needs a secret.
    /// Default false: without it, packets that leave the machine have a code that proves where they come from,
    /// and can be read.
    pub encrypt: bool,
    /// Where the log and the identity are kept. Default `./raftwire-data/<node id>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Keep nothing on disk. A cluster whose voters are all ephemeral loses its identity when a
    /// majority stops; ephemeral nodes do not vote beside durable ones. Default false.
    pub ephemeral: bool,
    /// Whether this node may take part in the log: `auto`, or `edge` for a node that never votes and
    /// keeps no log, so that it may come and go as it likes. Default `auto`: the founding members vote,
    /// two more stand by, the rest are edges anyway.
    #[serde(with = "seat")]
    pub seat: SeatPolicy,
    /// How long a route may take, in text such as `5s` or `250ms`. Default 5 s.
    #[serde(with = "duration")]
    pub route_deadline: Duration,
    /// The largest message, in bytes of payload. Default 1 MiB, at most 64 MiB.
    pub message_bytes_max: usize,
    /// What one connection's outbox may hold, in bytes. Default 1 MiB: a client that is that far
    /// behind does not catch up.
    pub outbox_bytes_max: usize,
    /// What happens when an outbox is full: `close`, `refuse` or `drop_oldest`. Default `close`.
    #[serde(with = "policy")]
    pub outbox_policy: OutboxPolicy,
    /// How many names of connections the cluster may have, at most 1,000,000. What the founding
    /// node was told holds for the whole cluster. Default 1,000,000: they take each node with a log
    /// some 150 MB.
    pub names_max: u64,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        ClusterOptions {
            node_id: None,
            node_address: "127.0.0.1".to_owned(),
            node_port: 5000,
            transport_type: "ws".to_owned(),
            control: None,
            data: None,
            nodes: Vec::new(),
            timings: Timings::direct(),
            channel_name: "/cluster".to_owned(),
            cluster_name: "raftwire".to_owned(),
            secret: None,
            secret_previous: None,
            encrypt: false,
            data_dir: None,
            ephemeral: false,
            seat: SeatPolicy::Auto,
            route_deadline: ROUTE_DEADLINE_DEFAULT,
            message_bytes_max: MESSAGE_BYTES_MAX_DEFAULT,
            outbox_bytes_max: OUTBOX_BYTES_MAX_DEFAULT,
            outbox_policy: OutboxPolicy::Close,
            names_max: NAMES_MAX_DEFAULT,
        }
    }
}

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
    /// What carries a lane: [`control`](Self::control) or [`data`](Self::data), or where it is not
    /// set `transport_type`. A
    /// [`SplitClusterTransportFactory`](crate::SplitClusterTransportFactory) puts two together.
    pub fn transport_of(&self, lane: Lane) -> &str {
        let own = match lane {
            Lane::Control => &self.control,
            Lane::Data => &self.data,
        };
        own.as_deref().unwrap_or(&self.transport_type)
    }

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

/// Values that have a text form, as text.
mod text {
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::fmt::Display;

    fn parse<T: FromStr<Err: Display>, E: de::Error>(text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    pub(super) mod option {
        use super::{Deserialize, Deserializer, Display, FromStr, Serializer, parse};

        pub(in super::super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<T>, D::Error> {
            let text: Option<String> = Option::deserialize(deserializer)?;
            text.map(|text| parse(&text)).transpose()
        }

        pub(in super::super) fn serialize<T: Display, S: Serializer>(
            value: &Option<T>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match value {
                Some(value) => serializer.collect_str(value),
                None => serializer.serialize_none(),
            }
        }
    }

    pub(super) mod list {
        use super::{Deserialize, Deserializer, Display, FromStr, Serializer, parse};

        pub(in super::super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Vec<T>, D::Error> {
            let texts: Vec<String> = Vec::deserialize(deserializer)?;
            texts.iter().map(|text| parse(text)).collect()
        }

        pub(in super::super) fn serialize<T: Display, S: Serializer>(
            values: &[T],
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(values.iter().map(ToString::to_string))
        }
    }
}

/// Durations as text with their unit.
mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map_err(|_| {
            de::Error::custom(format_args!(
                "\"{text}\" is not a duration: write a number with its unit, such as \"5s\" or \
                 \"250ms\""
            ))
        })
    }

    pub(super) fn serialize<S: Serializer>(value: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&humantime::format_duration(*value))
    }
}

/// The secret, as text of a configuration. It is never written back.
mod secret {
    use serde::{Deserialize, Deserializer, de};

    use super::Secret;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.map(|text| Secret::new(text).map_err(de::Error::custom))
            .transpose()
    }
}

/// The seats by name.
mod seat {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::SeatPolicy;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SeatPolicy, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "auto" => Ok(SeatPolicy::Auto),
            "edge" => Ok(SeatPolicy::Edge),
            _ => Err(de::Error::custom(format_args!(
                "\"{text}\": must be auto or edge"
            ))),
        }
    }

    pub(super) fn serialize<S: Serializer>(value: &SeatPolicy, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(match value {
            SeatPolicy::Auto => "auto",
            SeatPolicy::Edge => "edge",
        })
    }
}

/// The outbox policies by name.
mod policy {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::OutboxPolicy;

    const NAMES: [(&str, OutboxPolicy); 3] = [
        ("close", OutboxPolicy::Close),
        ("refuse", OutboxPolicy::Refuse),
        ("drop_oldest", OutboxPolicy::DropOldest),
    ];

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<OutboxPolicy, D::Error> {
        let text = String::deserialize(deserializer)?;
        let found = NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, policy)| *policy).ok_or_else(|| {
            de::Error::custom(format_args!(
                "\"{text}\": must be close, refuse or drop_oldest"
            ))
        })
    }

    pub(super) fn serialize<S: Serializer>(value: &OutboxPolicy, s: S) -> Result<S::Ok, S::Error> {
        let name = NAMES
            .iter()
            .find(|(_, policy)| policy == value)
            .map_or("close", |(name, _)| name);
        s.serialize_str(name)
    }
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
