//! The clients of this node.

use crate::metrics::{Family, Kind};

pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "raftwire_connections",
        kind: Kind::Gauge,
        help: "Client connections of this node that are open.",
        labels: &[],
        samples: |metrics, samples| samples.push([], metrics.connections.open),
    },
    Family {
        name: "raftwire_connections_accepted_total",
        kind: Kind::Counter,
        help: "Client connections that this node has taken in.",
        labels: &[],
        samples: |metrics, samples| samples.push([], metrics.connections.accepted),
    },
    Family {
        name: "raftwire_connections_closed_total",
        kind: Kind::Counter,
        help: "Client connections of this node that have ended.",
        labels: &[],
        samples: |metrics, samples| samples.push([], metrics.connections.closed),
    },
];
