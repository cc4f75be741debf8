use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use raftwire_bench::{
    Address, Crowd, FanoutPlan, FanoutServerKind, Helper, IdlePlan, LookupPlan, NamesPlan, Plan,
    Protocol, RouteAnswer, Scenario, ServerKind, StormPlan, Trust, TrustError,
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BenchCommand {
    /// Any server that answers each WebSocket message with itself, as /echo of a node with
    /// client.echo = true.
    Echo(EchoArguments),
    /// From clients of one node to clients of others, each message with its result.
    ///
    /// Clients must be allowed to send: client.allow_send. Each sender has a receiver of its own. Nodes of other
    /// clusters are measured with --protocol, and a bare relay with tcp:// addresses.
    Route(RouteArguments),
    /// From one client to many, with when each of them has each message.
    ///
    /// The clients join a group, and must be allowed to send and to join: client.allow_send, client.allow_join.
    Fanout(FanoutArguments),
    /// Connections that say something once and are then held: their memory and their processor time.
    Idle(IdleArguments),
    /// How fast connections open, many at once.
    Storm(StormArguments),
    /// How fast connections register names, what names cost, and how fast they are found.
    ///
    /// Clients must be believed who they are: client.identity_in_query. The names are drawn.
    Names(NamesArguments),
    /// Open a part of the connections of another process, which says so on standard input.
    #[command(hide = true)]
    HelpAlong,
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
    /// What the nodes speak with their clients.
    #[arg(long, default_value = "raftwire")]
    protocol: ProtocolName,
    /// How many senders.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    senders: usize,
    /// Messages of each sender that wait for their result, or with --fire-and-forget for their receiver.
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    in_flight: usize,
    /// The length of a message.
    #[arg(long, default_value_t = 128)]
    bytes: usize,
    /// Wait for the message at its receiver, not for its result; latency is the time until there.
    ///
    /// The node says what became of each message all the same, and that is counted.
    #[arg(long)]
    fire_and_forget: bool,
    #[command(flatten)]
    run: RunArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProtocolName {
    Raftwire,
    /// A NATS server's WebSocket listener: messages are requests, which the receiver answers.
    Nats,
    /// A Socket.IO 4 server that passes the event `send` on to a room; docs/bench.md.
    #[value(name = "socket.io")]
    SocketIo,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct FanoutArguments {
    /// The node of the sender; the receivers are at it and at those after it in turn, as in
    /// ws://127.0.0.1:5000/ws,ws://127.0.0.1:5001/ws.
    #[arg(required = true, value_delimiter = ',')]
    urls: Vec<Address>,
    /// How many receivers.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    receivers: usize,
    /// Messages that are written at once.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    burst: usize,
    /// Bursts that not every receiver has, before the next one waits.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    in_flight: usize,
    /// The length of a message, at least 16.
    #[arg(long, default_value_t = 128)]
    bytes: usize,
    /// The server is none of Raftwire's: it writes each binary message of its first connection to every
    /// other one, and is offered no subprotocol.
    #[arg(long)]
    plain: bool,
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
    #[command(flatten)]
    trust: TrustArguments,
    /// A process of the server on this machine, whose processor time is told; may be repeated.
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
    /// Print a JSON object; docs/bench.md has its fields.
    #[arg(long)]
    json: bool,
}

/// How servers are spoken to.
#[derive(Args, Debug)]
pub(in crate::cli) struct TrustArguments {
    /// The authority of their certificates, a PEM file, for wss:// addresses.
    #[arg(long, env = "RAFTWIRE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl TrustArguments {
    fn trust(&self) -> Result<Option<Trust>, TrustError> {
        self.ca.as_deref().map(Trust::from_file).transpose()
    }
}

/// Many connections.
#[derive(Args, Debug)]
pub(in crate::cli) struct CrowdArguments {
    /// The servers, which are connected to in turn, as in ws://127.0.0.1:5000/ws,ws://127.0.0.1:5001/ws.
    #[arg(required = true, value_delimiter = ',')]
    urls: Vec<Address>,
    /// How many connections.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    connections: usize,
    /// How many may be on their way at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 256)]
    at_once: usize,
    /// Threads of the generator; without it, half of the cores.
    #[arg(long)]
    threads: Option<usize>,
    #[command(flatten)]
    trust: TrustArguments,
    /// Print a JSON object; docs/bench.md has its fields.
    #[arg(long)]
    pub(super) json: bool,
}

/// What the servers are.
#[derive(Args, Debug)]
pub(in crate::cli) struct EchoArgument {
    /// The server is none of Raftwire's: it returns each message, and is offered no subprotocol.
    #[arg(long)]
    echo: bool,
}

impl EchoArgument {
    fn kind(&self) -> ServerKind {
        match self.echo {
            true => ServerKind::Echo,
            false => ServerKind::Node,
        }
    }
}

#[derive(Args, Debug)]
pub(in crate::cli) struct NamesArguments {
    #[command(flatten)]
    pub(super) crowd: CrowdArguments,
    /// A process of the servers on this machine, whose memory and processor time are told; may be repeated.
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
    /// When all are registered, send to one name after the other from this node, each message with its result.
    ///
    /// Clients must be allowed to send there: client.allow_send.
    #[arg(long, value_name = "URL")]
    lookups_from: Option<Address>,
    /// For how many seconds is sent.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    lookup_seconds: u64,
    /// How many senders.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    lookup_senders: usize,
    /// Messages of each sender that wait for their result.
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    lookup_in_flight: usize,
    /// The length of a message.
    #[arg(long, value_name = "BYTES", default_value_t = 128)]
    lookup_bytes: usize,
}

impl NamesArguments {
    pub(super) fn plan(self) -> Result<NamesPlan, TrustError> {
        let lookups = self.lookups_from.map(|at| LookupPlan {
            at,
            senders: self.lookup_senders,
            in_flight: self.lookup_in_flight,
            bytes: self.lookup_bytes,
            length: Duration::from_secs(self.lookup_seconds),
        });
        Ok(NamesPlan {
            crowd: self.crowd.crowd(ServerKind::Node)?,
            lookups,
            pids: self.pid,
        })
    }
}

#[derive(Args, Debug)]
pub(in crate::cli) struct IdleArguments {
    #[command(flatten)]
    pub(super) crowd: CrowdArguments,
    #[command(flatten)]
    echo: EchoArgument,
    /// For how many seconds they are held and the server's time is counted.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    hold: u64,
    /// A process of the servers on this machine, whose memory and processor time are told; may be repeated.
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct StormArguments {
    #[command(flatten)]
    pub(super) crowd: CrowdArguments,
    #[command(flatten)]
    echo: EchoArgument,
    /// A process of the server on this machine, whose processor time is told; may be repeated.
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
}

/// This program, where it knows where it is.
fn helper() -> Option<Helper> {
    Some(Helper {
        program: std::env::current_exe().ok()?,
        arguments: ["bench", "help-along"].map(str::to_owned).to_vec(),
    })
}

impl CrowdArguments {
    fn crowd(self, kind: ServerKind) -> Result<Crowd, TrustError> {
        Ok(Crowd {
            trust: self.trust.trust()?,
            servers: self.urls,
            kind,
            name_prefix: None,
            connections: self.connections,
            at_once: self.at_once,
            threads: self.threads,
            helper: helper(),
        })
    }
}

impl IdleArguments {
    pub(super) fn plan(self) -> Result<IdlePlan, TrustError> {
        Ok(IdlePlan {
            crowd: self.crowd.crowd(self.echo.kind())?,
            hold: Duration::from_secs(self.hold),
            pids: self.pid,
        })
    }
}

impl StormArguments {
    pub(super) fn plan(self) -> Result<StormPlan, TrustError> {
        Ok(StormPlan {
            crowd: self.crowd.crowd(self.echo.kind())?,
            pids: self.pid,
        })
    }
}

impl EchoArguments {
    /// What is to be measured, and whether it is told in JSON.
    pub(super) fn plan(self) -> Result<(Plan, bool), TrustError> {
        let scenario = Scenario::Echo {
            server: self.url,
            connections: self.connections,
            in_flight: self.pipelined,
            bytes: self.bytes,
        };
        self.run.plan(scenario)
    }
}

impl RouteArguments {
    /// The same.
    pub(super) fn plan(self) -> Result<(Plan, bool), TrustError> {
        let mut urls = self.urls.into_iter();
        let Some(senders_at) = urls.next() else {
            unreachable!("the command line requires one")
        };
        let scenario = Scenario::Route {
            protocol: match self.protocol {
                ProtocolName::Raftwire => Protocol::Raftwire,
                ProtocolName::Nats => Protocol::Nats,
                ProtocolName::SocketIo => Protocol::SocketIo,
            },
            senders_at,
            receivers_at: urls.collect(),
            senders: self.senders,
            in_flight: self.in_flight,
            bytes: self.bytes,
            answer: match self.fire_and_forget {
                true => RouteAnswer::Arrival,
                false => RouteAnswer::Result,
            },
        };
        self.run.plan(scenario)
    }
}

impl FanoutArguments {
    /// The same.
    pub(super) fn plan(self) -> Result<(FanoutPlan, bool), TrustError> {
        let run = self.run;
        let plan = FanoutPlan {
            trust: run.trust.trust()?,
            servers: self.urls,
            kind: match self.plain {
                true => FanoutServerKind::Plain,
                false => FanoutServerKind::Node,
            },
            receivers: self.receivers,
            burst: self.burst,
            in_flight: self.in_flight,
            bytes: self.bytes,
            warm_up: Duration::from_secs(run.warm_up),
            length: Duration::from_secs(run.seconds),
            threads: run.threads,
            rate: run.rate,
            pids: run.pid,
        };
        Ok((plan, run.json))
    }
}

impl RunArguments {
    fn plan(self, scenario: Scenario) -> Result<(Plan, bool), TrustError> {
        let plan = Plan {
            scenario,
            trust: self.trust.trust()?,
            warm_up: Duration::from_secs(self.warm_up),
            length: Duration::from_secs(self.seconds),
            threads: self.threads,
            rate: self.rate,
            pids: self.pid,
        };
        Ok((plan, self.json))
    }
}
