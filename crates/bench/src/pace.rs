use std::time::Duration;

use crate::machine::Nanos;

/// When messages are meant to be sent: evenly, whatever became of those before.
///
/// Latency counts from these times, not from when a message could be sent; otherwise a server that
/// stalls would be asked nothing while it does, and the stall would count once ("coordinated omission").
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    begin: Nanos,
    /// Nanoseconds from one message to the next.
    gap: f64,
}

impl Pace {
    /// So many messages a second from then on.
    pub(crate) fn new(begin: Nanos, per_second: f64) -> Pace {
        Pace {
            begin,
            gap: 1e9 / per_second,
        }
    }

    /// The pace of one of so many senders, which take turns.
    pub(crate) fn turn(self, sender: usize, senders: usize) -> Pace {
        Pace {
            begin: Nanos(self.begin.0 + (sender as f64 * self.gap) as u64),
            gap: self.gap * senders as f64,
        }
    }

    /// When the message with this number, counted from 0, is meant to be sent.
    pub(crate) fn time_of(self, number: u64) -> Nanos {
        Nanos(self.begin.0 + (number as f64 * self.gap) as u64)
    }

    /// How many messages were meant to be sent until then.
    pub(crate) fn due(self, now: Nanos) -> u64 {
        if now < self.begin {
            return 0;
        }
        (now.since(self.begin) as f64 / self.gap) as u64 + 1
    }

    /// How long to wait between two looks at the clock: short beside the gap, and not so short that looking
    /// is all that is done.
    pub(crate) fn tick(self) -> Duration {
        let gap = Duration::from_nanos(self.gap as u64);
        gap.clamp(TICK_MIN, TICK_MAX)
    }
}

/// A wake-up costs some microseconds, in two threads.
const TICK_MIN: Duration = Duration::from_micros(200);
/// So that the end of a run is not missed for long.
const TICK_MAX: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_taken_evenly() {
        let pace = Pace::new(Nanos(1_000), 1e6);
        let turns: Vec<_> = (0..4).map(|sender| pace.turn(sender, 4)).collect();
        for number in 0..20_u64 {
            let turn = turns[number as usize % 4];
            assert_eq!(turn.time_of(number / 4), pace.time_of(number));
        }
        assert_eq!(pace.time_of(3), Nanos(4_000));
    }

    #[test]
    fn a_message_is_due_from_its_time_on() {
        let pace = Pace::new(Nanos(1_000), 1e6);
        let due = [999, 1_000, 1_999, 2_000].map(|now| pace.due(Nanos(now)));
        assert_eq!(due, [0, 1, 1, 2]);
    }
}
