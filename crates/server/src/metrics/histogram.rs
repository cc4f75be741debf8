//! How long something takes, in buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts durations by bucket. What is measured is rare: all cores count on the same cache lines.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// The longest duration of each bucket but the last, ascending.
    bounds: &'static [Duration],
    /// One more than there are bounds: the last is for what is longer than all of them.
    buckets: Box<[AtomicU64]>,
    sum_nanoseconds: AtomicU64,
}

/// What was counted until one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Distribution {
    /// How many took at most so many seconds, ascending; the last bound is infinite, so its count is of
    /// all.
    pub(super) up_to: Vec<(f64, u64)>,
    pub(super) sum_seconds: f64,
}

impl Distribution {
    pub(super) fn count(&self) -> u64 {
        self.up_to.last().map_or(0, |(_, count)| *count)
    }
}

impl Histogram {
    pub(crate) fn new(bounds: &'static [Duration]) -> Histogram {
        debug_assert!(bounds.is_sorted(), "{bounds:?}");
        Histogram {
            bounds,
            buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum_nanoseconds: AtomicU64::new(0),
        }
    }

    pub(crate) fn observe(&self, took: Duration) {
        let place = self.bounds.partition_point(|bound| *bound < took);
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.sum_nanoseconds
            .fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// The count of all is the sum of what was read of the buckets, whatever is counted meanwhile.
    pub(super) fn snapshot(&self) -> Distribution {
        let bounds = self.bounds.iter().map(Duration::as_secs_f64);
        let bounds = bounds.chain([f64::INFINITY]);
        let mut all = 0;
        let up_to = bounds.zip(&self.buckets).map(|(bound, count)| {
            all += count.load(Ordering::Relaxed);
            (bound, all)
        });
        let sum = Duration::from_nanos(self.sum_nanoseconds.load(Ordering::Relaxed));
        Distribution {
            up_to: up_to.collect(),
            sum_seconds: sum.as_secs_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_its_bucket_and_in_all_above_it() {
        static BOUNDS: [Duration; 2] = [Duration::from_millis(5), Duration::from_secs(1)];
        let histogram = Histogram::new(&BOUNDS);
        for milliseconds in [0, 5, 6, 1000, 1001, 60_000] {
            histogram.observe(Duration::from_millis(milliseconds));
        }

        let told = histogram.snapshot();

        assert_eq!(told.up_to, [(0.005, 2), (1.0, 4), (f64::INFINITY, 6)]);
        assert_eq!(told.count(), 6);
        assert!((told.sum_seconds - 62.012).abs() < 1e-9, "{told:?}");
    }
}
