//! A file's bytes: what the process sees, and what the platter has.

use rand::{RngExt as _, rngs::Xoshiro256PlusPlus};

/// The bytes of one file, whatever its name.
///
/// Every state between two syncs is described by three values: the bytes at the last sync, the
/// bytes now, and how many of them were never cut off in between and are therefore common to both.
#[derive(Default)]
pub(super) struct Inode {
    synced: Vec<u8>,
    current: Vec<u8>,
    /// `synced[..kept] == current[..kept]`.
    kept: usize,
    /// What lies from here on was lost by a failed sync; no later sync brings it back.
    lost_from: Option<usize>,
}

impl Inode {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.current
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.current.extend_from_slice(bytes);
    }

    /// `length` is at most the current length.
    pub(super) fn truncate(&mut self, length: usize) {
        self.current.truncate(length);
        self.kept = self.kept.min(length);
        if self.lost_from.is_some_and(|lost_from| length <= lost_from) {
            self.lost_from = None;
        }
    }

    pub(super) fn sync(&mut self) {
        let durable = self.lost_from.unwrap_or(self.current.len());
        self.synced.truncate(self.kept);
        self.synced
            .extend_from_slice(&self.current[self.kept..durable]);
        self.kept = durable;
    }

    /// A sync that reported an error: its bytes stay readable, and never become durable.
    pub(super) fn fail_sync(&mut self) {
        if self.lost_from.is_none() && self.kept < self.current.len() {
            self.lost_from = Some(self.kept);
        }
    }

    /// Inverts one byte, on the platter too.
    pub(super) fn damage(&mut self, offset: usize) {
        for bytes in [&mut self.synced, &mut self.current] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte = !*byte;
            }
        }
    }

    /// The power fails. What was synced is there, unless it was cut off meanwhile, which may or may
    /// not have happened. Of what was appended there is nothing, all or a part at random, and the
    /// end of it may be zeros: the length arrived, the bytes did not.
    pub(super) fn crash(&mut self, random: &mut Xoshiro256PlusPlus) {
        let was_cut = self.kept < self.synced.len();
        if was_cut && random.random_bool(0.5) {
            self.current = self.synced.clone();
        } else {
            let appended = self.current.len() - self.kept;
            let survives = match random.random_range(0..3) {
                0 => 0,
                1 => appended,
                _ => random.random_range(0..=appended),
            };
            self.current.truncate(self.kept + survives);
            if random.random_bool(0.25) {
                let zeros = random.random_range(0..=survives);
                let written = self.current.len() - zeros;
                self.current[written..].fill(0);
            }
            self.synced.clone_from(&self.current);
        }
        self.kept = self.current.len();
        self.lost_from = None;
    }
}
