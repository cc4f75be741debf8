use std::collections::BTreeMap;

use crate::distribution::Distribution;
use crate::machine::CpuTime;

/// What one thread of the generator has seen while it was measured, or several together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// From when a message was sent, or was meant to be, until its answer came.
    pub(crate) latency: Distribution,
    /// Until the last receiver of a message for many had it.
    pub(crate) completion: Distribution,
    /// Messages for many that were sent.
    pub(crate) sent: u64,
    /// What became of messages, by outcome.
    pub(crate) outcomes: BTreeMap<String, u64>,
    /// Messages that receivers have seen.
    pub(crate) received: u64,
    /// Messages that were meant to be sent before the end, and could not be.
    pub(crate) overdue: u64,
    /// Connections that ended, by why.
    pub(crate) lost: BTreeMap<String, u64>,
    /// The generator's own.
    pub(crate) cpu: CpuTime,
    /// The most that one thread ran or waited for a core.
    pub(crate) busiest: CpuTime,
    /// How late a timer of the generator was seen: it, or the machine, had something else to do.
    pub(crate) lag: Distribution,
}

impl Tally {
    /// One more message had this outcome. Allocates for the first one only.
    pub(crate) fn outcome(&mut self, outcome: &str) {
        self.outcome_of(1, outcome);
    }

    /// So many more had this outcome.
    pub(crate) fn outcome_of(&mut self, count: u64, outcome: &str) {
        match self.outcomes.get_mut(outcome) {
            Some(counted) => *counted += count,
            None => {
                self.outcomes.insert(outcome.to_owned(), count);
            }
        }
    }

    pub(crate) fn merge(&mut self, other: Tally) {
        self.latency.merge(&other.latency);
        self.completion.merge(&other.completion);
        self.lag.merge(&other.lag);
        self.sent += other.sent;
        self.received += other.received;
        self.overdue += other.overdue;
        self.cpu.add(other.cpu);
        if other.busiest.busy() > self.busiest.busy() {
            self.busiest = other.busiest;
        }
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        for (why, count) in other.lost {
            *self.lost.entry(why).or_default() += count;
        }
    }
}
