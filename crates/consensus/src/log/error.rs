//! How the log fails.

use std::{io, path::PathBuf};

use super::{
    file::DiskError,
    marks::OutOfOrder,
    segment::{Damage, DamageKind},
};

/// The log cannot be written any more. It stays so until the process starts again: after a failed
/// write or sync nobody knows what the disk has.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The disk refused.
    #[error("the Raft log failed: {0}")]
    Disk(#[from] DiskError),
    /// What was to be written contradicts what is there: a defect of the caller.
    #[error("the Raft log refused a record: {0}")]
    OutOfOrder(#[from] OutOfOrder),
    /// An entry cannot be encoded or decoded.
    #[error("the Raft log holds an entry that cannot be read: {0}")]
    Entry(String),
    /// The writer has ended, because its runtime has.
    #[error("the Raft log is closed")]
    Closed,
}

impl From<LogError> for io::Error {
    fn from(error: LogError) -> io::Error {
        let kind = match &error {
            LogError::Disk(disk) => disk.cause.kind(),
            LogError::OutOfOrder(_) => io::ErrorKind::InvalidInput,
            LogError::Entry(_) => io::ErrorKind::InvalidData,
            LogError::Closed => io::ErrorKind::BrokenPipe,
        };
        io::Error::new(kind, error)
    }
}

/// The log cannot be opened. None of these is repaired by itself: what a voter promised may be in
/// the part that cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogOpenError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A segment is damaged, or of a later version.
    #[error("{} is damaged {damage}", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where and what.
        damage: Damage,
    },
    /// A segment that has a successor ends in the middle of a batch.
    #[error("{} is cut off at byte {offset}, and it is not the last segment", path.display())]
    CutOff {
        /// The segment.
        path: PathBuf,
        /// Where its last whole batch ends.
        offset: usize,
    },
    /// A segment cannot follow the one before it.
    #[error("{} does not fit to what is before it: {error}", path.display())]
    Contradiction {
        /// The segment.
        path: PathBuf,
        /// In what.
        error: String,
    },
    /// A segment between others is not there.
    #[error("{} is missing, though segment {next} is there", path.display())]
    SegmentMissing {
        /// The file that should be there.
        path: PathBuf,
        /// The segment that is.
        next: u64,
    },
    /// The oldest segments are not there, though entries in them are needed.
    #[error("entries from {index} on are missing in {}: its first segment is {first_segment}", dir.display())]
    EntriesMissing {
        /// The log's folder.
        dir: PathBuf,
        /// The first missing entry.
        index: u64,
        /// The first segment that is there.
        first_segment: u64,
    },
    /// The log and the snapshots do not meet.
    #[error("entries up to {purged} were purged from {}, but the newest snapshot covers {covered:?}", dir.display())]
    SnapshotMissing {
        /// The log's folder.
        dir: PathBuf,
        /// Up to where entries are gone.
        purged: u64,
        /// Up to where a snapshot has them.
        covered: Option<u64>,
    },
    /// A file has a segment's ending and no segment's name.
    #[error("{} is not a segment of the Raft log", path.display())]
    StrangeFile {
        /// The file.
        path: PathBuf,
    },
    /// The log was made once, and nothing is left of it.
    #[error("the Raft log in {} is gone", dir.display())]
    NoSegment {
        /// The log's folder.
        dir: PathBuf,
    },
    /// The task that opened the log was aborted.
    #[error("opening the Raft log was interrupted")]
    Interrupted,
}

impl LogOpenError {
    /// Whether a part of what was written is damaged or gone.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            LogOpenError::Damaged { damage, .. } => !matches!(damage.what, DamageKind::Format(_)),
            LogOpenError::CutOff { .. }
            | LogOpenError::Contradiction { .. }
            | LogOpenError::SegmentMissing { .. }
            | LogOpenError::EntriesMissing { .. }
            | LogOpenError::SnapshotMissing { .. }
            | LogOpenError::NoSegment { .. } => true,
            // A file that somebody has put there is taken away again.
            LogOpenError::Disk(_)
            | LogOpenError::StrangeFile { .. }
            | LogOpenError::Interrupted => false,
        }
    }
}
