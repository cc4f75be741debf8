//! Probes the ways from one node to all others.

use std::time::Duration;

use raftwire::{Happened, RouteOptions};
use tokio::time::sleep;

use super::stamp::Stamp;
use super::{LOOK, Place, payload};
use crate::board::Phase;
use crate::fact::Event;

/// How long a probe may take. Shorter than a lease by far: a way that takes longer is not there.
const PROBE_DEADLINE: Duration = Duration::from_secs(1);

/// How often each way is probed.
const PROBE_EVERY: Duration = Duration::from_millis(100);

/// The number under which probes are sent; load senders count from 0.
const SENDER: u64 = 1_000;

/// Bytes of a probe.
const PROBE_BYTES: usize = 50;

/// Probes while the cluster recovers.
pub(super) async fn run(place: Place) {
    while place.board.phase() < Phase::Recovering {
        sleep(LOOK).await;
    }
    let mut stamp = Stamp::new(place.clone(), SENDER);
    while place.board.phase() == Phase::Recovering && place.board.may_send(&place.process) {
        for (node, connection) in place.board.probes() {
            let number = place.board.next_message();
            let id = stamp.send(number, connection.clone(), Some(PROBE_DEADLINE));
            let place = place.clone();
            place.board.route_begins(&place.process);
            place.environment.clone().spawn("probe", async move {
                let options = RouteOptions::default().deadline(PROBE_DEADLINE);
                let frame = payload::frame(number, PROBE_BYTES);
                let outcome = place
                    .manager
                    .router()
                    .route_with(&connection, frame, options)
                    .await;
                if outcome.happened() == Happened::Yes {
                    place.board.probed(&place.process.node, &node);
                }
                place.board.report(Event::Answered(id, outcome));
                place.board.route_ends(&place.process);
            });
        }
        sleep(PROBE_EVERY).await;
    }
}
