//! What became of the messages of this node's senders.

use std::sync::atomic::{AtomicU64, Ordering};

use raftwire_protocol::MintedId;

use crate::{Happened, RouteOutcome};

/// As many as the table of connections has, and chosen by the same bits of an id: who routes to
/// different connections counts on different cache lines.
const SHARDS: usize = 16;

/// What can become of a message, in the order of the counters: the outcome's name, and whether it
/// happened. The last is a message that was sent and forgotten.
const OUTCOMES: [(&str, Happened); 13] = [
    ("delivered", Happened::Yes),
    ("written", Happened::Yes),
    ("not_found", Happened::No),
    ("unavailable", Happened::No),
    ("busy", Happened::No),
    ("too_large", Happened::No),
    ("refused", Happened::No),
    ("slow_consumer", Happened::No),
    ("node_down", Happened::No),
    ("node_lost", Happened::Unknown),
    ("deadline", Happened::No),
    ("deadline", Happened::Unknown),
    ("sent", Happened::Unknown),
];
const SENT: usize = OUTCOMES.len() - 1;

fn place_of(outcome: &RouteOutcome) -> usize {
    match outcome {
        RouteOutcome::Delivered => 0,
        RouteOutcome::Written => 1,
        RouteOutcome::NotFound => 2,
        RouteOutcome::Unavailable => 3,
        RouteOutcome::Busy { .. } => 4,
        RouteOutcome::TooLarge { .. } => 5,
        RouteOutcome::Refused => 6,
        RouteOutcome::SlowConsumer => 7,
        RouteOutcome::NodeDown { .. } => 8,
        RouteOutcome::NodeLost { .. } => 9,
        RouteOutcome::Deadline { transmitted: false } => 10,
        RouteOutcome::Deadline { transmitted: true } => 11,
    }
}

/// Where the connection of a message is, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Destination {
    /// At the node that routed it.
    Local,
    /// At another node.
    Remote,
}

impl Destination {
    const ALL: [Destination; 2] = [Destination::Local, Destination::Remote];

    /// The word used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Destination::Local => "local",
            Destination::Remote => "remote",
        }
    }
}

/// The messages of this node's senders that had the same outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoutedMessages {
    /// Where their connections are.
    pub to: Destination,
    /// The name of the outcome, as [`RouteOutcome::name`] has it; `sent` for a message that
    /// was handed to the link of another node by [`ClusterRouter::send`](crate::ClusterRouter::send),
    /// of which nobody learns more.
    pub outcome: &'static str,
    /// Whether they happened.
    pub happened: Happened,
    /// How many. A message whose sender dropped the future before it ended is not among them.
    pub count: u64,
    /// Their payload, in bytes.
    pub bytes: u64,
}

#[derive(Debug, Default)]
struct Counter {
    count: AtomicU64,
    bytes: AtomicU64,
}

/// Two lines of 64 bytes: the prefetcher of x86 fetches them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard([[Counter; OUTCOMES.len()]; Destination::ALL.len()]);

/// Counts messages by outcome.
#[derive(Debug, Default)]
pub(crate) struct RouteCounters {
    shards: [Shard; SHARDS],
}

impl RouteCounters {
    pub(crate) fn routed(
        &self,
        id: &MintedId,
        to: Destination,
        outcome: &RouteOutcome,
        bytes: usize,
    ) {
        self.add(id, to, place_of(outcome), bytes);
    }

    /// A message was sent and forgotten.
    pub(crate) fn sent(&self, id: &MintedId, to: Destination, bytes: usize) {
        let place = match to {
            // It is in the outbox: that much is known.
            Destination::Local => place_of(&RouteOutcome::Delivered),
            Destination::Remote => SENT,
        };
        self.add(id, to, place, bytes);
    }

    fn add(&self, id: &MintedId, to: Destination, place: usize, bytes: usize) {
        let shard = &self.shards[id.index() as usize % SHARDS];
        let counter = &shard.0[to as usize][place];
        counter.count.fetch_add(1, Ordering::Relaxed);
        counter.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Every outcome there can be, those that never were among them.
    pub(crate) fn snapshot(&self) -> Vec<RoutedMessages> {
        let mut all = Vec::with_capacity(Destination::ALL.len() * OUTCOMES.len());
        for to in Destination::ALL {
            for (place, (outcome, happened)) in OUTCOMES.into_iter().enumerate() {
                let counters = self.shards.iter().map(|shard| &shard.0[to as usize][place]);
                let (mut count, mut bytes) = (0, 0);
                for counter in counters {
                    count += counter.count.load(Ordering::Relaxed);
                    bytes += counter.bytes.load(Ordering::Relaxed);
                }
                all.push(RoutedMessages {
                    to,
                    outcome,
                    happened,
                    count,
                    bytes,
                });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use raftwire_protocol::{Boot, NodeId, Slot};

    use super::*;

    #[test]
    fn each_outcome_is_counted_under_its_own_name() {
        let node: NodeId = "node2".parse().unwrap();
        let outcomes = [
            RouteOutcome::Delivered,
            RouteOutcome::Written,
            RouteOutcome::NotFound,
            RouteOutcome::Unavailable,
            RouteOutcome::Busy {
                queue: crate::FullQueue::Peer,
            },
            RouteOutcome::TooLarge { limit_bytes: None },
            RouteOutcome::Refused,
            RouteOutcome::SlowConsumer,
            RouteOutcome::NodeDown { node: node.clone() },
            RouteOutcome::NodeLost { node, index: 1 },
            RouteOutcome::Deadline { transmitted: false },
            RouteOutcome::Deadline { transmitted: true },
        ];
        let counters = RouteCounters::default();
        let boot = Boot::new(1).expect("24 bits");
        for (index, outcome) in (0u32..).zip(&outcomes) {
            let id = MintedId::new(Slot::new(1), boot, index, 0, 0);
            counters.routed(&id, Destination::Remote, outcome, 10);
        }
        let counted: Vec<_> = counters
            .snapshot()
            .into_iter()
            .filter(|routed| routed.count > 0)
            .map(|routed| {
                (
                    routed.to,
                    routed.outcome,
                    routed.happened,
                    routed.count,
                    routed.bytes,
                )
            })
            .collect();
        let expected: Vec<_> = outcomes
            .iter()
            .map(|outcome| {
                (
                    Destination::Remote,
                    outcome.name(),
                    outcome.happened(),
                    1,
                    10,
                )
            })
            .collect();
        assert_eq!(counted, expected);
    }

    #[test]
    fn a_forgotten_message_is_delivered_here_and_only_sent_elsewhere() {
        let counters = RouteCounters::default();
        let id = MintedId::new(Slot::new(1), Boot::new(1).expect("24 bits"), 0, 0, 0);
        counters.sent(&id, Destination::Local, 3);
        counters.sent(&id, Destination::Remote, 4);
        let counted = counters.snapshot();
        let counted = counted.iter().filter(|routed| routed.count > 0);
        let counted: Vec<_> = counted
            .map(|routed| (routed.to, routed.outcome, routed.bytes))
            .collect();
        assert_eq!(
            counted,
            [
                (Destination::Local, "delivered", 3),
                (Destination::Remote, "sent", 4)
            ]
        );
    }
}
