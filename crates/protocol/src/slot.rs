use std::fmt;

/// A node's short number in the cluster, issued by the Raft log.
///
/// It is part of each [`MintedId`](crate::MintedId). A slot may be used again for another node,
/// under a higher [`Boot`](crate::Boot).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// Makes a slot of `value`.
    pub const fn new(value: u16) -> Slot {
        Slot(value)
    }

    /// The slot as a number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
