//! What happened in a simulation, in the order in which it happened.
//!
//! Nodes, clients and senders report facts; after each step the invariants judge them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use raftwire::{CloseCode, ConnectionId, Incarnation, NodeId, RouteOutcome};
use raftwire_consensus::Inspection;

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
    /// A process did not start, or did not stop in time: what it said.
    Failed(Process, String),
    /// A process has ended.
    Ended(Process, End),
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
