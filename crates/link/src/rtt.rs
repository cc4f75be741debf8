use std::time::Duration;

use crate::ack_schedule::ACK_DELAY;

/// What a link waits for an answer before it has measured one: twice a slow broker's round trip.
pub(crate) const TIMEOUT_INITIAL: Duration = Duration::from_millis(100);

/// The shortest wait for an answer: some ticks of the timers at both ends, and the delay of an acknowledgement.
pub(crate) const TIMEOUT_MIN: Duration = Duration::from_millis(20);

/// The longest wait for an answer, back-off included: a path that heals is in use again a second later.
pub(crate) const TIMEOUT_MAX: Duration = Duration::from_secs(1);

/// What a timer is late by at most, the `G` of RFC 6298 and `kGranularity` of RFC 9002.
const GRANULARITY: Duration = Duration::from_millis(1);

/// Doublings of the wait until [`TIMEOUT_MAX`] is reached for certain.
const BACK_OFF_MAX: u32 = 6;

const _: () = assert!(TIMEOUT_MIN.as_millis() << BACK_OFF_MAX >= TIMEOUT_MAX.as_millis());

/// The round trip as RFC 6298 estimates it, and what follows from it: when to send again.
///
/// Each sample belongs to one packet, whose number the peer echoes, so that Karn's rule (no sample from what
/// was sent twice) has nothing to exclude. The time that the peer kept an acknowledgement is no part of a sample; so
/// the timeout has room for it, as in RFC 9002 §6.2.1.
#[derive(Debug)]
pub(crate) struct RttEstimator {
    /// Smoothed round trip and its variation, after the first sample.
    estimate: Option<(Duration, Duration)>,
    latest: Duration,
    back_off: u32,
}

impl RttEstimator {
    pub(crate) fn new() -> RttEstimator {
        RttEstimator {
            estimate: None,
            latest: TIMEOUT_INITIAL,
            back_off: 0,
        }
    }

    /// Takes in that an answer came after `elapsed`, of which the peer kept it for `delay` by its own word.
    pub(crate) fn sample(&mut self, elapsed: Duration, delay: Duration) {
        // A peer that claims more than the whole is not believed.
        let sample = elapsed.checked_sub(delay).unwrap_or(elapsed);
        self.latest = sample;
        self.estimate = Some(match self.estimate {
            None => (sample, sample / 2),
            Some((smoothed, variation)) => (
                (smoothed * 7 + sample) / 8,
                (variation * 3 + smoothed.abs_diff(sample)) / 4,
            ),
        });
    }

    /// The smoothed round trip, if one was measured.
    pub(crate) fn smoothed(&self) -> Option<Duration> {
        self.estimate.map(|(smoothed, _)| smoothed)
    }

    /// How long to wait for an answer before the next attempt.
    pub(crate) fn timeout(&self) -> Duration {
        let timeout = match self.estimate {
            None => TIMEOUT_INITIAL,
            Some((smoothed, variation)) => smoothed + GRANULARITY.max(variation * 4) + ACK_DELAY,
        };
        (timeout.clamp(TIMEOUT_MIN, TIMEOUT_MAX) * (1 << self.back_off)).min(TIMEOUT_MAX)
    }

    /// How much older than a packet that arrived one must be to count as lost (RFC 9002 §6.1.2).
    pub(crate) fn loss_delay(&self) -> Duration {
        let round_trip = self.smoothed().unwrap_or(TIMEOUT_INITIAL).max(self.latest);
        (round_trip * 9 / 8).max(GRANULARITY)
    }

    /// There was no answer in time.
    pub(crate) fn back_off(&mut self) {
        self.back_off = (self.back_off + 1).min(BACK_OFF_MAX);
    }

    /// There is an answer, or a new path.
    pub(crate) fn reset_back_off(&mut self) {
        self.back_off = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn estimate_follows_rfc_6298() {
        let mut rtt = RttEstimator::new();
        assert_eq!(rtt.timeout(), TIMEOUT_INITIAL);

        rtt.sample(ms(40), ms(0));
        assert_eq!(rtt.smoothed(), Some(ms(40)));
        assert_eq!(rtt.timeout(), ms(40 + 4 * 20) + ACK_DELAY);

        rtt.sample(ms(90), ms(10));
        assert_eq!(rtt.smoothed(), Some(ms(45)));
        assert_eq!(rtt.timeout(), ms(45 + 4 * 25) + ACK_DELAY);
    }

    #[test]
    fn timeout_stays_within_its_bounds_and_doubles_until_an_answer_comes() {
        let mut rtt = RttEstimator::new();
        for _ in 0..50 {
            rtt.sample(Duration::from_micros(100), ms(0));
        }
        assert_eq!(rtt.timeout(), TIMEOUT_MIN);
        rtt.back_off();
        assert_eq!(rtt.timeout(), 2 * TIMEOUT_MIN);
        for _ in 0..100 {
            rtt.back_off();
        }
        assert_eq!(rtt.timeout(), TIMEOUT_MAX);
        rtt.reset_back_off();
        assert_eq!(rtt.timeout(), TIMEOUT_MIN);
        rtt.sample(Duration::from_secs(3600), ms(0));
        assert_eq!(rtt.timeout(), TIMEOUT_MAX);
    }

    #[test]
    fn a_claimed_delay_beyond_the_round_trip_is_not_believed() {
        let mut rtt = RttEstimator::new();
        rtt.sample(ms(40), ms(41));
        assert_eq!(rtt.smoothed(), Some(ms(40)));
    }
}
