//! One direction of a transport in virtual time: it loses, repeats, reorders and refuses as its weather says.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// A small generator (SplitMix64), so that a case is its seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// How a lane treats its packets.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// Percent of the packets that vanish.
    pub(crate) loss: u64,
    /// Percent that arrive twice.
    pub(crate) duplicate: u64,
    /// Percent that the transport does not take.
    pub(crate) refuse: u64,
    /// How long they take, in microseconds; each draws anew, so a wide range reorders.
    pub(crate) delay_us: Range<u64>,
}

impl Weather {
    pub(crate) fn clear(delay_us: u64) -> Weather {
        Weather {
            loss: 0,
            duplicate: 0,
            refuse: 0,
            delay_us: delay_us..delay_us + 1,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) weather: Weather,
    /// Nothing arrives, and the sender does not notice.
    pub(crate) cut: bool,
    random: Random,
    on_the_way: BTreeMap<(Instant, u64), Bytes>,
    count: u64,
}

impl Lane {
    pub(crate) fn new(weather: Weather, seed: u64) -> Lane {
        Lane {
            weather,
            cut: false,
            random: Random(seed),
            on_the_way: BTreeMap::new(),
            count: 0,
        }
    }

    /// Whether the transport takes the next packet.
    pub(crate) fn takes(&mut self) -> bool {
        !self.random.percent(self.weather.refuse)
    }

    pub(crate) fn put(&mut self, packet: Bytes, now: Instant) {
        let copies = 1 + u32::from(self.random.percent(self.weather.duplicate));
        for _ in 0..copies {
            let Range { start, end } = self.weather.delay_us;
            let delay = Duration::from_micros(start + self.random.below(end - start));
            if self.cut || self.random.percent(self.weather.loss) {
                continue;
            }
            self.count += 1;
            self.on_the_way
                .insert((now + delay, self.count), packet.clone());
        }
    }

    pub(crate) fn arrives_at(&self) -> Option<Instant> {
        self.on_the_way.keys().next().map(|(at, _)| *at)
    }

    pub(crate) fn take(&mut self, now: Instant) -> Option<Bytes> {
        let first = self.on_the_way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// What is on its way is lost with the channel.
    pub(crate) fn clear(&mut self) {
        self.on_the_way.clear();
    }
}
