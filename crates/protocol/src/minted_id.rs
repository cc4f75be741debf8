use std::fmt;

use crate::limits::CONNECTION_INDEX_MAX;
use crate::{Boot, Slot};

/// The id of a connection, minted by the node that accepted its socket.
///
/// 128 bits, from the highest: slot 16 · boot 24 · index 24 · generation 16 · random 48. Slot and
/// boot say which process holds the socket, so routing needs no lookup; the index is the place in
/// that process's connection table, so the owner needs no hash map; the generation tells users of
/// one place apart; the random bits keep an id from being guessed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MintedId(u128);

const SLOT_SHIFT: u32 = 112;
const BOOT_SHIFT: u32 = 88;
const INDEX_SHIFT: u32 = 64;
const GENERATION_SHIFT: u32 = 48;
const RANDOM_MASK: u64 = (1 << 48) - 1;

impl MintedId {
    /// Puts an id together. Of `random` the lower 48 bits are used.
    ///
    /// # Panics
    ///
    /// If `index` is greater than [`CONNECTION_INDEX_MAX`]: two connections would share an id. A
    /// connection table is smaller than that.
    pub const fn new(slot: Slot, boot: Boot, index: u32, generation: u16, random: u64) -> MintedId {
        assert!(
            index <= CONNECTION_INDEX_MAX,
            "the index of a connection has 24 bits"
        );
        MintedId(
            ((slot.get() as u128) << SLOT_SHIFT)
                | ((boot.get() as u128) << BOOT_SHIFT)
                | ((index as u128) << INDEX_SHIFT)
                | ((generation as u128) << GENERATION_SHIFT)
                | (random & RANDOM_MASK) as u128,
        )
    }

    /// The slot of the node that minted it.
    pub const fn slot(self) -> Slot {
        Slot::new((self.0 >> SLOT_SHIFT) as u16)
    }

    /// The boot of the process that minted it.
    pub const fn boot(self) -> Boot {
        Boot::from_low_bits((self.0 >> BOOT_SHIFT) as u32)
    }

    /// The place in that process's connection table; at most [`CONNECTION_INDEX_MAX`].
    pub const fn index(self) -> u32 {
        (self.0 >> INDEX_SHIFT) as u32 & CONNECTION_INDEX_MAX
    }

    /// Which use of that place this is.
    pub const fn generation(self) -> u16 {
        (self.0 >> GENERATION_SHIFT) as u16
    }

    /// The 48 random bits.
    pub const fn random(self) -> u64 {
        self.0 as u64 & RANDOM_MASK
    }

    /// Its sixteen bytes, the highest first.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The id of these bytes; every pattern is one.
    pub const fn from_bytes(bytes: [u8; 16]) -> MintedId {
        MintedId(u128::from_be_bytes(bytes))
    }
}

impl fmt::Debug for MintedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintedId")
            .field("slot", &self.slot().get())
            .field("boot", &self.boot().get())
            .field("index", &self.index())
            .field("generation", &self.generation())
            .field("random", &format_args!("{:012x}", self.random()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_the_bits_is_pinned() {
        let boot = Boot::new(0x03_0405).expect("24 bits");
        let id = MintedId::new(Slot::new(0x0102), boot, 0x06_0708, 0x090a, 0x0b0c_0d0e_0f10);
        assert_eq!(
            id.to_bytes(),
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
        );
        assert_eq!(id.slot(), Slot::new(0x0102));
        assert_eq!(id.boot(), boot);
        assert_eq!(id.index(), 0x06_0708);
        assert_eq!(id.generation(), 0x090a);
        assert_eq!(id.random(), 0x0b0c_0d0e_0f10);
    }

    #[test]
    fn greatest_parts_stay_apart() {
        let id = MintedId::new(
            Slot::new(u16::MAX),
            Boot::MAX,
            CONNECTION_INDEX_MAX,
            u16::MAX,
            u64::MAX,
        );
        assert_eq!(id.to_bytes(), [0xff; 16]);
        let id = MintedId::new(Slot::new(0), Boot::MAX, 0, u16::MAX, 0);
        assert_eq!((id.slot().get(), id.index(), id.random()), (0, 0, 0));
        assert_eq!((id.boot(), id.generation()), (Boot::MAX, u16::MAX));
    }

    #[test]
    #[should_panic(expected = "24 bits")]
    fn an_index_beyond_the_table_is_a_bug() {
        let _ = MintedId::new(Slot::new(0), Boot::MAX, CONNECTION_INDEX_MAX + 1, 0, 0);
    }
}
