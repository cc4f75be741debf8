//! What happened in a simulation, in the order in which it happened.
//!
//! Nodes, clients and senders report facts; after each step the invariants judge them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use raftwire::{
    CloseCode, ClusterEvent, ConnectionId, Incarnation, Name, NamePolicy, NodeId, RemoveError,
    RouteOutcome,
};
use raftwire_consensus::Inspection;

use crate::crowd::CrowdEvent;

/// One start of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// The node.
    pub node: NodeId,
    /// Which of its starts, counted from 1.
    pub start: u64,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.node, self.start)
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Fact {
    /// When, in simulated time.
    pub at: Duration,
    /// What.
    pub event: Event,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Event {
    /// A process runs.
    Started(Process),
    /// A process did not start, or did not stop or answer in time: what it said.
    Failed(Process, String),
    /// A process has ended.
    Ended(Process, End),
    /// A process told its application what happened in the cluster.
    Told(Process, ClusterEvent),
    /// A look inside a process.
    Inspected(Process, Arc<Inspection>),
    /// A client is connected; whether it reads whatever there is at once.
    Opened(Process, ConnectionId, bool),
    /// A client is gone.
    Closed(ConnectionId, Closing),
    /// A message was given to the router.
    Sent(Arc<Sent>),
    /// The router said what became of a message. The second one says so of a message that was sent
    /// and forgotten, because it was known at once.
    Answered(MessageId, RouteOutcome),
    /// A client received a message.
    Received(Received),
    /// Something was asked about a name; the number tells questions apart.
    NameAsked(u64, NameQuestion),
    /// What was answered to it.
    NameAnswered(u64, NameAnswer),
    /// An operator was told whether a node was removed.
    Removal(Removal),
    /// A process has counted packets or hellos that it did not trust: why, and how many by now.
    Distrusted(Process, Vec<(&'static str, u64)>),
    /// Something happened between connections of users and groups.
    Crowd(CrowdEvent),
    /// Something in the simulation itself, for the trace: a fault, a phase.
    Note(String),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was stopped as its operator would.
    Stopped,
    /// It crashed.
    Crashed,
}

/// How a client's connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Its socket ended.
    HungUp,
    /// The node closed it, after everything that it still had for it.
    Told(CloseCode),
}

/// One frame for one connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageId {
    /// The frame: all copies of one frame have the same number, and no other frame has it.
    pub number: u64,
    /// Whom this copy is for.
    pub to: ConnectionId,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}→{}", self.number, self.to)
    }
}

/// A message that was given to the router.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Which.
    pub id: MessageId,
    /// When.
    pub at: Duration,
    /// Where it was sent from.
    pub process: Process,
    /// Which sender of the process.
    pub sender: u64,
    /// Which of the sender's messages to this connection, counted from 0.
    pub sequence: u64,
    /// Until when there must be an answer; none for what is sent and forgotten.
    pub deadline: Option<Duration>,
    /// The incarnation under which the sender believed itself to be.
    pub incarnation: Option<Incarnation>,
    /// Whether the sending node knew then who owns the connection.
    pub owner_known: bool,
}

/// Something that is asked about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameQuestion {
    /// Where it is asked.
    pub process: Process,
    /// The name.
    pub name: Name,
    /// What is asked.
    pub request: NameRequest,
}

/// What can be asked about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameRequest {
    /// That a connection gets it.
    Register(ConnectionId, NamePolicy),
    /// That whichever connection of the process has it gives it up.
    Unregister,
    /// Who has it.
    Lookup,
}

/// What is answered about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameAnswer {
    /// The connection has it.
    Registered,
    /// Another connection has it.
    Taken,
    /// This connection has it, or none.
    Found(Option<ConnectionId>),
    /// It did not happen, for a reason that has nothing to do with who has the name.
    NotTried,
    /// It may have happened or not.
    Unknown,
}

/// What an operator was told who wanted a node removed.
#[derive(Clone, Debug)]
pub struct Removal {
    /// Where it was asked.
    pub process: Process,
    /// The node that is lost.
    pub node: NodeId,
    /// When it was asked.
    pub asked_at: Duration,
    /// What was answered.
    pub answer: Result<(), RemoveError>,
}

/// A message that a client received.
#[derive(Clone, Debug)]
pub struct Received {
    /// Where the client is connected.
    pub process: Process,
    /// The client.
    pub connection: ConnectionId,
    /// The number of the frame; what is wrong with it if it is not as it was sent.
    pub frame: Result<u64, String>,
    /// How much of the node's lease was left, by its own clock.
    pub lease_left: Duration,
    /// Whether the client reads at once, so that this is the time of the delivery as well.
    pub at_once: bool,
}

/// Facts for the tests of the invariants.
#[cfg(test)]
#[allow(clippy::expect_used)]
pub(crate) mod samples {
    use raftwire_protocol::{Boot, MintedId, Slot};

    use super::*;

    /// So many milliseconds after the beginning.
    pub(crate) fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// The first start of the node of this number.
    pub(crate) fn process(number: u16) -> Process {
        let node = format!("node{number}").parse().expect("a node id");
        Process { node, start: 1 }
    }

    /// A connection of the node of this number.
    pub(crate) fn connection(number: u16) -> ConnectionId {
        let boot = Boot::new(1).expect("a boot");
        ConnectionId::Minted(MintedId::new(Slot::new(number), boot, 0, 0, 0))
    }

    /// Number `sequence` of the sender of node 1 to the client of node 2, with a second to go. The
    /// frame has the same number.
    pub(crate) fn sent(sequence: u64) -> Arc<Sent> {
        Arc::new(Sent {
            id: MessageId {
                number: sequence,
                to: connection(2),
            },
            at: at(0),
            process: process(1),
            sender: 0,
            sequence,
            deadline: Some(at(1_000)),
            incarnation: Some(Incarnation::new(1)),
            owner_known: true,
        })
    }

    /// The client of node 2 receives this frame.
    pub(crate) fn received(number: u64) -> Received {
        Received {
            process: process(2),
            connection: connection(2),
            frame: Ok(number),
            lease_left: Duration::from_secs(1),
            at_once: true,
        }
    }
}
