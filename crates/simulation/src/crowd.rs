//! What happens in the crowd of a simulation: connections that belong to users and groups, and
//! messages for all of one.

use std::collections::BTreeMap;
use std::fmt;

use raftwire::{Audience, ConnectionId, FanOutcome, Incarnation, NodeId};

use crate::fact::Process;

/// Something that happened in the crowd.
#[derive(Clone, Debug)]
pub enum CrowdEvent {
    /// A process has a connection from now on: it belongs to everyone.
    Came(Process, ConnectionId),
    /// A connection belongs to an audience from now on.
    Joined(ConnectionId, Audience),
    /// Every living node knows that this node, in this incarnation, holds such connections. The
    /// connection stays in the audience until it ends.
    Settled {
        /// Where it lives.
        node: NodeId,
        /// The node's incarnation.
        incarnation: Incarnation,
        /// The connection.
        connection: ConnectionId,
        /// The audience.
        audience: Audience,
    },
    /// A connection no longer belongs to an audience.
    Left(ConnectionId, Audience),
    /// A connection has ended, from either side.
    Gone(ConnectionId),
    /// A message was given to the router.
    Sent {
        /// Its number; those of one sender rise.
        number: u64,
        /// Who sent it: each process has one sender.
        process: Process,
        /// Whom it is for.
        audience: Audience,
        /// The incarnations of the nodes that the sender's node held alive.
        living: BTreeMap<NodeId, Incarnation>,
        /// Whether everything has come to rest: it must reach whoever belongs to its audience.
        at_rest: bool,
    },
    /// The router said what became of a message.
    Answered(u64, FanOutcome),
    /// A connection received a message.
    Received {
        /// The message's number.
        number: u64,
        /// The connection's node.
        node: NodeId,
        /// The connection.
        connection: ConnectionId,
    },
}

impl fmt::Display for CrowdEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CrowdEvent::Came(process, connection) => write!(f, "{process} has {connection}"),
            CrowdEvent::Joined(connection, audience) => {
                write!(f, "{connection} joined {audience}")
            }
            CrowdEvent::Settled {
                node,
                incarnation,
                connection,
                audience,
            } => write!(
                f,
                "{connection} of {node}@{incarnation} is settled in {audience}"
            ),
            CrowdEvent::Left(connection, audience) => write!(f, "{connection} left {audience}"),
            CrowdEvent::Gone(connection) => write!(f, "{connection} is gone"),
            CrowdEvent::Sent {
                number,
                process,
                audience,
                ..
            } => write!(f, "{process} sent {number} to {audience}"),
            CrowdEvent::Answered(number, outcome) => write!(f, "answered {number}: {outcome}"),
            CrowdEvent::Received {
                number, connection, ..
            } => write!(f, "received {number} in {connection}"),
        }
    }
}
