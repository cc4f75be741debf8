//! What the writer of facts and the keepers of its copies say to each other.

use super::row::{Cursor, Row};

/// One change of a writer's rows. The first of an incarnation has number 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) row: Row,
    /// Whether the writer holds it from now on, or no longer.
    pub(crate) is_held: bool,
}

/// Which part of a writer's rows a copy holds, as they were after which change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The number of the last change that is in it.
    pub(crate) sequence: u64,
    pub(crate) cursor: Cursor,
}

/// Takes a copy from one position to a later one: the changes between, then rows behind the cursor.
///
/// A step from [`Cursor::Start`] needs no copy before it, and has no changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) from: Position,
    /// Those with the numbers from `from.sequence` + 1 to `to.sequence`.
    pub(crate) changes: Vec<Change>,
    /// Those behind `from.cursor` up to `to.cursor`, as they were after change `to.sequence`.
    pub(crate) rows: Vec<Row>,
    pub(crate) to: Position,
}

/// What a writer says of itself once a second: how far it is, and what that comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) sequence: u64,
    pub(crate) hash: u64,
}
