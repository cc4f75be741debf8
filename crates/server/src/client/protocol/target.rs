use std::fmt;

use raftwire::Audience;
use raftwire_protocol::ConnectionId;

use super::Malformed;

/// Whom a client's message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// One connection, by its id or its name.
    Connection(ConnectionId),
    /// Every connection of a user, or in a group.
    Many(Audience),
}

/// What a target's text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TargetKind {
    Connection,
    User,
    Group,
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TargetKind::Connection => "connection",
            TargetKind::User => "user",
            TargetKind::Group => "group",
        })
    }
}

impl Target {
    pub(super) fn parse(kind: TargetKind, text: &str) -> Result<Target, Malformed> {
        match kind {
            TargetKind::Connection => text
                .parse()
                .map(Target::Connection)
                .map_err(|error| Malformed::target(kind, text, error)),
            TargetKind::User => text
                .parse()
                .map(|user| Target::Many(Audience::User(user)))
                .map_err(|error| Malformed::target(kind, text, error)),
            TargetKind::Group => text
                .parse()
                .map(|group| Target::Many(Audience::Group(group)))
                .map_err(|error| Malformed::target(kind, text, error)),
        }
    }
}
