//! The orderly end.

use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver as _;
use raftwire_protocol::RaftId;
use tokio::time::timeout;

use super::{RaftNode, Running, lock};
use crate::command::Command;
use crate::engine::{self, Metrics, seeded};
use crate::leader;
use crate::proposer::propose;
use crate::shared::Shared;
use crate::status::Role;

/// How long a leader waits for its successor: an election on request takes a few round trips.
const HANDOVER: Duration = Duration::from_secs(1);

/// How long the farewell may take to be committed.
const LEAVE: Duration = Duration::from_millis(1_500);

/// How long the engine and the log may take to end.
const SHUTDOWN: Duration = Duration::from_millis(500);

/// A successor whose log is this close to the leader's needs no time to catch up.
const SUCCESSOR_ENTRIES_BEHIND: u64 = 16;

impl RaftNode {
    /// Leaves in order: the lease ends, another voter takes the lead if this one has it, the log
    /// says that the node has stopped (its seat stays), and the engine ends. It takes at most three
    /// seconds, whatever the others do; if they do not hear of it, the lease tells them.
    ///
    /// # Cancel safety
    ///
    /// Not safe: some of these steps may not have been taken.
    pub async fn stop(&self) {
        let Some(running) = self.running.get() else {
            return;
        };
        // From here on nothing renews, joins, founds or declares anybody dead.
        for task in lock(&running.tasks).drain(..) {
            task.abort();
        }
        seeded(self.seed, leave(&running.shared)).await;
        end(running).await;
    }
}

async fn leave(shared: &Shared) {
    let state = shared.state();
    let own = shared
        .own_row(&state)
        .filter(|row| row.is_alive())
        .map(|row| row.incarnation);
    shared.published.lease.belongs_to(None);
    shared.published.leadership.set(None);
    if leader::leads(shared) {
        // It cannot be waited for longer than this, and the others elect by themselves.
        let _ = timeout(HANDOVER, hand_over(shared)).await;
    }
    if let Some(incarnation) = own {
        let leave = Command::Leave {
            node: shared.options.node.clone(),
            incarnation,
        };
        if let Err(error) = propose(shared, &leave, LEAVE).await {
            tracing::info!(node = %shared.options.node, %error, "stopped without a farewell");
        }
    }
}

/// Asks the best successor to take over, until somebody else leads.
async fn hand_over(shared: &Shared) {
    let mut metrics = shared.engine.metrics();
    let own = shared.raft_id.get();
    let Some(successor) = successor(shared, &engine::metrics(&shared.engine)) else {
        return;
    };
    if shared
        .engine
        .trigger()
        .transfer_leader(successor.get())
        .await
        .is_err()
    {
        return;
    }
    loop {
        let leader = metrics.borrow_watched().current_leader;
        if leader.is_some_and(|leader| leader != own) || metrics.changed().await.is_err() {
            return;
        }
    }
}

/// The living voter with the longest log; the smallest id among equals.
fn successor(shared: &Shared, report: &Metrics) -> Option<RaftId> {
    let state = shared.state();
    let last = report.last_log_index.unwrap_or(0);
    let replication = report.replication.as_ref()?;
    let mut candidates: Vec<(u64, u64)> = report
        .membership_config
        .voter_ids()
        .filter(|voter| *voter != shared.raft_id.get())
        .filter(|voter| {
            state
                .members
                .values()
                .any(|row| row.raft_id.get() == *voter && row.is_alive())
        })
        .filter_map(|voter| {
            let behind = last.saturating_sub((*replication.get(&voter)?)?.index);
            (behind <= SUCCESSOR_ENTRIES_BEHIND).then_some((behind, voter))
        })
        .collect();
    candidates.sort_unstable();
    candidates.first().map(|(_, voter)| RaftId::new(*voter))
}

async fn end(running: &Running) {
    let ended = timeout(SHUTDOWN, async {
        // An error says that the engine's task had panicked; it has ended, then.
        let _ = running.shared.engine.shutdown().await;
        let log_end = lock(&running.log_end).take();
        if let Some(log_end) = log_end {
            log_end.reached().await;
        }
    });
    let ended = ended.await;
    running.shared.published.status.send_modify(|status| {
        status.role = Role::Stopped;
        status.leader = None;
    });
    if ended.is_err() {
        tracing::warn!(node = %running.shared.options.node, "the engine did not end in time");
    }
}
