//! One simulated machine, as the controlling test has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// A machine with its disk.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) node: NodeId,
    pub(super) disk: SimulatedDisk,
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
