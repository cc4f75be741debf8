use std::fmt;

use raftwire_protocol::{NodeId, RaftId, Session};

use super::Secret;

/// Who this node is: what it tells in each hello, and the secret that it does not tell.
#[derive(Clone, Debug)]
pub struct LocalIdentity {
    /// The cluster's name, at most
    /// [`CLUSTER_NAME_BYTES_MAX`](raftwire_protocol::limits::CLUSTER_NAME_BYTES_MAX) bytes: peers
    /// refuse a longer one.
    pub cluster: String,
    /// The node's id.
    pub node: NodeId,
    /// This run of its process; not [`Session::NONE`].
    pub session: Session,
    /// Its Raft id.
    pub raft_id: RaftId,
    /// What it is to the cluster.
    pub role: Role,
    /// The cluster's secret. Without one, whoever reaches the channel belongs to the cluster.
    pub secret: Option<Secret>,
    /// The secret before or after it, while it is being exchanged: a peer that has either belongs
    /// to the cluster. Means nothing without `secret`.
    pub secret_previous: Option<Secret>,
    /// The protocol versions that it speaks.
    pub versions: VersionRange,
}

/// Who the peer is, after it has proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerIdentity {
    /// Its node id.
    pub node: NodeId,
    /// This run of its process.
    pub session: Session,
    /// Its Raft id.
    pub raft_id: RaftId,
    /// What it is to the cluster.
    pub role: Role,
    /// The highest protocol version that both nodes speak.
    pub version: u32,
}

/// What a node is to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// It keeps the Raft log and may vote.
    Voter,
}

impl Role {
    /// The number of the role on the wire.
    pub const fn number(self) -> u32 {
        match self {
            Role::Voter => 1,
        }
    }

    /// The role of a number from the wire.
    pub const fn from_number(number: u32) -> Option<Role> {
        match number {
            1 => Some(Role::Voter),
            _ => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::Voter => "voter",
        })
    }
}

/// The protocol versions that a node speaks, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VersionRange {
    /// The lowest.
    pub min: u32,
    /// The highest.
    pub max: u32,
}

impl VersionRange {
    /// What this build speaks.
    pub const CURRENT: VersionRange = VersionRange { min: 1, max: 1 };

    /// The highest version in both ranges.
    pub fn agree(self, other: VersionRange) -> Option<u32> {
        let highest = self.max.min(other.max);
        (highest >= self.min.max(other.min)).then_some(highest)
    }
}

/// `1`, or `1 to 3`.
impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            write!(f, "{}", self.min)
        } else {
            write!(f, "{} to {}", self.min, self.max)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ranges_agree_on_the_highest_version_in_both() {
        let range = |min, max| VersionRange { min, max };
        assert_eq!(range(1, 3).agree(range(2, 5)), Some(3));
        assert_eq!(range(2, 5).agree(range(1, 3)), Some(3));
        assert_eq!(range(1, 9).agree(range(4, 4)), Some(4));
        assert_eq!(range(1, 2).agree(range(3, 4)), None);
        assert_eq!(range(3, 4).agree(range(1, 2)), None);
    }
}
