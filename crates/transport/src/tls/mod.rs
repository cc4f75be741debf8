//! What everybody who speaks TLS needs, whoever is at the other end: certificates from files, the
//! clock that they are held against, and the side of a client that trusts some authorities.
//!
//! Who may be at the other end is decided by whoever opens the connection: a node by what its
//! certificate names, a broker by its host.

mod client;
mod pem_files;
mod wall_clock;

pub use client::trusting;
pub use pem_files::{PemError, read_authorities, read_identity};
pub use wall_clock::WallClock;
