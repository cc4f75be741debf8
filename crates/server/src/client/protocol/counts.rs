use std::collections::BTreeMap;

use raftwire::{FanOutcome, NodeId, RouteOutcome};
use serde::{Deserialize, Serialize};

/// What became of a message to many connections, as clients and callers of the HTTP API read it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Connections in whose outbox it is.
    pub delivered: u64,
    /// Connections that it did not reach, by outcome.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<String, u64>,
    /// The nodes none of whose connections it reached, with the outcome.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missed_nodes: BTreeMap<String, String>,
    /// The nodes of which it is not known whether it reached their connections, with the outcome.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown_nodes: BTreeMap<String, String>,
    /// The sending node was cut off: nodes that it had not heard of are not among these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fenced: bool,
}

impl From<&FanOutcome> for Counts {
    fn from(outcome: &FanOutcome) -> Counts {
        let counts = &outcome.counts;
        let failed = [
            (RouteOutcome::NotFound, counts.not_found),
            (RouteOutcome::SlowConsumer, counts.slow_consumer),
            (RouteOutcome::Refused, counts.refused),
        ];
        let failed = failed.into_iter().filter(|(_, count)| *count > 0);
        Counts {
            delivered: counts.delivered,
            failed: failed
                .map(|(outcome, count)| (outcome.name().to_owned(), count))
                .collect(),
            missed_nodes: named(&outcome.missed),
            unknown_nodes: named(&outcome.unknown),
            fenced: outcome.is_fenced,
        }
    }
}

fn named(nodes: &BTreeMap<NodeId, RouteOutcome>) -> BTreeMap<String, String> {
    let nodes = nodes.iter();
    nodes
        .map(|(node, outcome)| (node.to_string(), outcome.name().to_owned()))
        .collect()
}
