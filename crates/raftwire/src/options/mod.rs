//! What a node is told when it starts.

mod check;
mod form;

use std::path::PathBuf;
use std::time::Duration;

use raftwire_consensus::{NAMES_MAX_DEFAULT, SeatPolicy, Timings};
use raftwire_link::session::Secret;
use raftwire_protocol::{Lane, NodeAddress, NodeId};
use serde::{Deserialize, Serialize};

pub use self::check::InvalidOptions;
use self::form::{duration, policy, seat, secret, text};
use crate::OutboxPolicy;

/// The default of [`ClusterOptions::route_deadline`]: longer than a failover with its committed
/// death would need on direct links to a living owner, short enough for a waiting user.
pub const ROUTE_DEADLINE_DEFAULT: Duration = Duration::from_secs(5);
/// The longest that a route may take: nobody waits longer for a message, and what waits takes room.
pub const ROUTE_DEADLINE_MAX: Duration = Duration::from_secs(600);
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
}
