use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest duration that is told from longer ones: an hour.
const NANOS_MAX: u64 = 3_600_000_000_000;
/// Digits of a duration that are right: one in a thousand.
const DIGITS: u8 = 3;

/// How durations, in nanoseconds, are spread: each one is counted, in memory that does not grow with
/// them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub(crate) struct Distribution {
    histogram: Histogram<u64>,
}

impl Default for Distribution {
    fn default() -> Distribution {
        let histogram = Histogram::new_with_bounds(1, NANOS_MAX, DIGITS);
        Distribution {
            histogram: histogram.unwrap_or_else(|_| unreachable!("constant bounds that fit")),
        }
    }
}

impl Distribution {
    pub(crate) fn record(&mut self, nanos: u64) {
        self.histogram.saturating_record(nanos);
    }

    pub(crate) fn merge(&mut self, other: &Distribution) {
        // Of the same bounds: nothing is lost.
        let _ = self.histogram.add(&other.histogram);
    }

    pub(crate) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The duration that this share of all is no longer than.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        self.histogram.value_at_quantile(share)
    }

    pub(crate) fn max(&self) -> u64 {
        self.histogram.max()
    }
}

/// Durations, each with how often it was counted.
impl From<Vec<(u64, u64)>> for Distribution {
    fn from(counts: Vec<(u64, u64)>) -> Distribution {
        let mut distribution = Distribution::default();
        for (nanos, count) in counts {
            let histogram = &mut distribution.histogram;
            histogram.saturating_record_n(nanos, count);
        }
        distribution
    }
}

impl From<Distribution> for Vec<(u64, u64)> {
    fn from(distribution: Distribution) -> Vec<(u64, u64)> {
        let recorded = distribution.histogram.iter_recorded();
        let counts =
            recorded.map(|one| (one.value_iterated_to(), one.count_since_last_iteration()));
        counts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_have_counted_is_one() {
        let mut counted = Distribution::default();
        for nanos in 0..100_000 {
            counted.record(nanos * 37);
        }
        let mut twice = counted.clone();
        twice.merge(&counted);
        assert_eq!(twice.count(), 200_000);
        assert_eq!(twice.quantile(0.5), counted.quantile(0.5));
        assert!(twice.max() >= 99_999 * 37);
    }

    #[test]
    fn what_another_process_has_counted_is_the_same() {
        let mut counted = Distribution::default();
        for nanos in 0..100_000 {
            counted.record(nanos * nanos * 37);
        }
        let json = serde_json::to_string(&counted).unwrap();
        let read: Distribution = serde_json::from_str(&json).unwrap();
        assert_eq!(read.count(), counted.count());
        assert_eq!(read.max(), counted.max());
        for share in [0.0, 0.1, 0.5, 0.999] {
            assert_eq!(read.quantile(share), counted.quantile(share));
        }
    }
}
