//! Everything that is told.

use std::fmt::Display;

use raftwire::{ClusterMetrics, FanOuts, LaneMetrics, PeerMetrics, Role, RoutedMessages};

use super::exposition::Samples;
use super::{Family, Kind};

/// Everything that is told, in the order of the text.
pub static FAMILIES: &[Family] = &[
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
        samples: |metrics, samples| samples.push([], u8::from(metrics.is_ready)),
    },
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
    Family {
        name: "raftwire_messages_routed_total",
        kind: Kind::Counter,
        help: "Messages of this node's senders by where their connection is, what became of them, and whether that means that they arrived (yes, no, unknown).",
        labels: &["to", "outcome", "happened"],
        samples: |metrics, samples| each_outcome(metrics, samples, |routed| routed.count),
    },
    Family {
        name: "raftwire_messages_routed_bytes_total",
        kind: Kind::Counter,
        help: "Payload of the messages of this node's senders, in the same parts.",
        labels: &["to", "outcome", "happened"],
        samples: |metrics, samples| each_outcome(metrics, samples, |routed| routed.bytes),
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
        samples: |metrics, samples| samples.push([], metrics.parked.messages),
    },
    Family {
        name: "raftwire_parked_bytes",
        kind: Kind::Gauge,
        help: "What the parked messages count for: payload, and a little for each.",
        labels: &[],
        samples: |metrics, samples| samples.push([], metrics.parked.bytes),
    },
    Family {
        name: "raftwire_raft_term",
        kind: Kind::Gauge,
        help: "The Raft term that this node is in.",
        labels: &[],
        samples: |metrics, samples| samples.push([], metrics.consensus.term),
    },
    Family {
        name: "raftwire_raft_role",
        kind: Kind::Gauge,
        help: "1 for what this node is in the consensus at the moment, 0 for the rest.",
        labels: &["role"],
        samples: roles,
    },
    Family {
        name: "raftwire_raft_leader",
        kind: Kind::Gauge,
        help: "1 while this node leads, acknowledged by a quorum within its lease.",
        labels: &[],
        samples: |metrics, samples| samples.push([], u8::from(metrics.consensus.is_leader)),
    },
    Family {
        name: "raftwire_raft_leader_changes_total",
        kind: Kind::Counter,
        help: "How often this node has learnt of another leader, the first one included.",
        labels: &[],
        samples: |metrics, samples| samples.push([], metrics.consensus.leader_changes),
    },
    Family {
        name: "raftwire_raft_last_log_index",
        kind: Kind::Gauge,
        help: "The index of the last entry of this node's log.",
        labels: &[],
        samples: |metrics, samples| samples.push([], metrics.consensus.last_log_index),
    },
    Family {
        name: "raftwire_raft_applied_index",
        kind: Kind::Gauge,
        help: "The index of the last entry that this node has applied.",
        labels: &[],
        samples: |metrics, samples| samples.push([], metrics.consensus.applied_index),
    },
    Family {
        name: "raftwire_raft_voters",
        kind: Kind::Gauge,
        help: "How many nodes vote, as this node knows it.",
        labels: &[],
        samples: |metrics, samples| samples.push([], metrics.consensus.voters),
    },
    Family {
        name: "raftwire_members",
        kind: Kind::Gauge,
        help: "Members of the cluster by whether it holds them alive or dead.",
        labels: &["state"],
        samples: members,
    },
    Family {
        name: "raftwire_lease_remaining_seconds",
        kind: Kind::Gauge,
        help: "What is left of this node's lease; 0 while it is fenced.",
        labels: &[],
        samples: |metrics, samples| samples.push([], metrics.consensus.lease_left.as_secs_f64()),
    },
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
        samples: |metrics, samples| each_lane(metrics, samples, |lane| u64::from(lane.is_up)),
    },
    Family {
        name: "raftwire_channels_opened_total",
        kind: Kind::Counter,
        help: "Authenticated channels of this lane to the peer that there have been.",
        labels: &["peer", "lane"],
        samples: |metrics, samples| each_lane(metrics, samples, |lane| lane.opened),
    },
    Family {
        name: "raftwire_control_round_trip_seconds",
        kind: Kind::Gauge,
        help: "The smoothed round trip of questions to the peer; none before the first.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| {
                Some(peer.control_round_trip?.as_secs_f64())
            })
        },
    },
    Family {
        name: "raftwire_link_round_trip_seconds",
        kind: Kind::Gauge,
        help: "The smoothed round trip of the link with the peer; none before it was measured.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| {
                Some(peer.link.round_trip?.as_secs_f64())
            })
        },
    },
    Family {
        name: "raftwire_link_waiting_messages",
        kind: Kind::Gauge,
        help: "Messages that wait for the task of the link with the peer.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.waiting_messages))
        },
    },
    Family {
        name: "raftwire_link_waiting_bytes",
        kind: Kind::Gauge,
        help: "Payload that waits for the task of the link with the peer.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.waiting_bytes))
        },
    },
    Family {
        name: "raftwire_link_queued_messages",
        kind: Kind::Gauge,
        help: "Messages to the peer that have no result yet.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.queued_messages))
        },
    },
    Family {
        name: "raftwire_link_queued_bytes",
        kind: Kind::Gauge,
        help: "Bytes of the messages to the peer that have no result yet.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.queued_bytes))
        },
    },
    Family {
        name: "raftwire_link_in_flight_segments",
        kind: Kind::Gauge,
        help: "Segments to the peer that were sent and are not acknowledged.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.in_flight_segments))
        },
    },
    Family {
        name: "raftwire_link_in_flight_bytes",
        kind: Kind::Gauge,
        help: "Bytes of the segments to the peer that were sent and are not acknowledged.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.in_flight_bytes))
        },
    },
    Family {
        name: "raftwire_link_packets_sent_total",
        kind: Kind::Counter,
        help: "Packets of the link to the peer.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.packets_sent))
        },
    },
    Family {
        name: "raftwire_link_sent_bytes_total",
        kind: Kind::Counter,
        help: "Bytes of the packets of the link to the peer, headers included.",
        labels: &["peer"],
        samples: |metrics, samples| each_peer(metrics, samples, |peer| Some(peer.link.bytes_sent)),
    },
    Family {
        name: "raftwire_link_packets_refused_total",
        kind: Kind::Counter,
        help: "Packets to the peer that the transport did not take; what they carried is sent again.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.packets_refused))
        },
    },
    Family {
        name: "raftwire_link_packets_received_total",
        kind: Kind::Counter,
        help: "Packets of the peer that the link took in.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.packets_received))
        },
    },
    Family {
        name: "raftwire_link_received_bytes_total",
        kind: Kind::Counter,
        help: "Bytes of the packets of the peer that the link took in, headers included.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.bytes_received))
        },
    },
    Family {
        name: "raftwire_link_segments_sent_total",
        kind: Kind::Counter,
        help: "Segments to the peer that were sent for the first time.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.segments_sent))
        },
    },
    Family {
        name: "raftwire_link_segments_retransmitted_total",
        kind: Kind::Counter,
        help: "Segments to the peer that were sent again.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.segments_resent))
        },
    },
    Family {
        name: "raftwire_link_retransmitted_bytes_total",
        kind: Kind::Counter,
        help: "Payload of the segments to the peer that were sent again.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.bytes_resent))
        },
    },
    Family {
        name: "raftwire_link_segments_duplicate_total",
        kind: Kind::Counter,
        help: "Segments of the peer that had arrived before.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.segments_duplicate))
        },
    },
    Family {
        name: "raftwire_link_messages_received_total",
        kind: Kind::Counter,
        help: "Messages of the peer that this node took in.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.messages_received))
        },
    },
    Family {
        name: "raftwire_link_messages_refused_total",
        kind: Kind::Counter,
        help: "Messages of the peer that this node did not take in: no such connection, a full outbox.",
        labels: &["peer"],
        samples: |metrics, samples| {
            each_peer(metrics, samples, |peer| Some(peer.link.messages_refused))
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

fn each_outcome(
    metrics: &ClusterMetrics,
    samples: &mut Samples<'_>,
    value: fn(&RoutedMessages) -> u64,
) {
    for routed in &metrics.routed {
        let labels = [routed.to.as_str(), routed.outcome, routed.happened.as_str()];
        samples.push(labels, value(routed));
    }
}

fn fan_outs(metrics: &ClusterMetrics, samples: &mut Samples<'_>) {
    let counts = |fans: &FanOuts| {
        [
            ("yes", fans.complete),
            ("no", fans.incomplete),
            ("forgotten", fans.forgotten),
        ]
    };
    each_audience(metrics, samples, counts);
}

fn fan_out_connections(metrics: &ClusterMetrics, samples: &mut Samples<'_>) {
    let counts = |fans: &FanOuts| {
        [
            ("delivered", fans.counts.delivered),
            ("not_found", fans.counts.not_found),
            ("slow_consumer", fans.counts.slow_consumer),
            ("refused", fans.counts.refused),
        ]
    };
    each_audience(metrics, samples, counts);
}

fn fan_out_silent_nodes(metrics: &ClusterMetrics, samples: &mut Samples<'_>) {
    let counts = |fans: &FanOuts| [("no", fans.missed_nodes), ("unknown", fans.unknown_nodes)];
    each_audience(metrics, samples, counts);
}

fn each_audience<const N: usize>(
    metrics: &ClusterMetrics,
    samples: &mut Samples<'_>,
    counts: fn(&FanOuts) -> [(&'static str, u64); N],
) {
    for fans in &metrics.fan_outs {
        for (word, count) in counts(fans) {
            samples.push([fans.audience, word], count);
        }
    }
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

fn each_lane(metrics: &ClusterMetrics, samples: &mut Samples<'_>, value: fn(&LaneMetrics) -> u64) {
    for peer in &metrics.peers {
        for (name, lane) in [("control", &peer.control), ("data", &peer.data)] {
            samples.push([peer.node.as_str(), name], value(lane));
        }
    }
}

fn roles(metrics: &ClusterMetrics, samples: &mut Samples<'_>) {
    for (name, role) in [
        ("learner", Role::Learner),
        ("follower", Role::Follower),
        ("candidate", Role::Candidate),
        ("leader", Role::Leader),
        ("stopped", Role::Stopped),
    ] {
        samples.push([name], u8::from(metrics.consensus.role == role));
    }
}

fn members(metrics: &ClusterMetrics, samples: &mut Samples<'_>) {
    samples.push(["alive"], metrics.consensus.members_alive);
    samples.push(["dead"], metrics.consensus.members_dead);
}

fn unreachable_pairs(metrics: &ClusterMetrics, samples: &mut Samples<'_>) {
    if metrics.consensus.leader.is_none() {
        return;
    }
    for peer in metrics.peers.iter().filter(|peer| peer.is_alive) {
        let pair = [metrics.node.as_str(), peer.node.as_str()];
        samples.push(pair, u8::from(peer.is_unreachable()));
    }
}

fn handshake_failures(metrics: &ClusterMetrics, samples: &mut Samples<'_>) {
    for failed in &metrics.handshake_failures {
        let by = if failed.by_peer { "peer" } else { "this_node" };
        samples.push([failed.reason, by], failed.count);
    }
}

fn dropped_packets(metrics: &ClusterMetrics, samples: &mut Samples<'_>) {
    for (reason, count) in &metrics.dropped_packets {
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
