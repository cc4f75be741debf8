//! Everything on a simulated disk.

use std::{
    collections::BTreeMap,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use rustix::io::Errno;

use super::{
    directory::{Directory, SharedInode},
    fault::Faults,
    inode::Inode,
};

pub(super) struct State {
    /// How many processes have used this disk and ended.
    pub(super) generation: u64,
    pub(super) random: Xoshiro256PlusPlus,
    pub(super) faults: Faults,
    /// How long each piece of work takes, while the disk is slow.
    pub(super) delays: Option<Range<Duration>>,
    /// What delays are drawn from: what a crash destroys does not depend on them.
    slowness: Xoshiro256PlusPlus,
    directories: BTreeMap<PathBuf, Directory>,
    /// The holder of each lock that is held.
    locks: BTreeMap<PathBuf, u64>,
    next_holder: u64,
}

impl State {
    pub(super) fn new(seed: u64) -> State {
        State {
            generation: 0,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            faults: Faults::default(),
            delays: None,
            slowness: Xoshiro256PlusPlus::seed_from_u64(!seed),
            // The root and the working directory.
            directories: ["/", ""]
                .map(|path| (PathBuf::from(path), Directory::default()))
                .into(),
            locks: BTreeMap::new(),
            next_holder: 0,
        }
    }

    /// How long the next piece of work takes.
    pub(super) fn draw_delay(&mut self) -> Duration {
        match &self.delays {
            Some(delays) if !delays.is_empty() => self.slowness.random_range(delays.clone()),
            _ => Duration::ZERO,
        }
    }

    /// The process ends; what it wrote is in the operating system's hands.
    pub(super) fn end_process(&mut self) {
        self.generation += 1;
        self.locks.clear();
    }

    /// The power fails.
    /// What is wrong is put right; what was lost stays so.
    pub(super) fn heal(&mut self) {
        self.faults.clear();
        self.directories.values_mut().for_each(Directory::mend);
    }

    pub(super) fn crash(&mut self) {
        self.end_process();
        for directory in self.directories.values_mut() {
            directory.crash(&mut self.random);
        }
    }

    pub(super) fn create_dir_all(&mut self, dir: &Path) -> io::Result<()> {
        let mut ancestors: Vec<_> = dir.ancestors().collect();
        ancestors.reverse();
        for ancestor in ancestors {
            if self.directories.contains_key(ancestor) {
                continue;
            }
            if self.find(ancestor).is_ok() {
                let errno = if ancestor == dir {
                    Errno::EXIST
                } else {
                    Errno::NOTDIR
                };
                return Err(errno.into());
            }
            self.directories
                .insert(ancestor.to_owned(), Directory::default());
        }
        Ok(())
    }

    pub(super) fn directory(&mut self, dir: &Path) -> io::Result<&mut Directory> {
        if !self.directories.contains_key(dir) && self.find(dir).is_ok() {
            return Err(Errno::NOTDIR.into());
        }
        self.directories
            .get_mut(dir)
            .ok_or_else(|| Errno::NOENT.into())
    }

    /// The file called `path`.
    pub(super) fn find(&self, path: &Path) -> io::Result<SharedInode> {
        if self.directories.contains_key(path) {
            return Err(Errno::ISDIR.into());
        }
        let (dir, name) = split(path)?;
        self.directories
            .get(dir)
            .and_then(|directory| directory.find(name))
            .map(Arc::clone)
            .ok_or_else(|| Errno::NOENT.into())
    }

    pub(super) fn find_or_create(&mut self, path: &Path) -> io::Result<SharedInode> {
        match self.find(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        let (dir, name) = split(path)?;
        let inode = Arc::new(Mutex::new(Inode::default()));
        self.directory(dir)?.name(Arc::clone(&inode), name);
        Ok(inode)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.find(from)?;
        if self.directories.contains_key(to) {
            return Err(Errno::ISDIR.into());
        }
        let (dir, name) = split(to)?;
        self.directory(dir)?.name(inode, name);
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let inode = self.find(path)?;
        let (dir, _) = split(path)?;
        self.directory(dir)?.remove(inode);
        Ok(())
    }

    /// Takes the lock; gives its holder's number.
    pub(super) fn lock(&mut self, path: &Path) -> io::Result<u64> {
        self.find_or_create(path)?;
        if self.locks.contains_key(path) {
            return Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!("{} is locked", path.display()),
            ));
        }
        let holder = self.next_holder;
        self.next_holder += 1;
        self.locks.insert(path.to_owned(), holder);
        Ok(holder)
    }

    pub(super) fn unlock(&mut self, path: &Path, holder: u64) {
        // A process that has ended lost its lock, which another may hold now.
        if self.locks.get(path) == Some(&holder) {
            self.locks.remove(path);
        }
    }
}

fn split(path: &Path) -> io::Result<(&Path, &str)> {
    let name = path.file_name().and_then(|name| name.to_str());
    match (path.parent(), name) {
        (Some(dir), Some(name)) => Ok((dir, name)),
        _ => Err(Errno::INVAL.into()),
    }
}
