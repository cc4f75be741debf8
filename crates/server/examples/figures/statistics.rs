//! Medians, percentiles, and how they are written.

use std::time::Duration;

/// The value below which `share` of the sorted values lie.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    let index = (share * last as f64).round() as usize;
    sorted.get(index.min(last)).copied().unwrap_or_default()
}

/// `median (min to max)`, in milliseconds.
pub(crate) fn spread(values: &[Duration]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let [min, median, max] = [0.0, 0.5, 1.0].map(|share| milliseconds(percentile(&sorted, share)));
    format!("{median:.1} ms (min {min:.1}, max {max:.1})")
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
