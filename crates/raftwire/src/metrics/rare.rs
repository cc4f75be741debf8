//! What a healthy node never counts: refused hellos, dropped packets. And changes of the leader.

use std::sync::atomic::{AtomicU64, Ordering};

use raftwire_link::session::{RefusalCode, Side};

/// Why a packet of another node was dropped. What a link carries is repeated until it arrives, so
/// this is no loss of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DropReason {
    /// It is no packet.
    Malformed,
    /// The channel that it came by has not proved itself.
    BeforeHello,
    /// It names another session, or another lane, than the channel that it came by.
    ForeignSession,
    /// No packet of its kind belongs on its lane.
    UnexpectedKind,
    /// The queue to the peer's task is full.
    QueueFull,
    /// It is of an incarnation that this node had not heard of in time.
    Early,
    /// The link refused it: it is of another session or incarnation, or contradicts what was sent.
    Link,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [DropReason; 7] = [
        DropReason::Malformed,
        DropReason::BeforeHello,
        DropReason::ForeignSession,
        DropReason::UnexpectedKind,
        DropReason::QueueFull,
        DropReason::Early,
        DropReason::Link,
    ];

    /// The word used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::Malformed => "malformed",
            DropReason::BeforeHello => "before_hello",
            DropReason::ForeignSession => "foreign_session",
            DropReason::UnexpectedKind => "unexpected_kind",
            DropReason::QueueFull => "queue_full",
            DropReason::Early => "early",
            DropReason::Link => "link",
        }
    }
}

/// Why hellos fail. What a later version refuses for is the last.
const FAILURES: [(Option<RefusalCode>, &str); 10] = [
    (Some(RefusalCode::ClusterName), "cluster_name"),
    (Some(RefusalCode::Version), "version"),
    (Some(RefusalCode::Secret), "secret"),
    (Some(RefusalCode::OwnSession), "own_session"),
    (Some(RefusalCode::NodeIdMismatch), "node_id_mismatch"),
    (Some(RefusalCode::DuplicateNodeId), "duplicate_node_id"),
    (Some(RefusalCode::Superseded), "superseded"),
    (Some(RefusalCode::Malformed), "malformed"),
    (Some(RefusalCode::Timeout), "timeout"),
    (None, "other"),
];

/// Hellos that failed for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeFailures {
    /// The reason, in snake case.
    pub reason: &'static str,
    /// Whether it was the peer that refused.
    pub by_peer: bool,
    /// How many.
    pub count: u64,
}

/// Counters of what is rare: one set a node.
#[derive(Debug, Default)]
pub(crate) struct NodeCounters {
    drops: [AtomicU64; DropReason::ALL.len()],
    failures: [[AtomicU64; FAILURES.len()]; 2],
    leader_changes: AtomicU64,
}

impl NodeCounters {
    pub(crate) fn dropped(&self, reason: DropReason) {
        self.drops[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn hello_failed(&self, code: RefusalCode, by: Side) {
        let known = FAILURES.iter().position(|(known, _)| *known == Some(code));
        let place = known.unwrap_or(FAILURES.len() - 1);
        let by_peer = usize::from(matches!(by, Side::Peer));
        self.failures[by_peer][place].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leader_changed(&self) {
        self.leader_changes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leader_changes(&self) -> u64 {
        self.leader_changes.load(Ordering::Relaxed)
    }

    pub(crate) fn drops(&self) -> Vec<(DropReason, u64)> {
        let count = |reason: DropReason| self.drops[reason as usize].load(Ordering::Relaxed);
        DropReason::ALL
            .map(|reason| (reason, count(reason)))
            .to_vec()
    }

    pub(crate) fn failures(&self) -> Vec<HandshakeFailures> {
        let both = [false, true].into_iter();
        both.flat_map(|by_peer| {
            let counts = &self.failures[usize::from(by_peer)];
            FAILURES
                .iter()
                .zip(counts)
                .map(move |((_, reason), count)| HandshakeFailures {
                    reason,
                    by_peer,
                    count: count.load(Ordering::Relaxed),
                })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_in_the_order_of_their_counters() {
        for (place, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{}", reason.as_str());
        }
    }

    #[test]
    fn a_reason_that_this_version_does_not_know_is_another() {
        let counters = NodeCounters::default();
        counters.hello_failed(RefusalCode::Other(77), Side::Peer);
        counters.hello_failed(RefusalCode::Secret, Side::Us);
        let counted = counters
            .failures()
            .into_iter()
            .filter(|failed| failed.count > 0);
        let counted: Vec<_> = counted
            .map(|failed| (failed.reason, failed.by_peer))
            .collect();
        assert_eq!(counted, [("secret", false), ("other", true)]);
    }
}
