//! `raftwire serve`

use std::sync::Arc;

use raftwire_environment::Environment;

use super::Failure;
use super::arguments::ServeArguments;
use crate::config::{self, ServerOptions, Sources};
use crate::serve;

pub(super) async fn run(
    arguments: ServeArguments,
    environment: Environment,
) -> Result<(), Failure> {
    let ServeArguments {
        config,
        exit_with_stdin,
        flags,
    } = arguments;
    let sources = Sources {
        file: config,
        variables: variables(),
        flags,
    };
    let mut options = load(sources, &environment).await?;
    // Before anything is logged: a node that may not run says so in one plain line.
    options
        .require_secret_or_loopback()
        .map_err(Failure::usage)?;
    options.check_conflicts().map_err(Failure::usage)?;
    options.check_tls().map_err(Failure::usage)?;
    serve::start_logging(&options.log);
    for warning in options.warnings() {
        tracing::warn!("{warning}");
    }
    options.client.connections_max = serve::room_for_clients(options.client.connections_max);
    let stop = serve::told_to_stop(exit_with_stdin)
        .map_err(|error| Failure::new(format!("cannot listen to signals: {error}")))?;
    serve::serve(options, environment, stop)
        .await
        .map_err(Failure::new)
}

/// Names and values that are not UTF-8 are none of ours.
pub(super) fn variables() -> Vec<(String, String)> {
    let all = std::env::vars_os();
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

async fn load(sources: Sources, environment: &Environment) -> Result<ServerOptions, Failure> {
    let disk = Arc::clone(environment.disk());
    let executor = environment.executor("configuration");
    let loading = executor.spawn("configuration", async move {
        config::load(&sources, disk.as_ref())
    });
    let loaded = loading.await.map_err(Failure::new)?;
    loaded.map_err(Failure::usage)
}
