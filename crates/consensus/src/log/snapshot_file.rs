//! Snapshots on disk.
//!
//! ```text
//! magic 8 │ format 4 │ crc32 of all that follows 4 │ index+1 or 0: 8 │ length of the description 4 │
//! description │ state
//! ```

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use raftwire_environment::Disk;

use super::{
    file::{self, DiskError},
    record::{u32_at, u64_at},
};

const MAGIC: [u8; 8] = *b"\xFFRWSNAP\n";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 8 + 4 + 4 + 8 + 4;

/// Where the bytes begin that the checksum covers.
const CHECKED_FROM: usize = 16;

const SUFFIX: &str = ".snapshot";

/// A snapshot as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// The index of the last entry that it covers.
    pub covered: Option<u64>,
    /// The engine's description of it.
    pub description: Bytes,
    /// The state.
    pub state: Bytes,
}

/// Why a snapshot cannot be kept or given.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file's checksum or form is wrong. Entries that it covers may be gone from the log, so
    /// an older snapshot is no way out.
    #[error("the snapshot {} is damaged", path.display())]
    Damaged {
        /// The snapshot.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error("the snapshot {} has format {format}, which this version does not know", path.display())]
    Format {
        /// The snapshot.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// The task that worked on it was aborted.
    #[error("work on a snapshot was interrupted")]
    Interrupted,
}

/// The folder of snapshots, which holds one of them but for a moment. Every call blocks.
#[derive(Debug)]
pub struct SnapshotFiles {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// The number of the newest; 0 if there is none.
    newest: u64,
}

impl SnapshotFiles {
    /// Opens the folder, making it if it is missing.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<SnapshotFiles, SnapshotError> {
        disk.create_dir_all(dir)
            .map_err(DiskError::on("create", dir))?;
        let mut files = SnapshotFiles {
            disk,
            dir: dir.to_owned(),
            newest: 0,
        };
        let numbers = files.list()?;
        files.newest = numbers.last().copied().unwrap_or(0);
        files.remove_older(&numbers)?;
        Ok(files)
    }

    /// Whether there is no snapshot.
    pub fn is_empty(&self) -> bool {
        self.newest == 0
    }

    /// The newest snapshot. A file gets its name only once it is complete and durable, so one
    /// that is not whole is damaged.
    ///
    /// # Errors
    ///
    /// The disk's, or that it is damaged.
    pub fn load(&self) -> Result<Option<StoredSnapshot>, SnapshotError> {
        if self.newest == 0 {
            return Ok(None);
        }
        let path = self.path(self.newest);
        let bytes = Bytes::from(file::read(&*self.disk, &path)?);
        decode(&path, bytes).map(Some)
    }

    /// Keeps `snapshot` and forgets the one before it.
    ///
    /// # Errors
    ///
    /// The disk's; the one before is then still there.
    pub fn save(&mut self, snapshot: &StoredSnapshot) -> Result<(), SnapshotError> {
        let number = self.newest + 1;
        let header = encode_header(snapshot);
        let parts = [&header[..], &snapshot.description, &snapshot.state];
        file::write_whole(&*self.disk, &self.dir, &name(number), &parts)?;
        self.newest = number;
        self.remove_older(&[number - 1])
    }

    fn remove_older(&self, numbers: &[u64]) -> Result<(), SnapshotError> {
        for number in numbers {
            if (1..self.newest).contains(number) {
                file::remove(&*self.disk, &self.path(*number))?;
            }
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<u64>, SnapshotError> {
        let stems = file::list_finished(&*self.disk, &self.dir, SUFFIX)?;
        stems
            .iter()
            .map(|stem| {
                let number = u64::from_str_radix(stem, 16).ok();
                number
                    .filter(|number| *number != 0 && *number < u64::MAX)
                    .filter(|number| name(*number) == format!("{stem}{SUFFIX}"))
                    .ok_or_else(|| SnapshotError::Damaged {
                        path: self.dir.join(format!("{stem}{SUFFIX}")),
                    })
            })
            .collect()
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(name(number))
    }
}

fn name(number: u64) -> String {
    format!("{number:016x}{SUFFIX}")
}

fn encode_header(snapshot: &StoredSnapshot) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    let entries = snapshot.covered.map_or(0, |index| index.saturating_add(1));
    out.extend_from_slice(&entries.to_be_bytes());
    out.extend_from_slice(&(snapshot.description.len() as u32).to_be_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&out[CHECKED_FROM..]);
    crc.update(&snapshot.description);
    crc.update(&snapshot.state);
    out[CHECKED_FROM - 4..CHECKED_FROM].copy_from_slice(&crc.finalize().to_be_bytes());
    out
}

fn decode(path: &Path, bytes: Bytes) -> Result<StoredSnapshot, SnapshotError> {
    let damaged = || SnapshotError::Damaged {
        path: path.to_owned(),
    };
    if bytes.len() < HEADER_BYTES || !bytes.starts_with(&MAGIC) {
        return Err(damaged());
    }
    let format = u32_at(&bytes, 8);
    if format != FORMAT {
        return Err(SnapshotError::Format {
            path: path.to_owned(),
            format,
        });
    }
    if crc32fast::hash(&bytes[CHECKED_FROM..]) != u32_at(&bytes, CHECKED_FROM - 4) {
        return Err(damaged());
    }
    let state_from = HEADER_BYTES.saturating_add(u32_at(&bytes, HEADER_BYTES - 4) as usize);
    if state_from > bytes.len() {
        return Err(damaged());
    }
    Ok(StoredSnapshot {
        covered: u64_at(&bytes, CHECKED_FROM).checked_sub(1),
        description: bytes.slice(HEADER_BYTES..state_from),
        state: bytes.slice(state_from..),
    })
}
