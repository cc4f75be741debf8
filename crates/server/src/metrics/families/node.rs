//! What the process is.

use crate::metrics::{Family, Kind};

pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "raftwire_build_info",
        kind: Kind::Gauge,
        help: "Always 1; the label is the version of the server.",
        labels: &["version"],
        samples: |_, samples| samples.push([env!("CARGO_PKG_VERSION")], 1),
    },
    Family {
        name: "raftwire_node_ready",
        kind: Kind::Gauge,
        help: "1 while the node may serve: it is a member, its lease holds, and it does not stop.",
        labels: &[],
        samples: |figures, samples| samples.push([], u8::from(figures.cluster.is_ready)),
    },
];
