//! Why a connection's user or groups stay as they are.

/// Groups that one connection may be in: a client that joins without end is stopped here, long before
/// the node is.
pub const GROUPS_PER_CONNECTION_MAX: usize = 1_000;
/// Users and groups that the connections of one node may belong to, taken together: every other node
/// keeps a copy, at some 100 bytes a row.
pub const ROWS_PER_NODE_MAX: usize = 1_000_000;

/// A connection's user or groups were not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MembershipError {
    /// No such connection, or it is not one of this node: only a connection's own node says what it
    /// belongs to.
    #[error("this node has no such connection: ask the node that holds it")]
    NotHere,
    /// The connection is in as many groups as one may be.
    #[error("the connection is in {limit} groups, the most that one may be in: leave one first")]
    TooManyGroups {
        /// The limit: [`GROUPS_PER_CONNECTION_MAX`].
        limit: usize,
    },
    /// The node's connections belong to as many users and groups as a node may hold.
    #[error(
        "this node's connections belong to {limit} users and groups, the most that one node may hold: use another node"
    )]
    TooManyRows {
        /// The limit: [`ROWS_PER_NODE_MAX`].
        limit: usize,
    },
    /// The node stopped before every living node had heard of it.
    #[error("this node stopped before every other had heard of it")]
    Stopped,
}
