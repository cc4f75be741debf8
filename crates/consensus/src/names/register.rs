use std::time::Duration;

use raftwire_protocol::NodeId;

/// How long a registration may take: several elections on direct links, and as long as a sender
/// waits for a route by default.
pub(crate) const REGISTRATION: Duration = Duration::from_secs(5);

/// Why a name was not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// A connection has it, and it was not to be taken over.
    #[error("the name belongs to a connection of node `{by}`")]
    Taken {
        /// The node of that connection.
        by: NodeId,
    },
    /// There are as many names as there may be (or as many take-overs that the nodes they were
    /// taken from have not heard of yet).
    #[error("there are {limit} names already: raise `names_max`, or unregister some")]
    Full {
        /// How many there may be.
        limit: u64,
    },
    /// As many operations wait as may wait. Nothing was asked for.
    #[error("{waiting} operations on names are waiting already: register more slowly")]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// No answer came in time: no quorum is there, or more waits than the nodes make durable in 5 s.
    /// It may have happened; as soon as the node hears that it did, it takes the registration back.
    #[error("no quorum answered in time")]
    Unavailable,
    /// This node is no member now, or is fenced. Nothing was asked for.
    #[error("this node does not hold its lease: it registers nothing")]
    NotMember,
}
