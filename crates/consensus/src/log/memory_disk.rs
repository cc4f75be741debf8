//! The disk of an ephemeral node.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use raftwire_environment::{Disk, DiskFile, DiskLock};

/// Files in memory, which last as long as this value: an ephemeral node runs the same code as a
/// durable one. There are no directories to make, and nobody else to keep out.
#[derive(Debug, Default)]
pub(crate) struct MemoryDisk {
    files: Mutex<BTreeMap<PathBuf, Contents>>,
}

type Contents = Arc<Mutex<Vec<u8>>>;

impl MemoryDisk {
    fn find(&self, path: &Path) -> io::Result<Contents> {
        let files = lock(&self.files);
        files.get(path).cloned().ok_or_else(not_found)
    }
}

impl Disk for MemoryDisk {
    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn check_writable(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let files = lock(&self.files);
        let inside = files.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let contents = self.find(path)?;
        let bytes = lock(&contents).clone();
        Ok(bytes)
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut files = lock(&self.files);
        let contents = files.entry(path.to_owned()).or_default();
        Ok(Box::new(MemoryFile {
            contents: Arc::clone(contents),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = lock(&self.files);
        let contents = files.remove(from).ok_or_else(not_found)?;
        files.insert(to.to_owned(), contents);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = lock(&self.files).remove(path);
        removed.map(drop).ok_or_else(not_found)
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn DiskLock>> {
        Ok(Box::new(MemoryLock))
    }

    fn busy_for(&self) -> Duration {
        Duration::ZERO
    }
}

#[derive(Debug)]
struct MemoryFile {
    contents: Contents,
}

impl DiskFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        lock(&self.contents).extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let contents = lock(&self.contents);
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| contents.get(offset..))
            .unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.contents).len() as u64)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut contents = lock(&self.contents);
        if length > contents.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        contents.truncate(length);
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryLock;

impl DiskLock for MemoryLock {}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

/// Nobody panics while he holds one of these.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
