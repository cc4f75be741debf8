//! Where every chance of a simulation comes from.

use std::ops::Range;
use std::time::Duration;

use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

/// A stream of random numbers. A fixed algorithm, so that a seed means the same run for good.
///
/// Each purpose has a [stream](Dice::stream) of its own: drawing one number more for the load does
/// not change the faults.
#[derive(Clone, Debug)]
pub struct Dice {
    seed: u64,
    random: Xoshiro256PlusPlus,
}

impl Dice {
    /// The root of all streams of a seed.
    pub fn new(seed: u64) -> Dice {
        Dice {
            seed,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    /// A stream of its own for one purpose; it does not depend on what was drawn so far.
    pub fn stream(&self, purpose: &str) -> Dice {
        Dice::new(mix(self.seed, purpose))
    }

    /// A seed for something that has its own random numbers.
    pub fn seed(&mut self) -> u64 {
        self.random.next_u64()
    }

    /// A number of the range; its start if the range is empty.
    pub fn number(&mut self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return range.start;
        }
        self.random.random_range(range)
    }

    /// An index below `length`, which is not 0.
    pub fn index(&mut self, length: usize) -> usize {
        self.random.random_range(0..length)
    }

    /// One of a few.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }

    /// One of a few, each with its weight; the weights are not all 0.
    pub fn weighted<'a, T>(&mut self, of: &'a [(u64, T)]) -> &'a T {
        let total = of.iter().map(|(weight, _)| weight).sum();
        let mut left = self.number(0..total);
        for (weight, item) in of {
            if left < *weight {
                return item;
            }
            left -= weight;
        }
        &of[of.len() - 1].1
    }

    /// Whether something of this probability, in percent, happens.
    pub fn percent(&mut self, probability: u64) -> bool {
        self.number(0..100) < probability
    }

    /// A fraction of the range, such as a rate of loss.
    pub fn fraction(&mut self, range: Range<f64>) -> f64 {
        let fraction = self.number(0..1_000_000) as f64 / 1_000_000.0;
        (range.end - range.start).mul_add(fraction, range.start)
    }

    /// A duration of the range, in whole milliseconds.
    pub fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }
}

/// FNV-1a over the purpose, begun with the seed.
fn mix(seed: u64, purpose: &str) -> u64 {
    let begin = seed ^ 0xCBF2_9CE4_8422_2325;
    purpose.bytes().fold(begin, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_purpose_and_repeat_by_seed() {
        let draw = |seed, purpose| Dice::new(seed).stream(purpose).seed();

        assert_eq!(draw(1, "faults"), draw(1, "faults"));
        assert_ne!(draw(1, "faults"), draw(1, "load"));
        assert_ne!(draw(1, "faults"), draw(2, "faults"));
    }

    #[test]
    fn a_stream_does_not_depend_on_what_was_drawn_before() {
        let mut dice = Dice::new(7);
        let before = dice.stream("load").seed();
        dice.seed();

        assert_eq!(dice.stream("load").seed(), before);
    }

    #[test]
    fn weights_are_kept() {
        let mut dice = Dice::new(3);
        let options = [(9, "often"), (1, "seldom"), (0, "never")];

        let drawn: Vec<_> = (0..1_000).map(|_| *dice.weighted(&options)).collect();

        let often = drawn.iter().filter(|name| **name == "often").count();
        assert!((800..980).contains(&often), "{often}");
        assert!(!drawn.contains(&"never"));
    }
}
