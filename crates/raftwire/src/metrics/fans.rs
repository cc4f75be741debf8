//! What became of the messages for many connections.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use raftwire_protocol::NodeId;

use crate::{Audience, FanCounts, FanOutcome, RouteOutcome};

/// The kinds of audiences, in the order of the counters.
const KINDS: [&str; 3] = ["user", "group", "everyone"];

fn place_of(audience: &Audience) -> usize {
    match audience {
        Audience::User(_) => 0,
        Audience::Group(_) => 1,
        Audience::Everyone => 2,
    }
}

/// The fan-outs of this node's senders to one kind of audience.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FanOuts {
    /// The word for the audience: `user`, `group` or `everyone`.
    pub audience: &'static str,
    /// Those of which every node said what became of them.
    pub complete: u64,
    /// Those that a node is known to have missed, or said nothing of, and those that were sent while this
    /// node was fenced.
    pub incomplete: u64,
    /// Those that were sent and forgotten.
    pub forgotten: u64,
    /// The connections that were found, by what became of the message.
    pub counts: FanCounts,
    /// How often a node is known to have missed one.
    pub missed_nodes: u64,
    /// How often a node did not say what became of one.
    pub unknown_nodes: u64,
}

/// One line of the cache each: a fan-out costs many times more.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counters {
    complete: AtomicU64,
    incomplete: AtomicU64,
    forgotten: AtomicU64,
    delivered: AtomicU64,
    not_found: AtomicU64,
    slow_consumer: AtomicU64,
    refused: AtomicU64,
    missed_nodes: AtomicU64,
    unknown_nodes: AtomicU64,
}

fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// Counts fan-outs by audience and outcome. A fan-out whose sender dropped the future before it ended is
/// not among them.
#[derive(Debug, Default)]
pub(crate) struct FanCounters {
    kinds: [Counters; KINDS.len()],
}

impl FanCounters {
    pub(crate) fn answered(&self, audience: &Audience, outcome: &FanOutcome) {
        let counters = &self.kinds[place_of(audience)];
        let ended = if outcome.is_complete() {
            &counters.complete
        } else {
            &counters.incomplete
        };
        add(ended, 1);
        add(&counters.delivered, outcome.counts.delivered);
        add(&counters.not_found, outcome.counts.not_found);
        add(&counters.slow_consumer, outcome.counts.slow_consumer);
        add(&counters.refused, outcome.counts.refused);
        add(&counters.missed_nodes, outcome.missed.len() as u64);
        add(&counters.unknown_nodes, outcome.unknown.len() as u64);
    }

    pub(crate) fn forgotten(&self, audience: &Audience, missed: &BTreeMap<NodeId, RouteOutcome>) {
        let counters = &self.kinds[place_of(audience)];
        add(&counters.forgotten, 1);
        add(&counters.missed_nodes, missed.len() as u64);
    }

    /// Each kind of audience once.
    pub(crate) fn snapshot(&self) -> Vec<FanOuts> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let each = KINDS.iter().zip(&self.kinds);
        each.map(|(audience, counters)| FanOuts {
            audience,
            complete: load(&counters.complete),
            incomplete: load(&counters.incomplete),
            forgotten: load(&counters.forgotten),
            counts: FanCounts {
                delivered: load(&counters.delivered),
                not_found: load(&counters.not_found),
                slow_consumer: load(&counters.slow_consumer),
                refused: load(&counters.refused),
            },
            missed_nodes: load(&counters.missed_nodes),
            unknown_nodes: load(&counters.unknown_nodes),
        })
        .collect()
    }
}
