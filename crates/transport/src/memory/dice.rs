use std::ops::Range;
use std::time::Duration;

use raftwire_protocol::{Lane, NodeId};

/// The random numbers of one lane in one direction between two nodes.
///
/// Each direction has its own, so that what one node sends does not change the fate of what
/// another sends. SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
/// OOPSLA 2014): a fixed algorithm, so that a seed means the same run for good.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    state: u64,
}

impl Dice {
    pub(super) fn new(seed: u64, from: &NodeId, to: &NodeId, lane: Lane) -> Self {
        // FNV-1a over the names; 0xFF is in no name, so it separates them.
        let names = from.as_str().bytes().chain([0xFF]);
        let names = names
            .chain(to.as_str().bytes())
            .chain([0xFF, lane.number()]);
        let state = names.fold(seed ^ 0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        Self { state }
    }

    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Whether something of this probability happens this time.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        // 53 bits are what a double holds exactly.
        let fraction = (self.draw() >> 11) as f64 / (1_u64 << 53) as f64;
        fraction < probability
    }

    /// A duration of the range; its start if the range is empty.
    pub(super) fn duration(&mut self, range: &Range<Duration>) -> Duration {
        let width = range.end.saturating_sub(range.start).as_nanos();
        let width = u64::try_from(width).unwrap_or(u64::MAX);
        let draw = self.draw();
        match draw.checked_rem(width) {
            Some(nanos) => range.start + Duration::from_nanos(nanos),
            None => range.start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dice(seed: u64, from: &str, to: &str) -> Dice {
        Dice::new(
            seed,
            &from.parse().unwrap(),
            &to.parse().unwrap(),
            Lane::Data,
        )
    }

    #[test]
    fn same_seed_and_direction_draw_the_same_and_others_differ() {
        assert_eq!(dice(1, "a", "b").draw(), dice(1, "a", "b").draw());
        assert_ne!(dice(1, "a", "b").draw(), dice(2, "a", "b").draw());
        assert_ne!(dice(1, "a", "b").draw(), dice(1, "b", "a").draw());
        assert_ne!(dice(1, "ab", "c").draw(), dice(1, "a", "bc").draw());
    }

    #[test]
    fn probabilities_are_kept() {
        let mut dice = dice(3, "a", "b");
        let hits = (0..10_000).filter(|_| dice.happens(0.2)).count();

        assert!((1_800..2_200).contains(&hits), "{hits} of 10,000");
        assert!((0..1_000).all(|_| !dice.happens(0.0)));
        assert!((0..1_000).all(|_| dice.happens(1.0)));
    }

    #[test]
    fn durations_stay_within_the_range() {
        let mut dice = dice(4, "a", "b");
        let range = Duration::from_millis(1)..Duration::from_millis(3);
        for _ in 0..1_000 {
            assert!(range.contains(&dice.duration(&range)));
        }
        let empty = Duration::from_millis(5)..Duration::from_millis(5);
        assert_eq!(dice.duration(&empty), Duration::from_millis(5));
    }
}
