use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_protocol::{Lane, NodeId};

use super::dice::Dice;
use super::{LinkProfile, MemoryStatistics};

/// A packet that is held back takes up to this many times the largest delay more.
const REORDER_DELAY_FACTOR: u32 = 4;

/// The least range of that extra time: with no delay at all nothing would pass anything.
const REORDER_DELAY_MIN: Duration = Duration::from_millis(4);

/// One direction: from, to.
type Direction = (NodeId, NodeId);

/// What becomes of packets: profiles, cuts and chance.
#[derive(Debug)]
pub(super) struct Weather {
    seed: u64,
    default_profile: LinkProfile,
    profiles: BTreeMap<Direction, LinkProfile>,
    /// Cut directions, each with the number of its cut.
    cuts: BTreeMap<Direction, u64>,
    cuts_made: u64,
    dice: BTreeMap<(NodeId, NodeId, Lane), Dice>,
    pub(super) statistics: MemoryStatistics,
}

/// What becomes of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lost,
    Arrives {
        delay: Duration,
        /// Whether it stays behind the packets that were sent before it.
        ordered: bool,
        /// How long a second copy takes, if there is one.
        copy: Option<Duration>,
    },
}

impl Weather {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            default_profile: LinkProfile::default(),
            profiles: BTreeMap::new(),
            cuts: BTreeMap::new(),
            cuts_made: 0,
            dice: BTreeMap::new(),
            statistics: MemoryStatistics::default(),
        }
    }

    pub(super) fn set_default_profile(&mut self, profile: LinkProfile) {
        self.default_profile = profile;
    }

    pub(super) fn set_profile(&mut self, from: &NodeId, to: &NodeId, profile: LinkProfile) {
        self.profiles.insert((from.clone(), to.clone()), profile);
    }

    pub(super) fn clear_profiles(&mut self) {
        self.profiles.clear();
        self.default_profile = LinkProfile::default();
    }

    /// Cuts one direction and returns the number of the cut.
    pub(super) fn cut(&mut self, from: &NodeId, to: &NodeId) -> u64 {
        self.cuts_made += 1;
        self.cuts.insert((from.clone(), to.clone()), self.cuts_made);
        self.cuts_made
    }

    pub(super) fn heal(&mut self, from: &NodeId, to: &NodeId) {
        self.cuts.remove(&(from.clone(), to.clone()));
    }

    pub(super) fn heal_all(&mut self) {
        self.cuts.clear();
    }

    pub(super) fn is_cut(&self, from: &NodeId, to: &NodeId) -> bool {
        self.cuts.contains_key(&(from.clone(), to.clone()))
    }

    pub(super) fn is_cut_either_way(&self, a: &NodeId, b: &NodeId) -> bool {
        self.is_cut(a, b) || self.is_cut(b, a)
    }

    /// Whether this very cut still stands, in one of the two directions.
    pub(super) fn stands(&self, cut: u64, a: &NodeId, b: &NodeId) -> bool {
        let direction = |from: &NodeId, to: &NodeId| self.cuts.get(&(from.clone(), to.clone()));
        direction(a, b) == Some(&cut) || direction(b, a) == Some(&cut)
    }

    /// Draws how long something takes that is never lost: the news of a new channel, or of an end.
    pub(super) fn delay(&mut self, from: &NodeId, to: &NodeId, lane: Lane) -> Duration {
        let profile = self.profile(from, to);
        self.dice(from, to, lane).duration(&profile.delay)
    }

    /// Draws what becomes of a packet, and counts it.
    pub(super) fn fate(&mut self, from: &NodeId, to: &NodeId, lane: Lane) -> Fate {
        let profile = self.profile(from, to);
        let dice = self.dice(from, to, lane);
        let lost = dice.happens(profile.loss);
        let reordered = dice.happens(profile.reorder);
        let duplicated = dice.happens(profile.duplicate);
        let mut delay = dice.duration(&profile.delay);
        let largest = profile.delay.start.max(profile.delay.end);
        let held_back = Duration::ZERO..(largest * REORDER_DELAY_FACTOR).max(REORDER_DELAY_MIN);
        if reordered {
            delay += dice.duration(&held_back);
        }
        let copy = duplicated.then(|| delay + dice.duration(&held_back));

        if lost {
            self.statistics.lost += 1;
            return Fate::Lost;
        }
        self.statistics.reordered += u64::from(reordered);
        Fate::Arrives {
            delay,
            ordered: !reordered,
            copy,
        }
    }

    fn profile(&self, from: &NodeId, to: &NodeId) -> LinkProfile {
        self.profiles
            .get(&(from.clone(), to.clone()))
            .unwrap_or(&self.default_profile)
            .clone()
    }

    fn dice(&mut self, from: &NodeId, to: &NodeId, lane: Lane) -> &mut Dice {
        self.dice
            .entry((from.clone(), to.clone(), lane))
            .or_insert_with(|| Dice::new(self.seed, from, to, lane))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeId {
        name.parse().unwrap()
    }

    #[test]
    fn default_profile_keeps_every_packet_in_order() {
        let mut weather = Weather::new(1);
        for _ in 0..1_000 {
            let fate = weather.fate(&node("a"), &node("b"), Lane::Data);
            assert!(
                matches!(
                    fate,
                    Fate::Arrives {
                        ordered: true,
                        copy: None,
                        ..
                    }
                ),
                "{fate:?}"
            );
        }
    }

    #[test]
    fn profile_is_that_of_the_direction() {
        let mut weather = Weather::new(1);
        let profile = LinkProfile {
            loss: 1.0,
            ..LinkProfile::default()
        };
        weather.set_profile(&node("a"), &node("b"), profile);

        let there = weather.fate(&node("a"), &node("b"), Lane::Data);
        let back = weather.fate(&node("b"), &node("a"), Lane::Data);

        assert_eq!(there, Fate::Lost);
        assert_ne!(back, Fate::Lost);
        assert_eq!(weather.statistics.lost, 1);
    }

    #[test]
    fn fates_are_the_same_for_the_same_seed() {
        let fates = |seed| {
            let mut weather = Weather::new(seed);
            weather.set_default_profile(LinkProfile::bad());
            (0..100)
                .map(|_| weather.fate(&node("a"), &node("b"), Lane::Data))
                .collect::<Vec<_>>()
        };

        assert_eq!(fates(5), fates(5));
        assert_ne!(fates(5), fates(6));
    }

    #[test]
    fn cut_stands_until_healed_and_a_later_one_is_another() {
        let mut weather = Weather::new(1);
        let (a, b) = (node("a"), node("b"));
        let first = weather.cut(&a, &b);
        assert!(weather.is_cut(&a, &b));
        assert!(!weather.is_cut(&b, &a));
        assert!(weather.stands(first, &b, &a));

        weather.heal(&a, &b);
        let second = weather.cut(&a, &b);

        assert!(!weather.stands(first, &a, &b));
        assert!(weather.stands(second, &a, &b));
    }
}
