//! A disk in memory that a test can crash and break.
//!
//! The model is that of POSIX taken strictly. A file is an inode with bytes; a directory is a table
//! of names. Both have a durable and a current state; [`DiskFile::sync_data`] copies the one, and
//! [`Disk::sync_dir`] the other. A crash settles what lies between, from the disk's own seed:
//!
//! - appended bytes: none, all, or a random prefix, whose end may be zeros;
//! - a truncation: happened, or did not;
//! - each name created, renamed or removed: happened, or did not, each independently of the others.
//!
//! What is synced is never lost or changed but by [`SimulatedDisk::damage`].

mod directory;
mod fault;
mod inode;
mod state;
#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::io::Errno;

use self::{directory::SharedInode, state::State};
use super::{Disk, DiskFile, DiskLock, refuse_extension, refuse_other_directory};

pub use self::fault::Fault;

/// A disk in memory. A handle: clones are the same disk, and the test that holds one keeps the disk
/// through the crashes of the host that uses it.
///
/// ```
/// use raftwire_environment::{Disk, SimulatedDisk};
/// use std::path::Path;
///
/// let disk = SimulatedDisk::new(7);
/// let mut file = disk.open_append(Path::new("log")).unwrap();
/// file.append(b"kept").unwrap();
/// file.sync_data().unwrap();
/// disk.sync_dir(Path::new("")).unwrap();
/// file.append(b"at risk").unwrap();
///
/// disk.crash();
///
/// assert!(file.append(b"from a dead process").is_err());
/// assert!(disk.read(Path::new("log")).unwrap().starts_with(b"kept"));
/// ```
#[derive(Clone)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    /// The process that this handle belongs to; without it, whichever is the present one.
    generation: Option<u64>,
}

impl SimulatedDisk {
    /// An empty disk with a root and a working directory. What its crashes destroy is drawn from
    /// `seed`.
    pub fn new(seed: u64) -> SimulatedDisk {
        SimulatedDisk {
            state: Arc::new(Mutex::new(State::new(seed))),
            generation: None,
        }
    }

    /// The disk as the process that starts now sees it: after the next [`crash`](Self::crash) or
    /// [`kill`](Self::kill) every call fails, whatever is left of that process.
    pub fn attach(&self) -> SimulatedDisk {
        SimulatedDisk {
            state: Arc::clone(&self.state),
            generation: Some(lock(&self.state).generation),
        }
    }

    /// The machine loses power: what was not synced may be lost. Open files and attached handles
    /// fail from now on, locks are released.
    ///
    /// Call it after turmoil's `Sim::crash`, and before `Sim::bounce`.
    pub fn crash(&self) {
        lock(&self.state).crash();
    }

    /// The process ends, as by `kill -9`, and the machine runs on: nothing written is lost. Open
    /// files and attached handles fail from now on, locks are released.
    pub fn kill(&self) {
        lock(&self.state).end_process();
    }

    /// Lets something go wrong. Faults add up; they outlast a crash until they have struck.
    pub fn fail(&self, fault: Fault) {
        lock(&self.state).faults.add(fault);
    }

    /// Takes back all faults that are still to come, makes room on a full disk, and lets a directory of which a sync
    /// failed be synced again: names that are not durable are so after the next sync.
    pub fn heal(&self) {
        lock(&self.state).heal();
    }

    /// Makes the disk slow until [`speed_up`](Self::speed_up): each piece of work takes as long as is
    /// drawn from `delays`, whichever process asks for it.
    pub fn slow_down(&self, delays: Range<Duration>) {
        lock(&self.state).delays = Some(delays);
    }

    /// Takes back a [`slow_down`](Self::slow_down). What waits already waits to its end.
    pub fn speed_up(&self) {
        lock(&self.state).delays = None;
    }

    /// Inverts the byte at `offset` of a file, as decay of the medium does.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) without the file,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) without the byte.
    pub fn damage(&self, path: &Path, offset: u64) -> io::Result<()> {
        let inode = lock(&self.state).find(path)?;
        let mut inode = lock(&inode);
        match usize::try_from(offset) {
            Ok(offset) if offset < inode.bytes().len() => {
                inode.damage(offset);
                Ok(())
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// The state, unless the process of this handle has ended.
    fn enter(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = lock(&self.state);
        match self.generation {
            Some(generation) if generation != state.generation => Err(io::Error::other(
                "the process of this disk handle has ended",
            )),
            _ => Ok(state),
        }
    }
}

impl Disk for SimulatedDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.enter()?.create_dir_all(dir)
    }

    fn check_writable(&self, dir: &Path) -> io::Result<()> {
        self.enter()?.directory(dir).map(drop)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Ok(self.enter()?.directory(dir)?.names().cloned().collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let inode = self.enter()?.find(path)?;
        Ok(lock(&inode).bytes().to_vec())
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.enter()?;
        let inode = state.find_or_create(path)?;
        Ok(Box::new(SimulatedFile {
            disk: SimulatedDisk {
                state: Arc::clone(&self.state),
                generation: Some(state.generation),
            },
            inode,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        refuse_other_directory(from, to)?;
        self.enter()?.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.enter()?.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.enter()?;
        state.directory(dir)?;
        let result = state.faults.on_sync();
        let directory = state.directory(dir)?;
        match &result {
            Ok(()) => directory.sync(),
            Err(_) => directory.fail_sync(),
        }
        result
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let holder = self.enter()?.lock(path)?;
        Ok(Box::new(SimulatedLock {
            disk: self.clone(),
            path: path.to_owned(),
            holder,
        }))
    }

    fn busy_for(&self) -> Duration {
        lock(&self.state).draw_delay()
    }
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SimulatedDisk")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    inode: SharedInode,
}

impl DiskFile for SimulatedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.enter()?;
        let State { faults, random, .. } = &mut *state;
        let outcome = faults.on_append(bytes.len(), random);
        lock(&self.inode).append(&bytes[..outcome.written]);
        outcome.result
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let _state = self.disk.enter()?;
        let inode = lock(&self.inode);
        let from = usize::try_from(offset).map_err(|_| Errno::INVAL)?;
        let rest = inode.bytes().get(from..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        let _state = self.disk.enter()?;
        Ok(lock(&self.inode).bytes().len() as u64)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let _state = self.disk.enter()?;
        let mut inode = lock(&self.inode);
        refuse_extension(inode.bytes().len() as u64, length)?;
        inode.truncate(usize::try_from(length).map_err(|_| Errno::INVAL)?);
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut state = self.disk.enter()?;
        let result = state.faults.on_sync();
        let mut inode = lock(&self.inode);
        match &result {
            Ok(()) => inode.sync(),
            Err(_) => inode.fail_sync(),
        }
        result
    }
}

impl fmt::Debug for SimulatedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SimulatedFile")
            .field("bytes", &lock(&self.inode).bytes().len())
            .finish_non_exhaustive()
    }
}

struct SimulatedLock {
    disk: SimulatedDisk,
    path: PathBuf,
    holder: u64,
}

impl DiskLock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        lock(&self.disk.state).unlock(&self.path, self.holder);
    }
}

impl fmt::Debug for SimulatedLock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SimulatedLock")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// No holder of these locks panics half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
