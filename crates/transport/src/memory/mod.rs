//! A whole network in memory, for tests: cuts, delays, losses, repetitions and reordering, drawn
//! from a seed.
//!
//! One [`MemoryNetwork`] is shared by all nodes of a test. It needs tokio's time and nothing
//! else, so it runs under paused time, inside a turmoil simulation, where each node has a runtime
//! and a clock of its own, and between real runtimes.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use raftwire_environment::Environment;
//! use raftwire_transport::memory::MemoryNetwork;
//! use raftwire_transport::{ClusterTransport, Lanes, TransportEvent, TransportSetup};
//!
//! let network = MemoryNetwork::new(7);
//! let setup = |node: &str, peer: &str| TransportSetup {
//!     environment: Environment::real(),
//!     cluster: "example".to_owned(),
//!     node: node.parse().expect("a valid id"),
//!     peers: vec![peer.parse().expect("a valid address")],
//!     lanes: Lanes::Both,
//! };
//! let a = network.transport(setup("a", "b"));
//! let b = network.transport(setup("b", "a"));
//! let mut heard_by_a = a.start().await?;
//! let mut heard_by_b = b.start().await?;
//!
//! let Some(TransportEvent::PeerUp { channel, .. }) = heard_by_a.recv().await else {
//!     panic!("the first event is a new channel");
//! };
//! a.send(&channel, "hello".into())?;
//! loop {
//!     if let Some(TransportEvent::Received { packet, .. }) = heard_by_b.recv().await {
//!         assert_eq!(packet, "hello");
//!         break;
//!     }
//! }
//! a.stop().await;
//! b.stop().await;
//! # Ok(()) }
//! ```

mod connection;
mod dice;
mod endpoint;
mod fabric;
mod inbox;
mod network;
mod profile;
mod receiver;
mod statistics;
mod traffic;
mod transport;
mod weather;

pub use inbox::IN_FLIGHT_BYTES_MAX;
pub use network::MemoryNetwork;
pub use profile::LinkProfile;
pub use statistics::MemoryStatistics;
