//! What can go wrong with a simulated disk, and when.

use std::io;

use rand::{RngExt as _, rngs::Xoshiro256PlusPlus};
use rustix::io::Errno;

/// A fault that a test puts on a simulated disk with [`SimulatedDisk::fail`].
///
/// `nth` counts the calls from then on, on all files together: 1, and 0 too, is the next one.
///
/// [`SimulatedDisk::fail`]: super::SimulatedDisk::fail
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The nth append fails with `EIO`; nothing of it is written.
    AppendFails {
        /// Which append, counted from 1.
        nth: u64,
    },
    /// The nth append fails with `EIO` after a part of its bytes, chosen at random, was written.
    AppendTorn {
        /// Which append, counted from 1.
        nth: u64,
    },
    /// The nth sync, of a file or a directory, fails with `EIO`. What it should have made durable
    /// never becomes so, even though later syncs of the same file or directory report success.
    SyncFails {
        /// Which sync, counted from 1.
        nth: u64,
    },
    /// Appends fail with `ENOSPC` once this many more bytes were written; the append that reaches
    /// the limit is written up to it. It lasts until [`SimulatedDisk::heal`].
    ///
    /// [`SimulatedDisk::heal`]: super::SimulatedDisk::heal
    DiskFull {
        /// The room left, in bytes.
        after_bytes: u64,
    },
}

/// The faults that are still to come.
#[derive(Default, Debug)]
pub(super) struct Faults {
    pending: Vec<Fault>,
}

/// How much of an append is written, and what is reported.
pub(super) struct AppendOutcome {
    pub(super) written: usize,
    pub(super) result: io::Result<()>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.pending.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.pending.clear();
    }

    pub(super) fn on_append(
        &mut self,
        length: usize,
        random: &mut Xoshiro256PlusPlus,
    ) -> AppendOutcome {
        let mut written = length;
        let mut failure = None;
        self.pending.retain_mut(|fault| {
            let (nth, limit) = match fault {
                Fault::AppendFails { nth } => (nth, 0),
                Fault::AppendTorn { nth } => (nth, random.random_range(0..length.max(1))),
                Fault::SyncFails { .. } | Fault::DiskFull { .. } => return true,
            };
            let is_due = count_down(nth);
            if is_due {
                written = written.min(limit);
                failure = Some(Errno::IO);
            }
            !is_due
        });
        for fault in &mut self.pending {
            if let Fault::DiskFull { after_bytes } = fault {
                let room = usize::try_from(*after_bytes).unwrap_or(usize::MAX);
                if room < written {
                    written = room;
                    failure = Some(Errno::NOSPC);
                }
                *after_bytes -= written as u64;
            }
        }
        AppendOutcome {
            written,
            result: failure.map_or(Ok(()), |errno| Err(errno.into())),
        }
    }

    pub(super) fn on_sync(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        self.pending.retain_mut(|fault| {
            let Fault::SyncFails { nth } = fault else {
                return true;
            };
            let is_due = count_down(nth);
            if is_due {
                result = Err(Errno::IO.into());
            }
            !is_due
        });
        result
    }
}

/// Counts a call; whether it is the nth.
fn count_down(nth: &mut u64) -> bool {
    *nth = nth.saturating_sub(1);
    *nth == 0
}
