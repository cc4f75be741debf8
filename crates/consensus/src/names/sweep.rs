//! The leader clears away what the dead have left of their names.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::command::Command;
use crate::leader::leads;
use crate::shared::Shared;

/// How many rows one entry clears away: applying it takes every voter about a millisecond.
const SWEPT_ROWS_MAX: u32 = 1_024;

/// How long a sweep waits to be committed before it is proposed again, which does no harm.
const SWEEP: Duration = Duration::from_secs(1);

/// The pause after a sweep that was not committed.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs until the node ends.
pub(crate) async fn run(shared: &Shared) {
    let mut states = shared.published.state.subscribe();
    let mut statuses = shared.published.status.subscribe();
    loop {
        let to_sweep = states.borrow_and_update().names_to_sweep();
        statuses.borrow_and_update();
        if let Some(incarnation) = to_sweep
            && leads(shared)
        {
            let sweep = Command::SweepNames {
                incarnation,
                rows_max: SWEPT_ROWS_MAX,
            };
            if !matches!(
                timeout(SWEEP, shared.engine.client_write(sweep)).await,
                Ok(Ok(_))
            ) {
                sleep(PAUSE).await;
            }
            continue;
        }
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
