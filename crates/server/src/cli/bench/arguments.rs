use std::time::Duration;

use clap::{Args, Subcommand};
use raftwire_bench::{Address, Plan, Scenario};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BenchCommand {
    /// Any server that answers each WebSocket message with itself, as /echo of a node with
    /// client.echo = true.
    Echo(EchoArguments),
    /// From clients of one node to clients of others, each message with its result.
    ///
    /// Clients must be allowed to send: client.allow_send. Each sender has a receiver of its own.
    Route(RouteArguments),
}

#[derive(Args, Debug)]
pub(in crate::cli) struct EchoArguments {
    /// The server, as in ws://127.0.0.1:5000/echo.
    url: Address,
    /// How many connections.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    connections: usize,
    /// Messages of each connection that wait for their echo.
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    pipelined: usize,
    /// The length of a message.
    #[arg(long, default_value_t = 64)]
    bytes: usize,
    #[command(flatten)]
    run: RunArguments,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct RouteArguments {
    /// The node of the senders, and after it those of the receivers, as in
    /// ws://127.0.0.1:5000/ws,ws://127.0.0.1:5001/ws. One alone is both.
    #[arg(required = true, value_delimiter = ',')]
    urls: Vec<Address>,
    /// How many senders.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    senders: usize,
    /// Messages of each sender that wait for their result.
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    in_flight: usize,
    /// The length of a message.
    #[arg(long, default_value_t = 128)]
    bytes: usize,
    #[command(flatten)]
    run: RunArguments,
}

/// What every measurement has.
#[derive(Args, Debug)]
pub(in crate::cli) struct RunArguments {
    /// How long is measured.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How long the server is asked before.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    warm_up: u64,
    /// Messages a second, of all connections; without it, as fast as answers come.
    ///
    /// Latency then counts from when a message was meant to be sent, so a server that stalls cannot
    /// hide it.
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// Threads of the generator; without it, half of the cores.
    #[arg(long)]
    threads: Option<usize>,
    /// A process of the server on this machine, whose processor time is told; may be repeated.
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
    /// Print a JSON object; docs/bench.md has its fields.
    #[arg(long)]
    pub(super) json: bool,
}

impl BenchCommand {
    /// What is to be measured, and whether it is told in JSON.
    pub(super) fn plan(self) -> (Plan, bool) {
        let (scenario, run) = match self {
            BenchCommand::Echo(arguments) => {
                let EchoArguments {
                    url,
                    connections,
                    pipelined,
                    bytes,
                    run,
                } = arguments;
                let scenario = Scenario::Echo {
                    server: url,
                    connections,
                    in_flight: pipelined,
                    bytes,
                };
                (scenario, run)
            }
            BenchCommand::Route(arguments) => {
                let RouteArguments {
                    urls,
                    senders,
                    in_flight,
                    bytes,
                    run,
                } = arguments;
                let mut urls = urls.into_iter();
                let Some(senders_at) = urls.next() else {
                    unreachable!("the command line requires one")
                };
                let scenario = Scenario::Route {
                    senders_at,
                    receivers_at: urls.collect(),
                    senders,
                    in_flight,
                    bytes,
                };
                (scenario, run)
            }
        };
        let plan = Plan {
            scenario,
            warm_up: Duration::from_secs(run.warm_up),
            length: Duration::from_secs(run.seconds),
            threads: run.threads,
            rate: run.rate,
            pids: run.pid,
        };
        (plan, run.json)
    }
}
