use std::collections::BTreeMap;

use raftwire_protocol::{Group, Name, UserId};

/// Groups that a connection may be put into when it opens: a client that is in more of them joins
/// the rest itself.
pub const GROUPS_AT_OPENING_MAX: usize = 64;

/// Who a client is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The user whose connection it is; any number of connections may be one user's.
    pub user: Option<UserId>,
    /// The name that the connection gets, unique in the cluster.
    pub name: Option<Name>,
    /// The groups that it is in from the beginning, at most [`GROUPS_AT_OPENING_MAX`].
    pub groups: Vec<Group>,
    /// What the application wants to find again in the connection's info.
    pub metadata: BTreeMap<String, String>,
}

impl Identity {
    /// A connection of this user.
    pub fn of_user(user: UserId) -> Identity {
        Identity {
            user: Some(user),
            ..Identity::default()
        }
    }

    /// The same with a name.
    #[must_use]
    pub fn named(mut self, name: Name) -> Identity {
        self.name = Some(name);
        self
    }

    /// The same in one more group.
    #[must_use]
    pub fn in_group(mut self, group: Group) -> Identity {
        self.groups.push(group);
        self
    }
}
