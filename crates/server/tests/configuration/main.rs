//! What a node is told: three sources, each stronger than the one before, and no slip unnoticed.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod commands;
mod secrets;
mod slips;
mod sources;
mod start;
#[path = "../support/mod.rs"]
mod support;
mod template;
mod transports;

use clap::{Args, Command, FromArgMatches};
use raftwire_environment::Environment;
use raftwire_server::config::{ServeFlags, ServerOptions, Sources, load};
use support::run;

/// Loads a file of this text with these variables and flags; the error as it is shown.
fn try_load(
    file: &str,
    variables: &[(&str, &str)],
    flags: &[&str],
) -> Result<ServerOptions, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raftwire.toml");
    let environment = Environment::real();
    let mut config = environment.disk().open_append(&path).unwrap();
    config.append(file.as_bytes()).unwrap();
    let command = ServeFlags::augment_args(Command::new("serve").no_binary_name(true));
    let matches = command
        .try_get_matches_from(flags)
        .map_err(|error| error.to_string())?;
    let owned = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let sources = Sources {
        file: Some(path.clone()),
        variables: owned.collect(),
        flags: ServeFlags::from_arg_matches(&matches).unwrap(),
    };
    load(&sources, environment.disk().as_ref()).map_err(|error| {
        error
            .to_string()
            .replace(&path.display().to_string(), "raftwire.toml")
    })
}

/// Runs `raftwire config …` with a file of this text, whose name is left out of what it says.
async fn config(command: &str, file: &str, variables: &[(&str, &str)]) -> support::Ended {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raftwire.toml");
    let mut config = Environment::real().disk().open_append(&path).unwrap();
    config.append(file.as_bytes()).unwrap();
    let path = path.display().to_string();
    let mut ended = run(
        &["config", command, "--config", &path, "--node-port=6002"],
        variables,
    )
    .await;
    ended.stdout = ended.stdout.replace(&path, "raftwire.toml");
    ended.stderr = ended.stderr.replace(&path, "raftwire.toml");
    ended
}
