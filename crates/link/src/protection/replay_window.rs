/// How far a packet may come behind the one with the largest number, in packets: 64 KiB each at 10 Gbit/s, that is a
/// fifth of a second, far more than any path reorders by; and 512 bytes a channel.
pub const REPLAY_WINDOW_PACKETS: u64 = 4096;

const WORD_BITS: u64 = 64;
const WORDS: usize = (REPLAY_WINDOW_PACKETS / WORD_BITS) as usize;

const _: () = assert!(REPLAY_WINDOW_PACKETS.is_multiple_of(WORD_BITS));

/// Which numbers have been seen, of the last [`REPLAY_WINDOW_PACKETS`] (RFC 4303, §3.4.3).
#[derive(Clone, Debug)]
pub(super) struct ReplayWindow {
    /// 0: none yet.
    largest: u64,
    /// The bit of a number is at its remainder.
    seen: Box<[u64; WORDS]>,
}

/// What a number is to the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Fresh,
    Seen,
    /// Too far behind to be told from one that was seen.
    Behind,
}

impl ReplayWindow {
    pub(super) fn new() -> ReplayWindow {
        ReplayWindow {
            largest: 0,
            seen: Box::new([0; WORDS]),
        }
    }

    pub(super) fn look(&self, number: u64) -> Freshness {
        if number > self.largest {
            return Freshness::Fresh;
        }
        // Numbers begin at 1.
        if number == 0 || self.largest - number >= REPLAY_WINDOW_PACKETS {
            return Freshness::Behind;
        }
        let (word, bit) = place(number);
        if self.seen[word] & bit == 0 {
            Freshness::Fresh
        } else {
            Freshness::Seen
        }
    }

    /// Marks a fresh number whose packet has proved right.
    pub(super) fn mark(&mut self, number: u64) {
        if number > self.largest {
            let steps = (number - self.largest).min(REPLAY_WINDOW_PACKETS);
            for passed in 0..steps {
                let (word, bit) = place(number - passed);
                self.seen[word] &= !bit;
            }
            self.largest = number;
        }
        let (word, bit) = place(number);
        self.seen[word] |= bit;
    }
}

fn place(number: u64) -> (usize, u64) {
    let place = number % REPLAY_WINDOW_PACKETS;
    ((place / WORD_BITS) as usize, 1 << (place % WORD_BITS))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_window_ends_where_it_says() {
        let mut window = ReplayWindow::new();
        window.mark(REPLAY_WINDOW_PACKETS + 1);
        assert_eq!(window.look(1), Freshness::Behind);
        assert_eq!(window.look(2), Freshness::Fresh);
        assert_eq!(window.look(0), Freshness::Behind);
        assert_eq!(window.look(REPLAY_WINDOW_PACKETS + 1), Freshness::Seen);
        window.mark(u64::MAX);
        assert_eq!(window.look(u64::MAX), Freshness::Seen);
        assert_eq!(window.look(2), Freshness::Behind);
        assert_eq!(window.look(u64::MAX - 1), Freshness::Fresh);
    }

    proptest! {
        #[test]
        fn a_window_does_what_a_set_of_all_numbers_would(
            steps in proptest::collection::vec((0..3_u8, 0..2 * REPLAY_WINDOW_PACKETS), 1..300),
        ) {
            let (mut window, mut all, mut largest) = (ReplayWindow::new(), BTreeSet::new(), 0_u64);
            for (way, by) in steps {
                // Mostly near the largest, where numbers meet again.
                let number = match way {
                    0 => largest + 1 + by % 4,
                    1 => largest.saturating_sub(by % 8),
                    _ => (largest + REPLAY_WINDOW_PACKETS).saturating_sub(by),
                };
                let expected = if number == 0 || largest.saturating_sub(number) >= REPLAY_WINDOW_PACKETS {
                    Freshness::Behind
                } else if all.contains(&number) {
                    Freshness::Seen
                } else {
                    Freshness::Fresh
                };
                prop_assert_eq!(window.look(number), expected);
                if expected == Freshness::Fresh {
                    window.mark(number);
                    all.insert(number);
                    largest = largest.max(number);
                }
            }
        }
    }
}
