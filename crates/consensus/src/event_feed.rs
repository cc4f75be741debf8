//! The stream of cluster events.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::shared::Shared;
use crate::state::{ClusterEvent, ClusterState, changes};

/// How many events wait for their reader. Beyond that nothing is lost: the feed waits, and then
/// goes on from the newest state.
pub(crate) const EVENTS_MAX: usize = 1024;

/// Sends what changed between the last state that was told and the newest, until nobody listens.
pub(crate) async fn run(shared: &Shared, events: mpsc::Sender<ClusterEvent>) {
    let mut states = shared.published.state.subscribe();
    let mut statuses = shared.published.status.subscribe();
    let mut told = Arc::new(ClusterState::default());
    let mut told_leader = (None, 0);
    loop {
        let state = states.borrow_and_update().clone();
        let leader = {
            let status = statuses.borrow_and_update();
            (status.leader.clone(), status.term)
        };
        let mut news = changes(&told, &state);
        if leader.0 != told_leader.0 || (leader.0.is_some() && leader.1 != told_leader.1) {
            let (leader, term) = leader.clone();
            news.push(ClusterEvent::LeaderChanged { leader, term });
        }
        for event in news {
            if events.send(event).await.is_err() {
                return;
            }
        }
        told = state;
        told_leader = leader;
        let ended = tokio::select! {
            biased;
            changed = states.changed() => changed.is_err(),
            changed = statuses.changed() => changed.is_err(),
        };
        if ended {
            return;
        }
    }
}
