//! What became of the messages of this node's senders.

use raftwire::{FanOuts, RoutedMessages};

use crate::metrics::exposition::Samples;
use crate::metrics::{Family, Figures, Kind};

pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "raftwire_messages_routed_total",
        kind: Kind::Counter,
        help: "Messages of this node's senders by where their connection is, what became of them, and whether that means that they arrived (yes, no, unknown).",
        labels: &["to", "outcome", "happened"],
        samples: |figures, samples| each_outcome(figures, samples, |routed| routed.count),
    },
    Family {
        name: "raftwire_messages_routed_bytes_total",
        kind: Kind::Counter,
        help: "Payload of the messages of this node's senders, in the same parts.",
        labels: &["to", "outcome", "happened"],
        samples: |figures, samples| each_outcome(figures, samples, |routed| routed.bytes),
    },
    Family {
        name: "raftwire_fan_outs_total",
        kind: Kind::Counter,
        help: "Messages of this node's senders to a user, a group or everyone, by whether every node said what became of them: yes, no, or that nobody asked (forgotten).",
        labels: &["audience", "complete"],
        samples: fan_outs,
    },
    Family {
        name: "raftwire_fan_out_connections_total",
        kind: Kind::Counter,
        help: "Connections that the messages to many of this node's senders found, by what became of the message there.",
        labels: &["audience", "outcome"],
        samples: fan_out_connections,
    },
    Family {
        name: "raftwire_fan_out_silent_nodes_total",
        kind: Kind::Counter,
        help: "Nodes that said nothing of a message to many, each time it happened, by whether their connections received it: no, or unknown.",
        labels: &["audience", "happened"],
        samples: fan_out_silent_nodes,
    },
    Family {
        name: "raftwire_parked_messages",
        kind: Kind::Gauge,
        help: "Messages that wait until this node has learnt who owns their connection.",
        labels: &[],
        samples: |figures, samples| samples.push([], figures.cluster.parked.messages),
    },
    Family {
        name: "raftwire_parked_bytes",
        kind: Kind::Gauge,
        help: "What the parked messages count for: payload, and a little for each.",
        labels: &[],
        samples: |figures, samples| samples.push([], figures.cluster.parked.bytes),
    },
];

fn each_outcome(
    figures: &Figures<'_>,
    samples: &mut Samples<'_>,
    value: fn(&RoutedMessages) -> u64,
) {
    for routed in &figures.cluster.routed {
        let labels = [routed.to.as_str(), routed.outcome, routed.happened.as_str()];
        samples.push(labels, value(routed));
    }
}

fn fan_outs(figures: &Figures<'_>, samples: &mut Samples<'_>) {
    let counts = |fans: &FanOuts| {
        [
            ("yes", fans.complete),
            ("no", fans.incomplete),
            ("forgotten", fans.forgotten),
        ]
    };
    each_audience(figures, samples, counts);
}

fn fan_out_connections(figures: &Figures<'_>, samples: &mut Samples<'_>) {
    let counts = |fans: &FanOuts| {
        [
            ("delivered", fans.counts.delivered),
            ("not_found", fans.counts.not_found),
            ("slow_consumer", fans.counts.slow_consumer),
            ("refused", fans.counts.refused),
        ]
    };
    each_audience(figures, samples, counts);
}

fn fan_out_silent_nodes(figures: &Figures<'_>, samples: &mut Samples<'_>) {
    let counts = |fans: &FanOuts| [("no", fans.missed_nodes), ("unknown", fans.unknown_nodes)];
    each_audience(figures, samples, counts);
}

fn each_audience<const N: usize>(
    figures: &Figures<'_>,
    samples: &mut Samples<'_>,
    counts: fn(&FanOuts) -> [(&'static str, u64); N],
) {
    for fans in &figures.cluster.fan_outs {
        for (word, count) in counts(fans) {
            samples.push([fans.audience, word], count);
        }
    }
}
