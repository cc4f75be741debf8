//! Where the log goes.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// What the consensus engine says by itself: its inner life is of use to who asks for it only.
const ENGINE: &str = "openraft";

/// Logs to standard error from now on, in colours where a person reads it. `filter` is what
/// `log` was set to; one that does not parse logs at `info`. The engine's own log is left out
/// where the filter does not name it.
pub fn start_logging(filter: &str) {
    let quiet = format!("{ENGINE}=error,{filter}");
    let filter = if filter.contains(ENGINE) {
        filter
    } else {
        &quiet
    };
    let filter = filter.parse().unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .try_init();
    // Somebody has installed another one: it is theirs to decide.
    drop(started);
}
