use std::time::Duration;

use crate::{Address, Protocol, Trust};

/// What is measured, and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is asked of the server.
    pub scenario: Scenario,
    /// Whose certificates servers may have that are asked with TLS.
    pub trust: Option<Trust>,
    /// How long it is asked before it is measured: pools fill, code is read in, windows open.
    pub warm_up: Duration,
    /// How long it is measured.
    pub length: Duration,
    /// Threads of the generator; `None`: half of the cores, so that a server on the same machine has the
    /// others.
    pub threads: Option<usize>,
    /// Messages a second, of all connections together; `None`: as fast as answers come.
    pub rate: Option<f64>,
    /// Processes of the server on this machine, whose processor time is read.
    pub pids: Vec<u32>,
}

/// What is asked of the server.
#[derive(Clone, Debug)]
pub enum Scenario {
    /// Each message comes back as it is.
    Echo {
        /// Any plain WebSocket server that echoes.
        server: Address,
        /// How many connections.
        connections: usize,
        /// Messages of each that wait for their echo.
        in_flight: usize,
        /// The length of a message.
        bytes: usize,
    },
    /// Each message goes to one connection of another node, and its sender hears what became of it.
    Route {
        /// What the nodes speak; bare addresses have their own.
        protocol: Protocol,
        /// The node of the senders.
        senders_at: Address,
        /// The nodes of the receivers, in turn; none: the node of the senders.
        receivers_at: Vec<Address>,
        /// How many senders; each has a receiver of its own.
        senders: usize,
        /// Messages of each sender that wait for their result, or for their receiver.
        in_flight: usize,
        /// The length of a message.
        bytes: usize,
        /// What a message waits for.
        answer: RouteAnswer,
    },
    /// Each message goes to the next of many names, and its sender hears what became of it.
    Lookup {
        /// The node of the senders.
        at: Address,
        /// What the names begin with; a number of eight digits follows, from 0.
        prefix: String,
        /// How many names.
        names: usize,
        /// How many senders.
        senders: usize,
        /// Messages of each sender that wait for their result.
        in_flight: usize,
        /// The length of a message.
        bytes: usize,
    },
}

/// What answers a message that is routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteAnswer {
    /// The node's result, at the sender; or with another [`Protocol`] what stands for it.
    Result,
    /// The message itself, at the receiver: nobody waits for results, which are counted as they come. A message
    /// must have room for its number, 8 bytes.
    Arrival,
}

impl Scenario {
    /// How it is called on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Scenario::Echo { .. } => "echo",
            Scenario::Route { .. } => "route",
            Scenario::Lookup { .. } => "lookup",
        }
    }

    /// Whether receivers, and not senders, see what is waited for.
    pub(crate) fn is_answered_by_arrival(&self) -> bool {
        let answer = RouteAnswer::Arrival;
        matches!(self, Scenario::Route { answer: asked, .. } if *asked == answer)
    }

    /// How many connections send.
    pub(crate) fn senders(&self) -> usize {
        match self {
            Scenario::Echo { connections, .. } => *connections,
            Scenario::Route { senders, .. } | Scenario::Lookup { senders, .. } => *senders,
        }
    }

    /// How many names are sent to, where they are.
    pub(crate) fn names(&self) -> usize {
        match self {
            Scenario::Echo { .. } | Scenario::Route { .. } => 1,
            Scenario::Lookup { names, .. } => *names,
        }
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        match self {
            Scenario::Echo { connections, .. } => *connections,
            Scenario::Route { senders, .. } => senders * 2,
            Scenario::Lookup { senders, .. } => *senders,
        }
    }
}
