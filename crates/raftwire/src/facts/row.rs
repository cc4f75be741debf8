//! One fact that a node owns: it holds a connection of this user, or of this group.

use raftwire_protocol::{Group, UserId};

/// What a node says of itself: that at least one of its connections belongs to this user or group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    User(UserId),
    Group(Group),
}

/// Where a copy of a writer's rows has got to, in the order of the rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cursor {
    /// It holds none.
    Start,
    /// It holds those up to this one.
    After(Row),
    /// It holds all.
    End,
}

impl Cursor {
    /// Whether the row is among those that are held.
    pub(super) fn covers(&self, row: &Row) -> bool {
        match self {
            Cursor::Start => false,
            Cursor::After(last) => row <= last,
            Cursor::End => true,
        }
    }
}

impl Row {
    pub(super) fn text(&self) -> &str {
        match self {
            Row::User(user) => user.as_str(),
            Row::Group(group) => group.as_str(),
        }
    }

    pub(super) fn tag(&self) -> u8 {
        match self {
            Row::User(_) => 1,
            Row::Group(_) => 2,
        }
    }

    /// What the row weighs in a message: its text, and what its encoding adds.
    pub(super) fn cost(&self) -> usize {
        /// Tags and lengths of a row inside of a message.
        const ROW_OVERHEAD_BYTES: usize = 16;
        self.text().len() + ROW_OVERHEAD_BYTES
    }

    /// The same on every node and in every version: FNV-1a, then the finalizer of MurmurHash3, so
    /// that the sum over a set of rows depends on every bit of each.
    pub(super) fn hash(&self) -> u64 {
        let bytes = std::iter::once(self.tag()).chain(self.text().bytes());
        let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        for multiplier in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
            hash = (hash ^ (hash >> 33)).wrapping_mul(multiplier);
        }
        hash ^ (hash >> 33)
    }
}
