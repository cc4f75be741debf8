//! A point on the clock that leases are counted on.

use std::{ops::Add, time::Duration};

/// A point in time counted from the machine's boot, time spent suspended included.
///
/// Leases are counted on this clock and not on [`std::time::Instant`], which stands still while
/// a laptop or a virtual machine sleeps: a node that slept through its lease must see so at once.
/// Two points can be compared only if both came from one process; a boot time is never sent to
/// another node and never stored.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct BootTime(Duration);

impl BootTime {
    /// The point `since_boot` after the boot; for tests, which pass time in.
    pub const fn new(since_boot: Duration) -> BootTime {
        BootTime(since_boot)
    }

    /// How long the machine had been up at this point.
    pub const fn since_boot(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this point is; zero if it is not after it.
    pub const fn duration_since(self, earlier: BootTime) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Saturates at the end of time, so that a lease of any configured length can be added.
impl Add<Duration> for BootTime {
    type Output = BootTime;

    fn add(self, duration: Duration) -> BootTime {
        BootTime(self.0.saturating_add(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_into_the_past_is_zero() {
        let early = BootTime::new(Duration::from_secs(1));
        let late = early + Duration::from_secs(2);

        assert_eq!(late.duration_since(early), Duration::from_secs(2));
        assert_eq!(early.duration_since(late), Duration::ZERO);
    }

    #[test]
    fn an_addition_past_the_end_of_time_stays_at_the_end() {
        let end = BootTime::new(Duration::MAX);

        assert_eq!(end + Duration::from_secs(1), end);
    }
}
