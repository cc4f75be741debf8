//! Why a connection has no name.

use raftwire_protocol::{Name, NodeId};

use crate::AcceptError;

/// A name was not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterNameError {
    /// This node has no such connection, or it ended before it had the name. Connections are named
    /// by the id that [`accept`](crate::ClusterManager::accept) or
    /// [`register_connection`](crate::ClusterManager::register_connection) gave them.
    #[error("this node has no such connection")]
    NoSuchConnection,
    /// A connection has one name at a time. Give the other one up first:
    /// [`unregister_name`](crate::ClusterManager::unregister_name).
    #[error("the connection has the name {name:?}, or waits for it, and may have only one")]
    Named {
        /// The name that it has.
        name: Name,
    },
    /// Another connection has the name, and the policy was to leave it there.
    #[error("a connection of node {by} has the name")]
    Taken {
        /// The node of the other connection.
        by: NodeId,
    },
    /// The cluster has as many names as it may have: end some connections that have one, or found
    /// a cluster with a higher limit.
    #[error("the cluster has {limit} names, as many as it may")]
    Full {
        /// The limit.
        limit: u64,
    },
    /// As many registrations wait for the log as may. Try again, more slowly.
    #[error("{waiting} registrations of this node wait for the log, as many as may")]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// No leader with a quorum answered in time. The name may be registered for a moment; the node
    /// gives it up again. Try again.
    #[error("no leader registered the name in time")]
    Unavailable,
    /// The cluster has not made this node a member, or it has no lease now: try again when it is
    /// ready.
    #[error("this node is not a member of the cluster now")]
    NotMember,
}

/// A connection was not registered under a name; it was not registered at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamedConnectionError {
    /// The connection cannot be.
    #[error(transparent)]
    Connection(#[from] AcceptError),
    /// It cannot have this name.
    #[error(transparent)]
    Name(#[from] RegisterNameError),
}
