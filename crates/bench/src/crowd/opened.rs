use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::machine::CpuTime;

/// What the opening of a crowd was like.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Opened {
    /// How long each that opened took.
    pub(crate) times: Distribution,
    /// Those that did not, by why.
    pub(crate) failed: BTreeMap<String, u64>,
    /// Until the last one was open, or had failed.
    pub(crate) took: u64,
    pub(crate) threads: usize,
    /// The generator's own.
    pub(crate) cpu: CpuTime,
    /// Of its busiest thread.
    pub(crate) busiest: CpuTime,
}

impl Opened {
    pub(super) fn merge(&mut self, other: Opened) {
        self.times.merge(&other.times);
        for (why, count) in other.failed {
            *self.failed.entry(why).or_default() += count;
        }
        self.took = self.took.max(other.took);
        self.threads += other.threads;
        self.cpu.add(other.cpu);
        if other.busiest.busy() > self.busiest.busy() {
            self.busiest = other.busiest;
        }
    }
}
