//! What tests do to a node beside its public surface.

use std::time::Duration;

use raftwire_protocol::Incarnation;

use super::RaftNode;
use crate::command::{Command, Outcome};
use crate::engine::{metrics, seeded};
use crate::proposer;

/// Proposes a command as this node's own tasks do.
pub async fn propose(node: &RaftNode, command: &Command, deadline: Duration) -> Option<Outcome> {
    let running = node.running.get()?;
    seeded(
        node.seed,
        proposer::propose(&running.shared, command, deadline),
    )
    .await
    .ok()
}

/// Makes the node look names up elsewhere, as one without the log does, or not any more.
pub fn set_has_log(node: &RaftNode, has_log: bool) {
    if let Some(running) = node.running.get() {
        running.shared.names.set_has_log(has_log);
    }
}

/// How many questions the node's lookups have asked the leader.
pub fn lookup_rounds(node: &RaftNode) -> u64 {
    let running = node.running.get();
    running.map_or(0, |running| running.shared.names.reads.rounds())
}

/// Whether the state holds names of the dead.
pub fn has_names_to_sweep(node: &RaftNode) -> bool {
    node.published.state.borrow().names_to_sweep().is_some()
}

/// How many names the node has lost without having acknowledged it, as its own state says.
pub fn unacknowledged_losses(node: &RaftNode) -> usize {
    let membership = *node.published.membership.borrow();
    membership.map_or(0, |own| {
        let state = node.published.state.borrow();
        state.lost_names(own.incarnation, 0).count()
    })
}

/// How many losses of an incarnation's names this node's state keeps.
pub fn losses_of(node: &RaftNode, incarnation: Incarnation) -> usize {
    let state = node.published.state.borrow();
    state.lost_names(incarnation, 0).count()
}

/// Writes a snapshot of everything applied, and removes the entries before it from the log.
pub async fn compact(node: &RaftNode) -> Option<()> {
    let running = node.running.get()?;
    let engine = &running.shared.engine;
    let upto = metrics(engine).last_applied?.index;
    engine.trigger().snapshot().await.ok()?;
    let wait = engine.wait(Some(Duration::from_secs(5)));
    wait.metrics(
        |report| {
            report
                .snapshot
                .is_some_and(|snapshot| snapshot.index >= upto)
        },
        "a snapshot",
    )
    .await
    .ok()?;
    engine.trigger().purge_log(upto).await.ok()?;
    let wait = engine.wait(Some(Duration::from_secs(5)));
    wait.metrics(
        |report| report.purged.is_some_and(|purged| purged.index >= upto),
        "a purge",
    )
    .await
    .ok()?;
    Some(())
}
