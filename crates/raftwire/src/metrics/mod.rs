//! What a node counts of itself, and the snapshot that an application reads.
//!
//! Counting costs a relaxed addition where the thing happens, and never a cache line that other
//! cores write to for other connections: [`RouteCounters`] is cut into shards like the table of
//! connections, the figures of a link belong to the peer's task, and everything in
//! [`NodeCounters`] is rare.

mod fans;
mod peer;
mod rare;
mod routes;
mod snapshot;

pub(crate) use fans::FanCounters;
pub use fans::FanOuts;
pub use peer::{LaneMetrics, LinkMetrics, PeerMetrics, UNREACHABLE_AFTER};
pub(crate) use peer::{PeerFigures, Reachability};
pub(crate) use rare::NodeCounters;
pub use rare::{DropReason, HandshakeFailures};
pub(crate) use routes::RouteCounters;
pub use routes::{Destination, RoutedMessages};
pub use snapshot::{
    ClusterMetrics, ConnectionMetrics, ConsensusMetrics, NameMetrics, ParkedMetrics,
};
