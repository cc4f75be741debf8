//! The disk: a few blocking operations that say what survives a crash.
//!
//! Two kinds of facts are made durable separately, as on POSIX: a file's bytes and length by
//! [`DiskFile::sync_data`], and the names in a directory by [`Disk::sync_dir`]. A new file whose
//! bytes were synced may still be gone after a crash if its directory was not.

pub(crate) mod real;
#[cfg(feature = "simulation")]
pub(crate) mod simulated;
#[cfg(test)]
mod suite;

use std::{fmt::Debug, io, path::Path, time::Duration};

/// A file system; [`Environment::disk`] is one.
///
/// Every call blocks: make it on an [`Executor`], never on a runtime that others share. Directories
/// are named by their path; nothing is remembered between calls but open files and held locks.
///
/// After an error of [`DiskFile::sync_data`] or [`sync_dir`](Self::sync_dir) nothing is known of
/// what was written since the last success, and a repeated call that succeeds proves nothing
/// (Linux drops the pages that it could not write): whoever relies on the data has to stop.
///
/// [`Environment::disk`]: crate::Environment::disk
/// [`Executor`]: crate::Executor
pub trait Disk: Send + Sync + Debug {
    /// Makes `dir` and its missing parents, durably. An existing directory is success.
    ///
    /// # Errors
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) or
    /// [`NotADirectory`](io::ErrorKind::NotADirectory) where a file is in the way.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Whether files can be made in `dir`, as far as that is told without making one: for whoever
    /// looks at a configuration and must not change the disk. That there is room is not looked at.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) without the directory,
    /// [`NotADirectory`](io::ErrorKind::NotADirectory) where a file is in its place or on the way to
    /// it; any other says what keeps this process from writing there.
    fn check_writable(&self, dir: &Path) -> io::Result<()>;

    /// The names of the files in `dir`, sorted; without directories, and without names that are
    /// not UTF-8.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) without the directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// A whole file. It is not bounded: it is for files that the caller bounded when writing.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) without the file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Opens a file for appending and reading, creating it if it is missing. What was created is
    /// durable after [`sync_dir`](Self::sync_dir) of its directory.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) without the directory.
    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Renames a file within its directory, replacing a file called `to`. It is atomic: after a
    /// crash there is either the old state or the new, and the new one surely after
    /// [`sync_dir`](Self::sync_dir). It says nothing of the file's bytes: sync them first.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the two are not in one directory,
    /// [`NotFound`](io::ErrorKind::NotFound) without `from`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; surely after [`sync_dir`](Self::sync_dir). A handle that has it open keeps
    /// working on the nameless file.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) without the file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in `dir` durable: files created, renamed and removed.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) without the directory; any other: see the trait.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the exclusive lock of the file `path`, creating the file if it is missing. It keeps
    /// others out, in this process and any other, until the guard is dropped or the process ends
    /// in whatever way. The file stays.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) at once if it is held.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;

    /// How long it takes until the disk is done with what comes next, where that time is simulated:
    /// whoever is about to write lets it pass, with [`turn`]. Zero for a disk whose calls block for as
    /// long as they take.
    fn busy_for(&self) -> Duration;
}

/// Lets the time pass that a simulated disk takes for what comes next. It returns at once where the
/// calls block for that time themselves: a simulated one cannot, since all hosts share its thread.
///
/// # Cancel safety
/// Cancel safe: nothing was written yet.
pub async fn turn(disk: &dyn Disk) {
    let busy = disk.busy_for();
    if !busy.is_zero() {
        tokio::time::sleep(busy).await;
    }
}

/// An open file that grows at its end.
pub trait DiskFile: Send + Debug {
    /// Writes all of `bytes` at the end; durable after [`sync_data`](Self::sync_data).
    ///
    /// # Errors
    /// A part of `bytes` may have been written: [`truncate`](Self::truncate) to the length before.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Fills `buffer` from `offset` on, and gives the count of bytes read, which is less than the
    /// buffer's length only at the end of the file.
    ///
    /// # Errors
    /// The device's.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// The length in bytes, with what is not synced yet.
    ///
    /// # Errors
    /// The device's.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no byte.
    ///
    /// # Errors
    /// As [`len`](Self::len).
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file off at `length`; durable after [`sync_data`](Self::sync_data).
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the file is shorter: it is not extended.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Makes the bytes and the length durable. The file's name is [`Disk::sync_dir`]'s matter.
    ///
    /// # Errors
    /// Any error is final for the un-synced bytes: see [`Disk`].
    fn sync_data(&mut self) -> io::Result<()>;
}

/// A held lock; dropping it releases it.
pub trait DiskLock: Send + Sync + Debug {}

/// The refusal of a rename from one directory into another.
fn refuse_other_directory(from: &Path, to: &Path) -> io::Result<()> {
    if from.parent() == to.parent() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "{} and {} are not in one directory",
            from.display(),
            to.display()
        ),
    ))
}

/// The refusal of a truncation that would extend the file.
fn refuse_extension(current: u64, length: u64) -> io::Result<()> {
    if length <= current {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("cannot cut a file of {current} bytes off at {length}"),
    ))
}
