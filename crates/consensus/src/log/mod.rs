//! The Raft log and its snapshots, durable.
//!
//! Two layers. The lower one knows terms, indexes, votes and bytes, and no engine: [`SegmentLog`]
//! writes, [`Tail`] holds in memory what is still needed, [`SnapshotFiles`] keeps the state. The
//! upper one is the engine's view of it: `LogStore` and `SnapshotStore`.
//!
//! # What is on disk
//!
//! The log is a row of segment files with consecutive numbers. Each begins with a head, which
//! repeats everything that the segments before it say, but for the entries; batches of records
//! follow. A batch is one write and one sync, whatever number of records came together for it:
//! this is where group commit happens. A segment that has grown to [`SEGMENT_BYTES`] gets a
//! successor. The oldest segments are removed once a snapshot has replaced all their entries.
//!
//! # What may be wrong with it
//!
//! Every byte is under a checksum. A file gets its name only when it is complete and synced, and
//! the next batch is written only when the one before is synced. So a crash can leave one thing
//! unfinished: the last batch of the last segment. It is cut off; nobody was told that it is
//! there. Everything else that does not fit (a checksum, a number, a missing file) is damage, and
//! damage stops the node with the file and the place, because what cannot be read may be a vote.
//! The exact rule stands in `segment.rs` at `is_torn`. What no log can notice by itself is that it
//! was replaced by an older copy, or that its last segment was taken away.
//!
//! A failed write or sync closes the log for good: every later call gives the same error. Trying
//! again would prove nothing, as Linux forgets the pages that it could not write. For the same
//! reason a start does not trust the last segment as it reads it, but writes it anew before it
//! appends to it.
//!
//! **What is absent.** Nothing is read after the start, nothing is compacted or indexed, no entry
//! is changed in place, and no checksum error is ever repaired.

mod error;
pub(crate) mod file;
mod head;
mod marks;
mod memory_disk;
mod record;
mod segment;
mod segment_log;
mod snapshot_file;
mod snapshot_store;
mod store;
mod tail;
mod writer;

#[cfg(test)]
mod store_test;
#[cfg(test)]
mod suite_test;

pub use self::{
    error::{LogError, LogOpenError},
    file::DiskError,
    marks::{Marks, OutOfOrder},
    record::{Position, Record, RecordError, StoredEntry, Vote},
    segment::{Damage, DamageKind},
    segment_log::{BATCH_BYTES_MAX, SEGMENT_BYTES, SegmentLog},
    snapshot_file::{SnapshotError, SnapshotFiles, StoredSnapshot},
    tail::Tail,
};
pub(crate) use self::{
    memory_disk::MemoryDisk,
    snapshot_store::SnapshotStore,
    store::{LogEnd, LogOptions, LogReader, LogStore},
};
