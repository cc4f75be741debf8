use std::fmt;

/// Raft's own id of a node: a random number, made together with the node's data folder.
///
/// It names the *disk*: once that is gone, the id is never used again, so that a node which lost
/// its votes and entries cannot pass for the one that had them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RaftId(u64);

impl RaftId {
    /// Makes an id of `value`, which whoever makes the data folder draws at random.
    pub const fn new(value: u64) -> RaftId {
        RaftId(value)
    }

    /// The id as a number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RaftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
