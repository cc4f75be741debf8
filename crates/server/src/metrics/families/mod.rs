//! Everything that is told, by theme.

mod clients;
mod consensus;
mod links;
mod messages;
mod node;
mod peers;

use std::fmt::Display;

use raftwire::PeerMetrics;

use super::exposition::Samples;
use super::{Family, Figures};

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
    figures: &Figures<'_>,
    samples: &mut Samples<'_>,
    value: fn(&PeerMetrics) -> Option<V>,
) {
    for peer in &figures.cluster.peers {
        if let Some(value) = value(peer) {
            samples.push([peer.node.as_str()], value);
        }
    }
}
