//! The links with the other nodes, which carry the messages.

use super::each_peer;
use crate::metrics::{Family, Kind};

pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "raftwire_link_round_trip_seconds",
        kind: Kind::Gauge,
        help: "The smoothed round trip of the link with the peer; none before it was measured.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| {
                Some(peer.link.round_trip?.as_secs_f64())
            })
        },
    },
    Family {
        name: "raftwire_link_waiting_messages",
        kind: Kind::Gauge,
        help: "Messages that wait for the task of the link with the peer.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.waiting_messages))
        },
    },
    Family {
        name: "raftwire_link_waiting_bytes",
        kind: Kind::Gauge,
        help: "Payload that waits for the task of the link with the peer.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.waiting_bytes))
        },
    },
    Family {
        name: "raftwire_link_queued_messages",
        kind: Kind::Gauge,
        help: "Messages to the peer that have no result yet.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.queued_messages))
        },
    },
    Family {
        name: "raftwire_link_queued_bytes",
        kind: Kind::Gauge,
        help: "Bytes of the messages to the peer that have no result yet.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.queued_bytes))
        },
    },
    Family {
        name: "raftwire_link_in_flight_segments",
        kind: Kind::Gauge,
        help: "Segments to the peer that were sent and are not acknowledged.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.in_flight_segments))
        },
    },
    Family {
        name: "raftwire_link_in_flight_bytes",
        kind: Kind::Gauge,
        help: "Bytes of the segments to the peer that were sent and are not acknowledged.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.in_flight_bytes))
        },
    },
    Family {
        name: "raftwire_link_packets_sent_total",
        kind: Kind::Counter,
        help: "Packets of the link to the peer.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.packets_sent))
        },
    },
    Family {
        name: "raftwire_link_sent_bytes_total",
        kind: Kind::Counter,
        help: "Bytes of the packets of the link to the peer, headers included.",
        labels: &["peer"],
        samples: |figures, samples| each_peer(figures, samples, |peer| Some(peer.link.bytes_sent)),
    },
    Family {
        name: "raftwire_link_packets_refused_total",
        kind: Kind::Counter,
        help: "Packets to the peer that the transport did not take; what they carried is sent again.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.packets_refused))
        },
    },
    Family {
        name: "raftwire_link_packets_received_total",
        kind: Kind::Counter,
        help: "Packets of the peer that the link took in.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.packets_received))
        },
    },
    Family {
        name: "raftwire_link_received_bytes_total",
        kind: Kind::Counter,
        help: "Bytes of the packets of the peer that the link took in, headers included.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.bytes_received))
        },
    },
    Family {
        name: "raftwire_link_segments_sent_total",
        kind: Kind::Counter,
        help: "Segments to the peer that were sent for the first time.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.segments_sent))
        },
    },
    Family {
        name: "raftwire_link_segments_retransmitted_total",
        kind: Kind::Counter,
        help: "Segments to the peer that were sent again.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.segments_resent))
        },
    },
    Family {
        name: "raftwire_link_retransmitted_bytes_total",
        kind: Kind::Counter,
        help: "Payload of the segments to the peer that were sent again.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.bytes_resent))
        },
    },
    Family {
        name: "raftwire_link_segments_duplicate_total",
        kind: Kind::Counter,
        help: "Segments of the peer that had arrived before.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.segments_duplicate))
        },
    },
    Family {
        name: "raftwire_link_messages_received_total",
        kind: Kind::Counter,
        help: "Messages of the peer that this node took in.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.messages_received))
        },
    },
    Family {
        name: "raftwire_link_messages_refused_total",
        kind: Kind::Counter,
        help: "Messages of the peer that this node did not take in: no such connection, a full outbox.",
        labels: &["peer"],
        samples: |figures, samples| {
            each_peer(figures, samples, |peer| Some(peer.link.messages_refused))
        },
    },
];
