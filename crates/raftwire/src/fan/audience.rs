//! Whom a fan-out is for.

use std::fmt;

use raftwire_protocol::{Group, UserId};

use crate::facts::Row;

/// The connections that one message is for, wherever they live.
///
/// ```
/// use raftwire::Audience;
///
/// let room = Audience::Group("room/42".parse()?);
/// assert_eq!(room.to_string(), "group room/42");
/// # Ok::<(), raftwire::InvalidName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// All connections of a user.
    User(UserId),
    /// All connections in a group.
    Group(Group),
    /// All connections of the cluster.
    Everyone,
}

impl Audience {
    /// The fact that says which nodes hold such connections; none is needed for everyone.
    pub(crate) fn row(&self) -> Option<Row> {
        match self {
            Audience::User(user) => Some(Row::User(user.clone())),
            Audience::Group(group) => Some(Row::Group(group.clone())),
            Audience::Everyone => None,
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Audience::User(user) => write!(f, "user {user}"),
            Audience::Group(group) => write!(f, "group {group}"),
            Audience::Everyone => f.write_str("everyone"),
        }
    }
}
