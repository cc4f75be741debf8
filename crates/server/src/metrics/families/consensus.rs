//! What is agreed on, as this node knows it.

use raftwire::Role;

use crate::metrics::exposition::Samples;
use crate::metrics::{Family, Figures, Kind};

pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "raftwire_raft_term",
        kind: Kind::Gauge,
        help: "The Raft term that this node is in.",
        labels: &[],
        samples: |figures, samples| samples.push([], figures.cluster.consensus.term),
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
        samples: |figures, samples| samples.push([], u8::from(figures.cluster.consensus.is_leader)),
    },
    Family {
        name: "raftwire_raft_leader_changes_total",
        kind: Kind::Counter,
        help: "How often this node has learnt of another leader, the first one included.",
        labels: &[],
        samples: |figures, samples| samples.push([], figures.cluster.consensus.leader_changes),
    },
    Family {
        name: "raftwire_raft_last_log_index",
        kind: Kind::Gauge,
        help: "The index of the last entry of this node's log.",
        labels: &[],
        samples: |figures, samples| samples.push([], figures.cluster.consensus.last_log_index),
    },
    Family {
        name: "raftwire_raft_applied_index",
        kind: Kind::Gauge,
        help: "The index of the last entry that this node has applied.",
        labels: &[],
        samples: |figures, samples| samples.push([], figures.cluster.consensus.applied_index),
    },
    Family {
        name: "raftwire_raft_voters",
        kind: Kind::Gauge,
        help: "How many nodes vote, as this node knows it.",
        labels: &[],
        samples: |figures, samples| samples.push([], figures.cluster.consensus.voters),
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
        samples: |figures, samples| {
            samples.push([], figures.cluster.consensus.lease_left.as_secs_f64())
        },
    },
    Family {
        name: "raftwire_names",
        kind: Kind::Gauge,
        help: "Names that mean a connection anywhere in the cluster, as this node knows it; none at an edge, which does not hold them.",
        labels: &[],
        samples: |figures, samples| {
            if let Some(registered) = figures.cluster.names.registered {
                samples.push([], registered);
            }
        },
    },
    Family {
        name: "raftwire_names_limit",
        kind: Kind::Gauge,
        help: "How many names the cluster may have; none before this node knows its cluster.",
        labels: &[],
        samples: |figures, samples| {
            if let Some(limit) = figures.cluster.names.limit {
                samples.push([], limit);
            }
        },
    },
];

fn roles(figures: &Figures<'_>, samples: &mut Samples<'_>) {
    for (name, role) in [
        ("learner", Role::Learner),
        ("follower", Role::Follower),
        ("candidate", Role::Candidate),
        ("leader", Role::Leader),
        ("stopped", Role::Stopped),
    ] {
        samples.push([name], u8::from(figures.cluster.consensus.role == role));
    }
}

fn members(figures: &Figures<'_>, samples: &mut Samples<'_>) {
    samples.push(["alive"], figures.cluster.consensus.members_alive);
    samples.push(["dead"], figures.cluster.consensus.members_dead);
}
