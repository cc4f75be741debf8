//! Tells of the names that were taken from this node's connections, in the order of the log.
//!
//! The state keeps each loss until this node has acknowledged it, and it is acknowledged only once it
//! was handed on; so none is missed, however slow the reader is.

use raftwire_protocol::Incarnation;
use tokio::sync::mpsc;

use crate::shared::Shared;
use crate::state::{ClusterState, LostName};

/// How many losses are taken out of the state at once.
const AT_ONCE: usize = 1_024;

/// Runs until the node ends. It goes by this node's own replica of the names.
pub(crate) async fn run(shared: &Shared, losses: mpsc::Sender<LostName>) {
    let mut states = shared.published.state.subscribe();
    let mut told = (Incarnation::NONE, 0);
    loop {
        let state = states.borrow_and_update().clone();
        let own = shared.own_row(&state).filter(|row| row.is_alive());
        if let Some(incarnation) = own.map(|row| row.incarnation) {
            if told.0 != incarnation {
                told = (incarnation, 0);
            }
            // The feed has told of some, while this node had no seat.
            let (of, upto) = *shared.names.handed.borrow();
            if of == incarnation {
                told.1 = told.1.max(upto);
            }
            while let Some((upto, lost)) = next_losses(&state, told) {
                for loss in lost {
                    // Nobody listens: then nobody can be told, and the state need not keep it.
                    let _ = losses.send(loss).await;
                }
                told.1 = upto;
                shared.names.handed.send_replace(told);
            }
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

/// Losses after what was told, of whole entries, and the index of the last of these.
fn next_losses(
    state: &ClusterState,
    (incarnation, told): (Incarnation, u64),
) -> Option<(u64, Vec<LostName>)> {
    let mut upto = None;
    let mut lost = Vec::new();
    for (index, loss) in state.lost_names(incarnation, told) {
        if lost.len() >= AT_ONCE && upto != Some(index) {
            break;
        }
        upto = Some(index);
        lost.push(loss.clone());
    }
    Some((upto?, lost))
}
