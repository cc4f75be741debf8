//! What can be asked for.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use raftwire::{ConnectionId, Group, UserId};

use super::bench::BenchCommand;
use crate::config::ServeFlags;
use crate::demo::{DemoOptions, DemoTransport};

/// A WebSocket cluster: from any node to any client, and a true word of what became of it.
#[derive(Debug, Parser)]
#[command(name = "raftwire", version, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a node.
    ///
    /// Everything can be set in a TOML file, by an environment variable, or by a flag, each
    /// stronger than the one before. `http.token` is the key `token` in the table `[http]`, the
    /// variable RAFTWIRE_HTTP_TOKEN. What is confidential, as secrets, tokens and the connection
    /// strings of brokers, is taken from the first two only.
    Serve(Box<ServeArguments>),
    /// Watch a cluster at work: three nodes, hundreds of clients, and the leader killed.
    Demo(DemoArguments),
    /// Ask a node for the state of its cluster.
    Status(StatusArguments),
    /// List the members of the cluster, as a node knows them.
    Nodes(NodesArguments),
    /// Look at a configuration without running it.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Send text to a connection, to a user, to a group, or to everybody.
    ///
    /// Exits with 0 when it was delivered, with 1 when it was not, and with 3 when nobody knows. Of
    /// many connections one is enough: 0 means that somebody got it, 1 that nobody did.
    Send(SendArguments),
    /// Connect as a client, and print each message that comes.
    ///
    /// Ends when the node closes the connection.
    Listen(ListenArguments),
    /// Measure a server: how much it takes, and how long it takes.
    ///
    /// Says how busy it was itself, and whether it and not the server was the limit.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Take a dead node out of the cluster for good.
    ///
    /// A seat that it had goes to another node. If it comes back it joins as a new one.
    Remove(RemoveArguments),
    /// Make a new cluster of one node's data, when the majority of the voters is gone for good.
    ///
    /// The node must not run. Without --yes nothing is changed: what may be lost is shown.
    Recover(RecoverArguments),
}

#[derive(Args, Debug)]
pub(super) struct ServeArguments {
    /// The TOML file; none is looked for where none is named.
    #[arg(long, short, env = "RAFTWIRE_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Stop when standard input, a pipe, ends.
    #[arg(long, hide = true)]
    pub(super) exit_with_stdin: bool,
    #[command(flatten)]
    pub(super) flags: ServeFlags,
}

#[derive(Args, Debug)]
pub(super) struct DemoArguments {
    /// Keep the cluster running afterwards, with the addresses to try, until Ctrl-C.
    #[arg(long)]
    stay: bool,
    /// How many clients.
    #[arg(long, value_name = "COUNT", default_value_t = 300, value_parser = clap::value_parser!(u32).range(6..=5_000))]
    clients: u32,
    /// What carries the traffic between the nodes. Over a broker elections and leases take longer.
    #[arg(long, value_name = "TRANSPORT", default_value = "ws")]
    transport: DemoTransport,
    /// The broker; without it a private one is started, which ends with the demonstration.
    ///
    /// Every user of the machine can read arguments: better a broker without a password.
    #[arg(long, value_name = "URL")]
    connection_string: Option<String>,
}

impl DemoArguments {
    pub(super) fn options(self) -> DemoOptions {
        DemoOptions {
            stay: self.stay,
            clients: self.clients as usize,
            transport: self.transport,
            connection_string: self.connection_string,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Say what would run, or everything that is wrong.
    ///
    /// Reads file, variables and flags as `serve` does, and starts nothing. Exits with 0 when a
    /// node would run with it, and with 2 when not.
    Check(Box<ConfigSources>),
    /// Print each value, and where it came from. Confidential ones are not shown.
    Show(Box<ConfigSources>),
    /// Print a file with every key, its default, and the reason for it.
    Default,
}

#[derive(Args, Debug)]
pub(super) struct ConfigSources {
    /// The TOML file; none is looked for where none is named.
    #[arg(long, short, env = "RAFTWIRE_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) flags: ServeFlags,
}

/// Which node is asked.
#[derive(Args, Debug)]
pub(super) struct NodeArguments {
    /// The node to ask.
    #[arg(long, env = "RAFTWIRE_URL", default_value = "http://127.0.0.1:5000")]
    pub(super) url: String,
    /// The authority of its certificate, a PEM file, for an https:// address.
    #[arg(long, env = "RAFTWIRE_CA", value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// The token of its API. Better set by the variable: every user of the machine can read
    /// arguments.
    #[arg(long, env = "RAFTWIRE_HTTP_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct StatusArguments {
    #[command(flatten)]
    pub(super) node: NodeArguments,
    /// Print the node's answer as it is.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct NodesArguments {
    #[command(flatten)]
    pub(super) node: NodeArguments,
    /// Print a JSON array, as the node's answer has it.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
// So that the text may stand alone, behind a flag that says whom it is for.
#[command(allow_missing_positional = true)]
pub(super) struct SendArguments {
    #[command(flatten)]
    pub(super) recipients: RecipientArguments,
    /// What to send.
    pub(super) text: String,
    #[command(flatten)]
    pub(super) node: NodeArguments,
}

/// Whom a message is for: one of these.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct RecipientArguments {
    /// The connection's name, or its id, as in its welcome: ~ and 22 characters.
    pub(super) connection: Option<ConnectionId>,
    /// Every connection of this user.
    #[arg(long, value_name = "USER")]
    pub(super) user: Option<UserId>,
    /// Every connection in this group.
    #[arg(long, value_name = "GROUP")]
    pub(super) group: Option<Group>,
    /// Every connection of the cluster.
    #[arg(long)]
    pub(super) everybody: bool,
}

#[derive(Args, Debug)]
pub(super) struct ListenArguments {
    /// The name to ask for; the node believes it where client.identity_in_query is true.
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// The user to be; believed in the same way.
    #[arg(long, value_name = "USER")]
    pub(super) user: Option<String>,
    /// The path of the endpoint of clients.
    #[arg(long, default_value = "/ws")]
    pub(super) path: String,
    /// The node to connect to.
    #[arg(long, env = "RAFTWIRE_URL", default_value = "http://127.0.0.1:5000")]
    pub(super) url: String,
    /// The authority of its certificate, a PEM file, for an https:// address.
    #[arg(long, env = "RAFTWIRE_CA", value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct RemoveArguments {
    /// The dead node's name.
    pub(super) name: String,
    #[command(flatten)]
    pub(super) node: NodeArguments,
}

#[derive(Args, Debug)]
pub(super) struct RecoverArguments {
    /// Found a new cluster with this node as its only voter. There is no other way to recover.
    #[arg(long, required = true)]
    new_cluster: bool,
    /// The node's data folder.
    #[arg(long, value_name = "FOLDER")]
    pub(super) data_dir: PathBuf,
    /// Do it.
    #[arg(long)]
    pub(super) yes: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
