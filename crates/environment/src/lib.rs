//! The only door of Raftwire to sockets, disk, clocks, randomness and tasks.
//!
//! Everything else in the workspace takes an [`Environment`] and asks it; clippy's
//! `disallowed-methods` forbids the way round. [`Environment::real`] is the operating system's.
//! With the feature `simulation`, `Environment::simulated` is one host of a
//! [turmoil](https://docs.rs/turmoil) simulation: virtual time, a virtual network, an in-memory
//! disk that loses what was not synced, and random numbers from a seed, so that a whole cluster
//! runs in one thread and runs the same way again for the same seed.
//!
//! **What is absent.** Nothing here knows of nodes, messages, Raft or a protocol. No part of this
//! crate retries, buffers or times out on its own; the caller decides. There is no `sleep`:
//! [`tokio::time`] follows the environment's clock already.

// Rustdoc is given no RUSTFLAGS, and simulates nothing.
#[cfg(all(feature = "simulation", not(any(tokio_unstable, doc, doctest))))]
compile_error!(
    "the simulation needs `--cfg tokio_unstable` (tokio's scheduler is seeded only with it); \
     a RUSTFLAGS variable in the shell overrides the one in .cargo/config.toml"
);

mod backend;
mod boot_time;
pub mod disk;
mod environment;
mod executor;
mod net;
mod real;
#[cfg(feature = "simulation")]
mod simulated;
mod task;

pub use boot_time::BootTime;
#[cfg(feature = "simulation")]
pub use disk::simulated::{Fault, SimulatedDisk};
pub use disk::{Disk, DiskFile, DiskLock};
pub use environment::Environment;
pub use executor::Executor;
pub use net::{TcpListener, TcpStream};
