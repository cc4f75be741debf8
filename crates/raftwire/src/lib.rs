//! A WebSocket cluster to embed: reach any connection from any node, and learn truly what became
//! of the message.
//!
//! A [`ClusterManager`] is one node. It joins the others by a transport of the application's
//! choice, gives each client connection an id ([`ClusterManager::accept`]), and its
//! [`ClusterRouter`] takes messages to connections wherever they live:
//!
//! ```no_run
//! # async fn example(transports: &dyn raftwire::ClusterTransportFactory)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! use raftwire::{ClusterManager, ClusterOptions, ConnectionInfo, Environment};
//!
//! let options = ClusterOptions {
//!     node_id: Some("node1".parse()?),
//!     nodes: vec!["ws://127.0.0.1:5001/node2".parse()?, "ws://127.0.0.1:5002/node3".parse()?],
//!     ..ClusterOptions::default()
//! };
//! let manager = ClusterManager::start(options, Environment::real(), transports).await?;
//! manager.ready().await;
//!
//! let (connection, mut outbox) = manager.accept("/ws", ConnectionInfo::default())?;
//! let outcome = manager.router().route(&connection, "hello").await;
//! println!("{connection}: {outcome}");
//! # Ok(()) }
//! ```
//!
//! A connection may have a name as well, unique in the cluster: registered in the cluster's log
//! ([`ClusterManager::register_name`]), known to every node, and taken over by a newer connection
//! of the same name. Wherever an id is asked for, the name does as well.
//!
//! ```no_run
//! # use raftwire::{ClusterManager, ConnectionId, NamePolicy};
//! # async fn example(manager: ClusterManager, connection: ConnectionId)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let alice = manager.register_name(&connection, "alice".parse()?, NamePolicy::TakeOver).await?;
//! manager.router().route(&alice, "hello, whoever is alice now").await;
//! # Ok(()) }
//! ```
//!
//! Connections may belong to a user and to groups, and one message reaches all of them:
//!
//! ```no_run
//! # async fn example(manager: raftwire::ClusterManager, connection: raftwire::ConnectionId)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! manager.set_user(&connection, Some("alice".parse()?))?;
//! manager.join_settled(&connection, "room/42".parse()?).await?;
//!
//! let outcome = manager.router().send_to_group(&"room/42".parse()?, "hello, all").await;
//! println!("{} connections have it", outcome.counts.delivered);
//! for (node, why) in &outcome.unknown {
//!     println!("{node} may have delivered it: {why}");
//! }
//! # Ok(()) }
//! ```
//!
//! **What is absent.** No concrete transport is named here, nothing prints or exits, no logger is
//! installed, and nothing reads [`GlobalClusterCenter`].

mod address_book;
mod assembly;
mod connection;
mod directory;
mod events;
mod facts;
mod fan;
mod global;
mod identity;
mod manager;
mod membership;
mod metrics;
mod names;
mod nodes;
mod options;
mod outcome;
mod outcome_queue;
mod parking;
mod peer;
mod report;
mod router;
mod start;
mod variants;

pub use connection::{
    CONNECTION_INFO_BYTES_MAX, ConnectionInfo, ConnectionProvider, DefaultConnectionProvider,
    FRAME_OVERHEAD_BYTES, Outbox, OutboxClosed, OutboxPolicy, Undeliverable,
};
pub use events::{ClusterEvents, MissedEvents};
pub use facts::{GROUPS_PER_CONNECTION_MAX, MembershipError, OwnedFactsView, ROWS_PER_NODE_MAX};
pub use fan::{Audience, FanCounts, FanOptions, FanOutcome};
pub use global::{AlreadySet, GlobalClusterCenter};
pub use manager::{AcceptError, ClusterManager};
pub use metrics::{
    ClusterMetrics, ConnectionMetrics, ConsensusMetrics, Destination, DropReason, FanOuts,
    HandshakeFailures, LaneMetrics, LinkMetrics, NameMetrics, ParkedMetrics, PeerMetrics,
    RoutedMessages, UNREACHABLE_AFTER,
};
pub use names::{NamedConnectionError, RegisterNameError};
pub use nodes::NodeView;
pub use options::{
    ClusterOptions, InvalidOptions, MESSAGE_BYTES_MAX_CEILING, MESSAGE_BYTES_MAX_DEFAULT,
    OUTBOX_BYTES_MAX_DEFAULT, ROUTE_DEADLINE_DEFAULT, ROUTE_DEADLINE_MAX,
};
pub use outcome::{FullQueue, Happened, RouteOutcome};
pub use outcome_queue::{OutcomeQueue, TooManyInFlight};
pub use raftwire_consensus::{
    ClusterEvent, DownReason, NAMES_MAX_CEILING, NAMES_MAX_DEFAULT, NamePolicy, RaftNode,
    RecoverError, Recovery, RemoveError, Role, SeatPolicy, Timings,
};
pub use raftwire_environment::Environment;
pub use raftwire_link::session::Secret;
pub use raftwire_protocol::{
    CloseCode, ConnectionId, Frame, FrameKind, Group, Incarnation, InvalidConnectionId,
    InvalidName, InvalidNodeId, Lane, MintedId, Name, NodeAddress, NodeId, UserId,
};
pub use raftwire_transport::{
    ClusterTransport, ClusterTransportFactory, Lanes, SplitClusterTransportFactory, TransportSetup,
};
pub use report::ConnectionCount;
pub use router::{Acknowledgement, ClusterRouter, RouteOptions};
pub use start::StartError;
#[cfg(feature = "wrong-variants")]
pub use variants::WrongVariants;
