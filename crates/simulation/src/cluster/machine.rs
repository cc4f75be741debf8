//! One simulated machine, as the controlling test has it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftwire::NodeId;
use raftwire_environment::SimulatedDisk;

use crate::fact::Process;

/// Whether a machine's node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// It runs, or tries to.
    On,
    /// It was asked to stop, and does; `again`: it is to be started once it has.
    Stopping { again: bool },
    /// It does not run.
    Off,
}

/// Where a machine's disk is plugged in.
#[derive(Clone, Debug)]
pub(super) struct Bay {
    disk: Arc<Mutex<SimulatedDisk>>,
}

impl Bay {
    pub(super) fn new(disk: SimulatedDisk) -> Bay {
        Bay {
            disk: Arc::new(Mutex::new(disk)),
        }
    }

    /// The disk that is in it.
    pub(super) fn disk(&self) -> SimulatedDisk {
        self.disk
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Replaces the disk.
    pub(super) fn plug_in(&self, disk: SimulatedDisk) {
        *self.disk.lock().unwrap_or_else(PoisonError::into_inner) = disk;
    }
}

/// Which secrets a node is told of, while the secret is exchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Keys {
    /// The one until now.
    #[default]
    Old,
    /// The one from now on, and the one until now.
    Both,
    /// The one from now on.
    New,
}

/// What a machine's configuration says of secrets, and what its process has read there.
#[derive(Clone, Debug, Default)]
pub(super) struct Keyring {
    keys: Arc<Mutex<(Keys, Keys)>>,
}

impl Keyring {
    fn lock(&self) -> MutexGuard<'_, (Keys, Keys)> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the configuration: the next start reads it.
    pub(super) fn configure(&self, keys: Keys) {
        self.lock().0 = keys;
    }

    /// What the configuration says.
    pub(super) fn configured(&self) -> Keys {
        self.lock().0
    }

    /// A process starts, and reads the configuration.
    pub(super) fn read(&self) -> Keys {
        let mut keys = self.lock();
        keys.1 = keys.0;
        keys.1
    }

    /// What the process read that started last.
    pub(super) fn in_use(&self) -> Keys {
        self.lock().1
    }
}

/// A machine with its disk.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) node: NodeId,
    pub(super) bay: Bay,
    pub(super) keyring: Keyring,
    pub(super) starts: Arc<AtomicU64>,
    pub(super) power: Power,
    /// Whether the disk fails, or has failed since the node was started.
    pub(super) is_disk_bad: bool,
}

impl Machine {
    /// The process that runs, or ran last.
    pub(super) fn process(&self) -> Process {
        let start = self.starts.load(Ordering::Relaxed);
        Process {
            node: self.node.clone(),
            start,
        }
    }
}
