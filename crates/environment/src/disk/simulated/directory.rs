//! A directory's names: what the process sees, and what the platter has.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use rand::{RngExt as _, rngs::Xoshiro256PlusPlus};

use super::inode::Inode;

pub(super) type SharedInode = Arc<Mutex<Inode>>;

/// The files of one directory by name.
#[derive(Default)]
pub(super) struct Directory {
    synced: Entries,
    current: Entries,
    /// What leads from `synced` to `current`, in order.
    changes: Vec<Change>,
    /// A sync failed: until the disk is mended, or the next crash, no change becomes durable for certain. (A file system
    /// with a journal stops at such an error, and takes no change before somebody has looked at it.)
    is_broken: bool,
}

#[derive(Clone, Default)]
struct Entries(BTreeMap<String, SharedInode>);

/// One step that a journalling file system does wholly or not at all. It names the file by its
/// inode, so that each subset of the steps leaves a file at most one name.
enum Change {
    Name { to: String, inode: SharedInode },
    Remove { inode: SharedInode },
}

impl Directory {
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.current.0.keys()
    }

    pub(super) fn find(&self, name: &str) -> Option<&SharedInode> {
        self.current.0.get(name)
    }

    /// Gives `inode` the name, taking from it the one it had, and from the name the file it was.
    pub(super) fn name(&mut self, inode: SharedInode, to: &str) {
        self.change(Change::Name {
            to: to.to_owned(),
            inode,
        });
    }

    pub(super) fn remove(&mut self, inode: SharedInode) {
        self.change(Change::Remove { inode });
    }

    fn change(&mut self, change: Change) {
        self.current.apply(&change);
        self.changes.push(change);
    }

    pub(super) fn sync(&mut self) {
        if !self.is_broken {
            self.synced = self.current.clone();
            self.changes.clear();
        }
    }

    /// A sync that reported an error.
    pub(super) fn fail_sync(&mut self) {
        self.is_broken = true;
    }

    /// The next sync makes everything durable.
    pub(super) fn mend(&mut self) {
        self.is_broken = false;
    }

    /// The power fails: each change since the last sync has happened or not, and then each file
    /// that has a name suffers what [`Inode::crash`] does.
    pub(super) fn crash(&mut self, random: &mut Xoshiro256PlusPlus) {
        for change in std::mem::take(&mut self.changes) {
            if random.random_bool(0.5) {
                self.synced.apply(&change);
            }
        }
        self.current = self.synced.clone();
        self.is_broken = false;
        for inode in self.current.0.values() {
            super::lock(inode).crash(random);
        }
    }
}

impl Entries {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Name { to, inode } => {
                self.0.retain(|_, named| !Arc::ptr_eq(named, inode));
                self.0.insert(to.clone(), Arc::clone(inode));
            }
            Change::Remove { inode } => self.0.retain(|_, named| !Arc::ptr_eq(named, inode)),
        }
    }
}
