//! Clusters of real processes for tests, and clients that share no code with the server.
//!
//! ```ignore
//! let mut cluster = Cluster::start(3).await;
//! let mut client = cluster.node(0).client().await;
//! cluster.kill(1).await;
//! cluster.restart(1).await;
//! ```
//!
//! Data, logs and processes end with the [`Cluster`], however the test ends: each process stops
//! when its standard input does.

// Each test takes what it needs.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]

mod client;
mod cluster;
mod exposition;
mod intruder;
mod ledger;
mod ports;
mod process;
mod talk;
mod tls;
mod traffic;
mod wait;

pub use client::{Client, Closed, Heard};
pub use cluster::{Cluster, Settings};
pub use exposition::{Exposition, is_metric_name, scrape};
pub use intruder::Intruder;
pub use ledger::Tally;
pub use ports::free_ports;
pub use process::{Ended, NodeProcess, end_of, raftwire, raftwire_with_open_files, run};
pub use tls::Authority;
pub use traffic::Traffic;
pub use wait::{WAIT_MAX, eventually};
