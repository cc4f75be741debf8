//! The command line.

mod arguments;
mod bench;
mod config;
mod listen;
mod nodes;
mod output;
mod recover;
mod remove;
mod send;
mod serve;
mod status;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use raftwire_environment::Environment;

use arguments::{Arguments, Command, NodeArguments};
pub(crate) use output::{Output, Style};

use crate::http_client::{HttpClient, read_ca};

/// It did what it was asked to.
const SUCCESS: u8 = 0;
/// It did not, and says why.
const FAILURE: u8 = 1;
/// It was asked for something that cannot be: the arguments or the configuration are wrong.
const USAGE: u8 = 2;
/// Nobody knows whether it did: `raftwire send` with an outcome that is unknown, or with no answer.
const UNKNOWN: u8 = 3;

/// A command that did not succeed.
#[derive(Debug)]
struct Failure {
    /// For standard error; empty where everything has been said.
    message: String,
    code: u8,
}

impl Failure {
    fn new(error: impl ToString) -> Failure {
        Failure {
            message: error.to_string(),
            code: FAILURE,
        }
    }

    fn usage(error: impl ToString) -> Failure {
        Failure {
            message: error.to_string(),
            code: USAGE,
        }
    }

    fn silent(code: u8) -> Failure {
        Failure {
            message: String::new(),
            code,
        }
    }
}

/// Does what the process's arguments say. Returns what the process exits with: 0 when it was
/// done, 1 when it failed, 2 when arguments or configuration are wrong, 3 when the outcome of a
/// message is unknown.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors.
            let is_asked_for = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            // Nowhere to print to: nothing else to do either.
            drop(error.print());
            return ExitCode::from(if is_asked_for { SUCCESS } else { USAGE });
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failure::new(format!("no runtime: {error}"))),
    };
    let done = runtime.block_on(run(arguments.command));
    // Whatever has not ended within its own deadlines is not waited for.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::from(SUCCESS),
        Err(failure) => fail(&failure),
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    let environment = Environment::real();
    match command {
        Command::Serve(arguments) => serve::run(*arguments, environment).await,
        Command::Demo(arguments) => {
            let output = Output::stdout();
            let options = arguments.options();
            options.check().map_err(Failure::usage)?;
            crate::demo::run(options, environment, output)
                .await
                .map_err(Failure::new)
        }
        Command::Status(arguments) => status::run(arguments, environment).await,
        Command::Remove(arguments) => remove::run(arguments, environment).await,
        Command::Recover(arguments) => recover::run(arguments, environment).await,
        Command::Nodes(arguments) => nodes::run(arguments, environment).await,
        Command::Config(command) => config::run(command, environment).await,
        Command::Send(arguments) => send::run(arguments, environment).await,
        Command::Listen(arguments) => listen::run(arguments, environment).await,
        Command::Bench(command) => bench::run(command),
    }
}

/// A client of the node that the arguments name.
async fn client_of(node: NodeArguments, environment: Environment) -> Result<HttpClient, Failure> {
    let authorities = read_ca(&environment, node.ca).await;
    let authorities = authorities.map_err(Failure::usage)?;
    HttpClient::trusting(environment, &node.url, authorities, node.token).map_err(Failure::usage)
}

fn fail(failure: &Failure) -> ExitCode {
    if !failure.message.is_empty() {
        Output::stderr().line(&format!("raftwire: {}", failure.message));
    }
    ExitCode::from(failure.code)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::config::{Key, OTHER_VARIABLES, keys};

    #[test]
    fn every_variable_of_the_command_line_may_be_set_for_a_node_as_well() {
        let mut variables = Vec::new();
        let mut commands = vec![Arguments::command()];
        while let Some(command) = commands.pop() {
            let named = command.get_arguments().filter_map(clap::Arg::get_env);
            variables.extend(named.map(|name| name.to_string_lossy().into_owned()));
            commands.extend(command.get_subcommands().cloned());
        }
        assert!(variables.iter().any(|name| name == "RAFTWIRE_CA"));
        for name in variables {
            let is_key = keys().map(Key::variable).any(|key| key == name);
            assert!(is_key || OTHER_VARIABLES.contains(&name.as_str()), "{name}");
        }
    }
}
