//! Measures three real nodes on this machine: failover, acknowledged routes, memory.
//!
//! `make figures` builds the server and runs this. The figures are this machine's; compare ratios, and runs with runs.

#![allow(clippy::print_stdout)] // it is a program

mod cluster;
mod failover;
mod load_client;
mod memory;
mod routes;
mod statistics;

use std::error::Error;

use raftwire_environment::Environment;

/// Runs of the failover: enough for a median and to see an outlier.
const FAILOVER_RUNS: usize = 10;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let environment = Environment::real();
    failover::measure(&environment, FAILOVER_RUNS).await?;
    routes::measure(&environment).await?;
    memory::measure(&environment).await?;
    Ok(())
}
