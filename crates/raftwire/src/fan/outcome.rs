//! What became of a fan-out.

use std::collections::BTreeMap;
use std::fmt;

use raftwire_protocol::NodeId;

use crate::RouteOutcome;
use crate::connection::Undeliverable;

/// What one node says of a fan-out: its counts, or why there are none.
pub(crate) type FanReply = Result<FanCounts, RouteOutcome>;

/// Connections by what became of the message, as their nodes counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FanCounts {
    /// It is in the outbox of that many connections.
    pub delivered: u64,
    /// That many connections ended while it was on its way to them.
    pub not_found: u64,
    /// The outboxes of that many connections were full.
    pub slow_consumer: u64,
    /// That many did not accept it.
    pub refused: u64,
}

impl FanCounts {
    /// All connections that were found.
    pub fn total(&self) -> u64 {
        self.delivered + self.not_found + self.slow_consumer + self.refused
    }

    pub(crate) fn count(&mut self, result: Result<(), Undeliverable>) {
        let count = match result {
            Ok(()) => &mut self.delivered,
            Err(Undeliverable::NotFound) => &mut self.not_found,
            Err(Undeliverable::SlowConsumer) => &mut self.slow_consumer,
            Err(Undeliverable::Refused) => &mut self.refused,
        };
        *count += 1;
    }

    pub(crate) fn add(&mut self, other: &FanCounts) {
        self.delivered += other.delivered;
        self.not_found += other.not_found;
        self.slow_consumer += other.slow_consumer;
        self.refused += other.refused;
    }
}

/// What became of one message for many connections.
///
/// A node is in at most one of the two maps, and its connections are counted only if it is in neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FanOutcome {
    /// The connections of all nodes that answered.
    pub counts: FanCounts,
    /// The nodes none of whose connections received it, and why.
    pub missed: BTreeMap<NodeId, RouteOutcome>,
    /// The nodes of which it is not known whether their connections received it: they died with the
    /// message in flight, or did not answer by the deadline.
    pub unknown: BTreeMap<NodeId, RouteOutcome>,
    /// This node was without a lease when it sent: there may be nodes that it has not heard of, which
    /// are in no map and did not get it.
    pub is_fenced: bool,
}

impl FanOutcome {
    /// Whether every node there is said what became of it.
    pub fn is_complete(&self) -> bool {
        self.missed.is_empty() && self.unknown.is_empty() && !self.is_fenced
    }

    pub(crate) fn add(&mut self, node: NodeId, reply: FanReply) {
        match reply {
            Ok(counts) => self.counts.add(&counts),
            Err(outcome) if outcome.happened() == crate::Happened::No => {
                self.missed.insert(node, outcome);
            }
            Err(outcome) => {
                self.unknown.insert(node, outcome);
            }
        }
    }
}

impl fmt::Display for FanOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FanCounts {
            delivered,
            not_found,
            slow_consumer,
            refused,
        } = self.counts;
        write!(f, "delivered {delivered}")?;
        let failed = [
            ("not found", not_found),
            ("slow consumer", slow_consumer),
            ("refused", refused),
        ];
        for (name, count) in failed.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, ", {name} {count}")?;
        }
        for (node, outcome) in &self.missed {
            write!(f, "; {node} did not receive it: {outcome}")?;
        }
        for (node, outcome) in &self.unknown {
            write!(f, "; {node} may have received it: {outcome}")?;
        }
        if self.is_fenced {
            f.write_str(
                "; nodes that this one has not heard of, as it was cut off, did not receive it",
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_without_an_answer_are_named_by_what_is_known() {
        let [dead, lost] = ["dead", "lost"].map(|node| node.parse::<NodeId>().expect("a node id"));
        let down = RouteOutcome::NodeDown { node: dead.clone() };
        let in_flight = RouteOutcome::NodeLost {
            node: lost.clone(),
            index: 7,
        };
        let mut outcome = FanOutcome::default();
        let counts = FanCounts {
            delivered: 2,
            refused: 1,
            ..FanCounts::default()
        };
        outcome.add("well".parse().expect("a node id"), Ok(counts));
        assert!(outcome.is_complete());

        outcome.add(dead.clone(), Err(down.clone()));
        outcome.add(lost.clone(), Err(in_flight.clone()));

        assert_eq!(outcome.counts, counts);
        assert_eq!(outcome.missed, BTreeMap::from([(dead, down)]));
        assert_eq!(outcome.unknown, BTreeMap::from([(lost, in_flight)]));
        assert_eq!(
            outcome.to_string(),
            "delivered 2, refused 1; dead did not receive it: node dead is down; lost may have received it: \
             node lost was declared dead at log index 7 with the message in flight"
        );
    }
}
