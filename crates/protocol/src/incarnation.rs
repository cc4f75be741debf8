use std::fmt;

/// A node's membership, numbered by the Raft log: a later one is greater, for all nodes together.
///
/// It is issued when a [`Session`](crate::Session) becomes a member, and again when a node that was
/// declared dead comes back. It fences data, leases and owned facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(u64);

impl Incarnation {
    /// Not a member (yet): smaller than every incarnation that the log issues.
    pub const NONE: Incarnation = Incarnation(0);

    /// Makes an incarnation of `value`; 0 is [`Incarnation::NONE`].
    pub const fn new(value: u64) -> Incarnation {
        Incarnation(value)
    }

    /// The incarnation as a number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether this is [`Incarnation::NONE`].
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
