//! Where the log goes.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogOptions};

/// What the consensus engine says by itself: its inner life is of use to who asks for it only.
const ENGINE: &str = "openraft";

/// Logs to standard error from now on: as text, in colours where a person reads it, or as a JSON
/// object a line. A level that does not parse logs at `info`. The engine's own log is left out
/// where the level does not name it.
pub fn start_logging(options: &LogOptions) {
    let level = options.level.as_str();
    let quiet = format!("{ENGINE}=error,{level}");
    let filter = if level.contains(ENGINE) {
        level
    } else {
        &quiet
    };
    let filter = filter.parse().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let started = match options.format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().with_ansi(false).try_init(),
    };
    // Somebody has installed another one: it is theirs to decide.
    drop(started);
}
