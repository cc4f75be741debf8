//! Everything that is told, by theme.

mod clients;
mod consensus;
mod links;
mod messages;
mod node;
mod peers;

use std::fmt::Display;

use raftwire::{ClusterMetrics, PeerMetrics};

use super::Family;
use super::exposition::Samples;

/// Everything that is told, in the order of the text.
pub fn families() -> impl Iterator<Item = &'static Family> {
    let themes = [
        node::FAMILIES,
        clients::FAMILIES,
        messages::FAMILIES,
        consensus::FAMILIES,
        peers::FAMILIES,
        links::FAMILIES,
    ];
    themes.into_iter().flatten()
}

fn each_peer<V: Display>(
    metrics: &ClusterMetrics,
    samples: &mut Samples<'_>,
    value: fn(&PeerMetrics) -> Option<V>,
) {
    for peer in &metrics.peers {
        if let Some(value) = value(peer) {
            samples.push([peer.node.as_str()], value);
        }
    }
}
