//! Where the log goes.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Logs to standard error from now on, in colours where a person reads it. `filter` is what
/// `log` was set to; one that does not parse logs at `info`.
pub fn start_logging(filter: &str) {
    let filter = filter.parse().unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .try_init();
    // Somebody has installed another one: it is theirs to decide.
    drop(started);
}
