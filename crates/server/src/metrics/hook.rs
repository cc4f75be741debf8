//! What asking the application who its clients are costs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Histogram;
use super::histogram::Distribution;

/// From an application on the same machine that looks into its memory, to the longest
/// `client.authentication_timeout`.
static BOUNDS: [Duration; 13] = [
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Why the application has not said who a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HookFailure {
    /// No answer in time.
    Timeout,
    /// No connection to it.
    Unreachable,
    /// What answers there speaks no HTTP.
    NoHttp,
    /// A status that means nothing here.
    Status,
    /// A body that is no identity.
    Identity,
}

const _: () = assert!(HookFailure::ALL.len() == HookFailure::Identity as usize + 1);

impl HookFailure {
    pub(crate) const ALL: [HookFailure; 5] = [
        HookFailure::Timeout,
        HookFailure::Unreachable,
        HookFailure::NoHttp,
        HookFailure::Status,
        HookFailure::Identity,
    ];

    /// The word used in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            HookFailure::Timeout => "timeout",
            HookFailure::Unreachable => "unreachable",
            HookFailure::NoHttp => "no_http",
            HookFailure::Status => "status",
            HookFailure::Identity => "identity",
        }
    }
}

/// Counters of the questions to the application: one set a node.
#[derive(Debug)]
pub(crate) struct HookCounters {
    time: Histogram,
    failures: [AtomicU64; HookFailure::ALL.len()],
}

impl Default for HookCounters {
    fn default() -> HookCounters {
        HookCounters {
            time: Histogram::new(&BOUNDS),
            failures: Default::default(),
        }
    }
}

impl HookCounters {
    /// A question has ended, whatever came of it.
    pub(crate) fn asked(&self, took: Duration) {
        self.time.observe(took);
    }

    pub(crate) fn failed(&self, failure: HookFailure) {
        self.failures[failure as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn time(&self) -> Distribution {
        self.time.snapshot()
    }

    /// Each reason once.
    pub(super) fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.failures.iter().map(|it| it.load(Ordering::Relaxed));
        HookFailure::ALL
            .into_iter()
            .map(HookFailure::as_str)
            .zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_ascend_and_reach_the_longest_timeout() {
        assert!(BOUNDS.is_sorted_by(|a, b| a < b));
        assert_eq!(BOUNDS.last(), Some(&Duration::from_secs(10)));
    }
}
