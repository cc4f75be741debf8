use std::time::Duration;

use raftwire_environment::Environment;

/// The pauses between attempts: random between nothing and an upper end that doubles with each
/// failure ("full jitter", Brooker: Exponential Backoff And Jitter, 2015), so that nodes that lost
/// the same peer at the same time do not come back at the same time.
#[derive(Debug)]
pub struct BackOff {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl BackOff {
    /// Pauses with these upper ends of the first and of the longest one.
    pub fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max,
            failures: 0,
        }
    }

    /// An attempt has failed: the next pause may be longer.
    pub fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// An attempt has succeeded for good: pauses begin anew.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The upper end of the next pause.
    fn upper_end(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(30);
        self.min.saturating_mul(1 << doublings).min(self.max)
    }

    /// How long to wait before the next attempt.
    pub fn pause(&self, environment: &Environment) -> Duration {
        let nanos = u64::try_from(self.upper_end().as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(environment.random_range(0..nanos))
    }
}

#[cfg(test)]
mod tests {
    use raftwire_environment::SimulatedDisk;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn upper_end_doubles_up_to_the_longest_and_starts_again() {
        let environment = Environment::simulated(1, SimulatedDisk::new(1));
        let mut back_off = BackOff::new(Duration::from_millis(100), Duration::from_secs(1));
        let mut ends = Vec::new();
        for _ in 0..6 {
            back_off.failed();
            ends.push(back_off.upper_end().as_millis());
            assert!(back_off.pause(&environment) < back_off.upper_end());
        }
        assert_eq!(ends, [100, 200, 400, 800, 1_000, 1_000]);

        for _ in 0..100 {
            back_off.failed();
        }
        assert_eq!(back_off.upper_end(), Duration::from_secs(1));

        back_off.reset();
        assert_eq!(back_off.upper_end(), Duration::from_millis(100));
    }
}
