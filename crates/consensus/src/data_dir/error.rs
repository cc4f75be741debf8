//! Why a data folder cannot be used.

use std::path::PathBuf;

use raftwire_protocol::NodeId;

use super::identity::FORMAT;
use crate::log::{DiskError, LogOpenError, SnapshotError};

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Another process has locked the folder.
    #[error("the data folder {} is used by another process", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The folder was made by a node with another name.
    #[error("the data folder {} belongs to node `{found}`, not to `{expected}`: give each node a folder of its own", path.display())]
    OtherNode {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        found: NodeId,
        /// Who wanted it.
        expected: NodeId,
    },
    /// A later version made the folder.
    #[error("the data folder {} has format {format}, this version knows format {FORMAT}", path.display())]
    Format {
        /// The folder.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// The file that says whose folder it is does not have the form that it was written in.
    #[error("{} is damaged", path.display())]
    IdentityDamaged {
        /// The file.
        path: PathBuf,
    },
    /// There is a log, and no file that says whose it is.
    #[error("{} is missing, though there is a Raft log beside it", path.display())]
    IdentityMissing {
        /// The file that should be there.
        path: PathBuf,
    },
    /// No node has ever used the folder.
    #[error("{} is no data folder: no node has used it", path.display())]
    Unused {
        /// The folder.
        path: PathBuf,
    },
    /// The log of the folder cannot be used.
    #[error(transparent)]
    Log(#[from] LogOpenError),
    /// The snapshot of the folder cannot be used.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The task that opened the folder was aborted.
    #[error("opening the data folder was interrupted")]
    Interrupted,
}

impl DataDirError {
    /// Whether a part of what a node kept is damaged or gone, for which no other version and no
    /// other right to the folder is a remedy.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            DataDirError::IdentityDamaged { .. } | DataDirError::IdentityMissing { .. } => true,
            DataDirError::Log(error) => error.is_damage(),
            DataDirError::Snapshot(error) => matches!(error, SnapshotError::Damaged { .. }),
            DataDirError::Disk(_)
            | DataDirError::Locked { .. }
            | DataDirError::OtherNode { .. }
            | DataDirError::Format { .. }
            | DataDirError::Unused { .. }
            | DataDirError::Interrupted => false,
        }
    }
}
