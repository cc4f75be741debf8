use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Nanoseconds of the machine's monotonic clock.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Nanos(pub(crate) u64);

impl Nanos {
    pub(crate) fn now() -> Nanos {
        let time = clock_gettime(ClockId::Monotonic);
        // Never negative: the clock counts from the boot.
        Nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }

    /// From then until this; zero if this is earlier.
    pub(crate) fn since(self, then: Nanos) -> u64 {
        self.0.saturating_sub(then.0)
    }

    pub(crate) fn until(self) -> Duration {
        Duration::from_nanos(self.since(Nanos::now()))
    }

    pub(crate) fn after(self, time: Duration) -> Nanos {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Nanos(self.0.saturating_add(nanos))
    }
}

/// Waits until then, on a thread that has nothing else to do.
pub(crate) fn sleep_until(then: Nanos) {
    std::thread::sleep(then.until());
}
