/// What protects the packets of a channel, from the least to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protection {
    /// Nothing of ours: the bytes do not leave the machine, or go through TLS between the two nodes.
    #[default]
    None,
    /// A code on each packet: nobody else can make one, change one, or have one obeyed twice.
    Authenticated,
    /// The same, and nobody else can read the body.
    Sealed,
}

impl Protection {
    /// The number in the hello and in the derivation of keys. 0 is left to nodes that do not know of protection.
    pub const fn number(self) -> u32 {
        match self {
            Protection::None => 1,
            Protection::Authenticated => 2,
            Protection::Sealed => 3,
        }
    }

    /// The protection of a number from the wire.
    pub const fn from_number(number: u32) -> Option<Protection> {
        match number {
            1 => Some(Protection::None),
            2 => Some(Protection::Authenticated),
            3 => Some(Protection::Sealed),
            _ => None,
        }
    }
}
