//! The clients of this node.

use crate::metrics::{Family, Kind};

pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "raftwire_connections",
        kind: Kind::Gauge,
        help: "Client connections of this node that are open.",
        labels: &[],
        samples: |figures, samples| samples.push([], figures.cluster.connections.open),
    },
    Family {
        name: "raftwire_connections_accepted_total",
        kind: Kind::Counter,
        help: "Client connections that this node has taken in.",
        labels: &[],
        samples: |figures, samples| samples.push([], figures.cluster.connections.accepted),
    },
    Family {
        name: "raftwire_connections_closed_total",
        kind: Kind::Counter,
        help: "Client connections of this node that have ended.",
        labels: &[],
        samples: |figures, samples| samples.push([], figures.cluster.connections.closed),
    },
    Family {
        name: "raftwire_connections_named",
        kind: Kind::Gauge,
        help: "Client connections of this node that have a name, or wait for one.",
        labels: &[],
        samples: |figures, samples| samples.push([], figures.cluster.names.local),
    },
    Family {
        name: "raftwire_openings_refused_total",
        kind: Kind::Counter,
        help: "WebSockets of clients that this node has not opened, by the code of its answer.",
        labels: &["reason"],
        samples: |figures, samples| {
            for (reason, count) in figures.clients.refusals() {
                samples.push([reason], count);
            }
        },
    },
    Family {
        name: "raftwire_websockets_ended_total",
        kind: Kind::Counter,
        help: "WebSockets of clients that have ended, by who ended them (this_node, client) and the close code: 1005 for a close without one, 1006 for an end without a close.",
        labels: &["by", "code"],
        samples: |figures, samples| {
            for (by, code, count) in figures.clients.endings() {
                samples.push([by, &code], count);
            }
        },
    },
    Family {
        name: "raftwire_websocket_bytes_total",
        kind: Kind::Counter,
        help: "Bytes of the frames of clients, headers included, without TLS and the opening handshake; up to 16 KiB of a connection are counted at its next ping.",
        labels: &["direction"],
        samples: |figures, samples| {
            for (direction, bytes) in figures.clients.bytes() {
                samples.push([direction], bytes);
            }
        },
    },
    Family {
        name: "raftwire_authentication_hook_seconds",
        kind: Kind::Histogram,
        help: "How long it took to ask the application who a client is, whatever came of it; a question that waits for others is under way as well.",
        labels: &[],
        samples: |figures, samples| samples.push_distribution(&figures.hook.time()),
    },
    Family {
        name: "raftwire_authentication_hook_failures_total",
        kind: Kind::Counter,
        help: "Questions to the application that it has not answered as it should, by reason; their clients were told to come later.",
        labels: &["reason"],
        samples: |figures, samples| {
            for (reason, count) in figures.hook.failures() {
                samples.push([reason], count);
            }
        },
    },
];
