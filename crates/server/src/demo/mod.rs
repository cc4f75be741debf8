//! `raftwire demo`: a cluster of real processes that shows what it does.
//!
//! Three child processes `raftwire serve` form a cluster, some hundred WebSocket clients connect
//! to them, and numbered messages run between clients of different nodes from the first act to
//! the last, while the leader is killed and comes back. Every message is accounted for in the
//! `ledger`; a wrong result is an error.
//!
//! The children end with the demonstration, however it ends: each holds the other end of a pipe.

mod acts;
mod broker;
mod client;
mod error;
mod ledger;
mod narrator;
mod nodes;
mod ports;
mod stay;
mod summary;
mod traffic;
mod transport;
mod watch;

use raftwire_environment::Environment;

pub use error::DemoError;
pub use transport::{DemoTransport, UnfitConnection};

use crate::cli::Output;
use acts::{Acts, Patience};
use narrator::Narrator;
use nodes::Nodes;

/// What the demonstration is asked to do.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Keep the cluster running afterwards.
    pub stay: bool,
    /// How many clients.
    pub clients: usize,
    /// What carries the traffic between the nodes.
    pub transport: DemoTransport,
    /// The broker of that transport; `None`: one is started.
    pub connection_string: Option<String>,
}

/// Plays the demonstration. Ends without an error when everything went as it must.
///
/// # Errors
/// See [`DemoError`].
pub async fn run(
    options: DemoOptions,
    environment: Environment,
    output: Output,
) -> Result<(), DemoError> {
    crate::serve::room_for_clients(options.clients);
    let narrator = Narrator::new(environment.clone(), output);
    let mut nodes = Nodes::prepare(&environment, &narrator).await?;
    let stop = crate::serve::told_to_stop(false).map_err(DemoError::Signals)?;
    tokio::pin!(stop);
    let played = tokio::select! {
        played = play(&options, &environment, &narrator, &mut nodes) => played,
        () = &mut stop => Err(DemoError::Interrupted),
    };
    let played = match played {
        Ok(acts) if options.stay => stay::until(stop, &acts, &nodes, &narrator).await,
        played => played.map(drop),
    };
    let keep = matches!(&played, Err(error) if error.is_told_of_in_logs());
    match (played, nodes.end(keep).await) {
        (Err(error), Some(folder)) => Err(DemoError::Kept {
            error: Box::new(error),
            folder,
        }),
        (played, _) => played,
    }
}

async fn play(
    options: &DemoOptions,
    environment: &Environment,
    narrator: &Narrator,
    nodes: &mut Nodes,
) -> Result<Acts, DemoError> {
    let patience = Patience::with(options.transport.timings());
    let mut acts = Acts::new(environment.clone(), narrator.clone(), patience);
    nodes.connect_over(options, narrator).await?;
    acts.elect(nodes).await?;
    acts.connect(nodes, options.clients).await?;
    acts.route_across(nodes).await?;
    acts.start_traffic();
    acts.kill_the_leader(nodes).await?;
    acts.see_it_declared_dead(nodes).await?;
    acts.bring_it_back(nodes).await?;
    acts.end_traffic().await;
    summary::print(&acts, narrator)?;
    Ok(acts)
}
