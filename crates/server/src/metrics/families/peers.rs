//! How this node reaches the others, and whom it refuses.

use raftwire::LaneMetrics;

use super::each_peer;
use crate::metrics::exposition::Samples;
use crate::metrics::{Family, Figures, Kind};

pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "raftwire_unreachable_pair",
        kind: Kind::Gauge,
        help: "1 for a living member (to) to which this node (from) has had no control channel or no data channel for 30 s, 0 for one that it reaches. None where no leader is known: the dead cannot be told apart then.",
        labels: &["from", "to"],
        samples: unreachable_pairs,
    },
    Family {
        name: "raftwire_channel_up",
        kind: Kind::Gauge,
        help: "1 while there is an authenticated channel of this lane to the peer.",
        labels: &["peer", "lane"],
        samples: |figures, samples| each_lane(figures, samples, |lane| u64::from(lane.is_up)),
    },
    Family {
        name: "raftwire_channels_opened_total",
        kind: Kind::Counter,
        help: "Authenticated channels of this lane to the peer that there have been.",
        labels: &["peer", "lane"],
        samples: |figures, samples| each_lane(figures, samples, |lane| lane.opened),
    },
    Family {
        name: "raftwire_control_round_trip_seconds",
        kind: Kind::Gauge,
        help: "The smoothed round trip of questions to the peer; none before the first.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| {
                Some(peer.control_round_trip?.as_secs_f64())
            })
        },
    },
    Family {
        name: "raftwire_handshake_failures_total",
        kind: Kind::Counter,
        help: "Hellos with other nodes that failed, by reason and by who refused (this_node, peer).",
        labels: &["reason", "by"],
        samples: handshake_failures,
    },
    Family {
        name: "raftwire_packets_dropped_total",
        kind: Kind::Counter,
        help: "Packets of other nodes that were dropped; what a link carries is sent again, so no message is lost by it.",
        labels: &["reason"],
        samples: dropped_packets,
    },
];

fn each_lane(figures: &Figures<'_>, samples: &mut Samples<'_>, value: fn(&LaneMetrics) -> u64) {
    for peer in &figures.cluster.peers {
        for (name, lane) in [("control", &peer.control), ("data", &peer.data)] {
            samples.push([peer.node.as_str(), name], value(lane));
        }
    }
}

fn unreachable_pairs(figures: &Figures<'_>, samples: &mut Samples<'_>) {
    if figures.cluster.consensus.leader.is_none() {
        return;
    }
    for peer in figures.cluster.peers.iter().filter(|peer| peer.is_alive) {
        let pair = [figures.cluster.node.as_str(), peer.node.as_str()];
        samples.push(pair, u8::from(peer.is_unreachable()));
    }
}

fn handshake_failures(figures: &Figures<'_>, samples: &mut Samples<'_>) {
    for failed in &figures.cluster.handshake_failures {
        let by = if failed.by_peer { "peer" } else { "this_node" };
        samples.push([failed.reason, by], failed.count);
    }
}

fn dropped_packets(figures: &Figures<'_>, samples: &mut Samples<'_>) {
    for (reason, count) in &figures.cluster.dropped_packets {
        samples.push([reason.as_str()], count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_says_after_how_long_a_pair_counts_as_cut() {
        let named = |family: &&Family| family.name == "raftwire_unreachable_pair";
        let help = FAMILIES.iter().find(named).expect("told").help;
        let seconds = raftwire::UNREACHABLE_AFTER.as_secs();
        assert!(help.contains(&format!(" {seconds} s,")), "{help}");
    }
}
