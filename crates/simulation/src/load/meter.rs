//! Reads what its node counts of packets and hellos that it did not trust.

use std::time::Duration;

use raftwire::{ClusterManager, DropReason};
use tokio::time::sleep;

use super::Place;
use crate::board::Phase;
use crate::fact::Event;

/// How often.
const READ_EVERY: Duration = Duration::from_millis(250);

/// Why a hello fails whose two sides know no secret in common.
const OTHER_SECRET: &str = "secret";

/// What is never counted where all nodes are honest, whatever a network loses, repeats and delays.
const DISTRUST: [DropReason; 4] = [
    DropReason::Malformed,
    DropReason::Unprotected,
    DropReason::UnknownKey,
    DropReason::Forged,
];

/// Reads until the process ends, and reports what is not nothing.
pub(super) async fn run(place: Place) {
    let mut before = Vec::new();
    while place.board.phase() < Phase::Resting {
        sleep(READ_EVERY).await;
        let counted = distrust(&place.manager);
        if counted != before {
            let process = place.process.clone();
            place
                .board
                .report(Event::Distrusted(process, counted.clone()));
            before = counted;
        }
    }
}

fn distrust(manager: &ClusterManager) -> Vec<(&'static str, u64)> {
    let metrics = manager.metrics();
    let refused = metrics.handshake_failures.iter();
    let refused = refused.filter(|failed| failed.reason == OTHER_SECRET);
    let refused = refused.map(|failed| ("hellos of another secret", failed.count));
    let dropped = metrics.dropped_packets.iter();
    let dropped = dropped.filter(|(reason, _)| DISTRUST.contains(reason));
    let dropped = dropped.map(|(reason, count)| (reason.as_str(), *count));
    refused
        .chain(dropped)
        .filter(|(_, count)| *count > 0)
        .collect()
}
