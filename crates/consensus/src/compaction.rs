//! Takes a snapshot when the log has grown large. The engine counts entries, and an entry may be a
//! join of a hundred bytes or a full batch of names.

use std::time::Duration;

use tokio::time::sleep;

use crate::engine;
use crate::log::LogReader;
use crate::shared::Shared;

/// How often the log's size is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How many bytes of entries are applied between two snapshots: with what comes while one is
/// written, the log stays within some 100 MB of memory, and a restart reads it in a second.
const BYTES_BETWEEN_SNAPSHOTS: u64 = 32 * 1024 * 1024;

/// How many bytes of a state one byte of log may cause to be written: a large state has a snapshot less
/// often.
const STATE_BYTES_PER_BYTE: u64 = 2;

/// Bytes of a name in a snapshot, about.
const NAME_BYTES: u64 = 64;

/// Runs until the node ends.
pub(crate) async fn run(shared: &Shared, log: LogReader) {
    loop {
        sleep(LOOK).await;
        let report = engine::metrics(&shared.engine);
        let covered = report.snapshot.as_ref().map(|snapshot| snapshot.index);
        let state_bytes = shared.state().names() * NAME_BYTES;
        let limit = BYTES_BETWEEN_SNAPSHOTS.max(state_bytes / STATE_BYTES_PER_BYTE);
        let applied = report.last_applied.as_ref().map(|applied| applied.index);
        if applied > covered && log.bytes_after(covered) > limit {
            // An error says that the engine has stopped.
            let _ = shared.engine.trigger().snapshot().await;
        }
    }
}
