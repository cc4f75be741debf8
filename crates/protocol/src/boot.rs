use std::fmt;

/// A number of 24 bits that the Raft log issues once per process.
///
/// It is part of each [`MintedId`](crate::MintedId). Boots of one [`Slot`](crate::Slot) only grow,
/// so an id of an earlier process is never taken for one of a later. A rejoin within the process
/// changes the incarnation, not the boot: sockets and their ids survive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boot(u32);

impl Boot {
    /// The largest boot: a process started every minute reaches it after 31 years.
    pub const MAX: Boot = Boot((1 << 24) - 1);

    /// Makes a boot of `value`, or nothing if that needs more than 24 bits.
    pub const fn new(value: u32) -> Option<Boot> {
        if value <= Boot::MAX.0 {
            Some(Boot(value))
        } else {
            None
        }
    }

    /// The boot in the lower 24 bits of `bits`.
    pub(crate) const fn from_low_bits(bits: u32) -> Boot {
        Boot(bits & Boot::MAX.0)
    }

    /// The boot as a number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The boot after this one, or nothing after [`Boot::MAX`].
    pub const fn next(self) -> Option<Boot> {
        Boot::new(self.0 + 1)
    }
}

impl fmt::Display for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_has_24_bits() {
        assert_eq!(Boot::new(0xff_ffff), Some(Boot::MAX));
        assert_eq!(Boot::new(0x100_0000), None);
        assert_eq!(Boot::MAX.next(), None);
        assert_eq!(Boot::new(7).and_then(Boot::next), Boot::new(8));
    }
}
