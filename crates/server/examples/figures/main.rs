//! Measures three real nodes on this machine: failover, acknowledged routes, names, memory.
//!
//! `make figures` builds the server and runs this; `starts`, `failover`, `routes`, `lookups`, `joins`, `death`, `memory` or `slow` as an
//! argument runs one. The figures are this machine's; compare ratios, and runs with runs.

#![allow(clippy::print_stdout, clippy::print_stderr)] // it is a program

mod cluster;
mod death;
mod failover;
mod holder;
mod joins;
mod load_client;
mod lookups;
mod memory;
mod routes;
mod slow;
mod starts;
mod statistics;

use std::error::Error;

use raftwire_environment::Environment;

/// Runs of the failover: enough for a median and to see an outlier.
const FAILOVER_RUNS: usize = 10;
/// Runs of a cold start.
const START_RUNS: usize = 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let environment = Environment::real();
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    if is_wanted("starts") {
        starts::measure(&environment, START_RUNS).await?;
    }
    if is_wanted("failover") {
        failover::measure(&environment, FAILOVER_RUNS).await?;
    }
    if is_wanted("routes") {
        routes::measure(&environment).await?;
    }
    if is_wanted("lookups") {
        lookups::measure(&environment).await?;
    }
    if is_wanted("joins") {
        joins::measure(&environment).await?;
    }
    if is_wanted("death") {
        death::measure(&environment).await?;
    }
    if is_wanted("memory") {
        memory::measure(&environment).await?;
    }
    if is_wanted("slow") {
        slow::measure(&environment).await?;
    }
    Ok(())
}
