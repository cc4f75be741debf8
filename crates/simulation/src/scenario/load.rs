//! What clients and senders do while things go wrong.

use std::ops::Range;

use raftwire::OutboxPolicy;

use crate::dice::Dice;

/// The load of a scenario.
#[derive(Clone, Debug)]
pub struct Load {
    /// Client sockets that each node keeps open.
    pub clients_per_node: u64,
    /// Connections of users and groups that each node keeps open.
    pub crowd_per_node: u64,
    /// The most milliseconds between two messages of a node to everyone; 0: none is sent.
    pub broadcast_ms_max: u64,
    /// Tasks on each node that send messages.
    pub senders_per_node: u64,
    /// Milliseconds between two messages of a sender.
    pub pause_ms: Range<u64>,
    /// What an outbox holds.
    pub outbox_bytes_max: usize,
    /// What happens when it is full.
    pub outbox_policy: OutboxPolicy,
    /// Share of messages of up to 400 KiB, in percent.
    pub large_percent: u64,
    /// Names that connections get, lose and take from each other; 0: none.
    pub names: u64,
    /// Share of messages that are for a name rather than an id, in percent.
    pub named_percent: u64,
    /// Share of clients that are slow, stall or hang up, in percent.
    pub unruly_percent: u64,
}

impl Load {
    /// Draws a load.
    pub fn draw(dice: &mut Dice) -> Load {
        let policies = [
            (5, OutboxPolicy::Close),
            (3, OutboxPolicy::Refuse),
            (2, OutboxPolicy::DropOldest),
        ];
        let slowest = *dice.weighted(&[(3, 20), (4, 60), (3, 200)]);
        Load {
            clients_per_node: dice.number(2..6),
            senders_per_node: dice.number(1..3),
            pause_ms: 1..slowest,
            outbox_bytes_max: *dice.pick(&[64 << 10, 256 << 10, 1 << 20]),
            outbox_policy: *dice.weighted(&policies),
            large_percent: *dice.pick(&[0, 1, 3]),
            unruly_percent: *dice.pick(&[0, 30, 60]),
            // Last, so that it changes nothing else that is drawn.
            crowd_per_node: dice.number(1..4),
            broadcast_ms_max: *dice.stream("broadcasts").pick(&[0, 500, 2_000]),
            names: *dice.weighted(&[(3, 0), (4, 4), (3, 12)]),
            named_percent: *dice.pick(&[10, 30]),
        }
    }
}

/// What one client does with what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Reads at once.
    Quick,
    /// Waits so many milliseconds before it reads again.
    Slow(u64),
    /// Reads nothing from then on, for so long; both in milliseconds.
    Stalls {
        /// When it stops reading, after it connected.
        after_ms: u64,
        /// How long.
        for_ms: u64,
    },
    /// Its socket ends so many milliseconds after it connected.
    HangsUp(u64),
}

impl Habit {
    /// Whether the client reads whatever there is at once, for as long as it is connected.
    pub fn reads_at_once(self) -> bool {
        matches!(self, Habit::Quick | Habit::HangsUp(_))
    }

    /// Draws what a client does; `unruly_percent` of them are trouble.
    pub fn draw(dice: &mut Dice, unruly_percent: u64) -> Habit {
        if !dice.percent(unruly_percent) {
            return Habit::Quick;
        }
        match dice.number(0..4) {
            0 => Habit::Slow(dice.number(2..300)),
            1 => Habit::Stalls {
                after_ms: dice.number(10..5_000),
                for_ms: dice.number(1_000..15_000),
            },
            _ => Habit::HangsUp(dice.number(50..15_000)),
        }
    }
}
