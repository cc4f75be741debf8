//! Turns the engine's reports into what others watch.

use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::errors::Fatal;
use raftwire_environment::BootTime;
use raftwire_protocol::NodeId;
use tokio::time::timeout;

use crate::engine::Metrics;
use crate::feed;
use crate::leader::quorum_acknowledged;
use crate::shared::Shared;
use crate::status::{RaftStatus, Role};

/// How often it is looked at what changes without a report: that there has been none for long.
const LOOK: Duration = Duration::from_millis(500);

/// Follows the engine's reports until the node ends.
pub(crate) async fn follow_engine(shared: &Shared) {
    let mut metrics = shared.engine.metrics();
    let mut wakefulness = Wakefulness::default();
    let mut lease = LeaseLog::default();
    loop {
        let report = metrics.borrow_watched().clone();
        publish_leadership(shared, &report, &mut wakefulness);
        publish(shared, &report);
        lease.look(shared);
        // Not within the time: then it is looked at again all the same.
        if let Ok(Err(_)) = timeout(LOOK, metrics.changed()).await {
            publish_end(shared, &report).await;
            return;
        }
    }
}

/// Says in the log when this member loses its lease, and when it has it again.
#[derive(Debug, Default)]
struct LeaseLog {
    had: bool,
    is_lost: bool,
}

impl LeaseLog {
    fn look(&mut self, shared: &Shared) {
        let node = &shared.options.node;
        let holds = shared.published.lease.view().holds(shared.now());
        // One that has left, or whose engine has stopped, has lost nothing.
        let is_member = shared.published.membership.borrow().is_some()
            && shared.published.status.borrow().role != Role::Stopped;
        if self.had && !holds && is_member {
            self.is_lost = true;
            tracing::warn!(
                %node,
                "the lease has ended: this node is fenced until a leader with a majority renews it"
            );
        } else if holds && std::mem::take(&mut self.is_lost) {
            tracing::info!(%node, "the lease is back");
        }
        self.had = holds;
    }
}

/// Follows the applied state: which membership is ours, and whose lease we hold.
pub(crate) async fn follow_membership(shared: &Shared) {
    let mut states = shared.published.state.subscribe();
    loop {
        let state = states.borrow_and_update().clone();
        let membership = shared
            .own_row(&state)
            .filter(|row| row.is_alive())
            .map(|row| row.membership());
        shared
            .published
            .lease
            .belongs_to(membership.map(|membership| membership.incarnation));
        shared.published.membership.send_if_modified(|current| {
            let changed = *current != membership;
            *current = membership;
            changed
        });
        if state.cluster_id.is_some() {
            shared.cluster_known.send_replace(true);
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

fn publish_leadership(shared: &Shared, report: &Metrics, wakefulness: &mut Wakefulness) {
    let (now, boot) = (shared.environment.now(), shared.now());
    let asleep_until = wakefulness.observe(now, boot);
    let until = quorum_acknowledged(shared, report).and_then(|acknowledged| {
        let alone = report
            .membership_config
            .voter_ids()
            .eq([shared.raft_id.get()]);
        if alone {
            // The only voter has nobody to lose its leadership to.
            return Some(BootTime::new(Duration::MAX));
        }
        let awake = asleep_until.is_none_or(|asleep_until| acknowledged > asleep_until);
        awake.then(|| acknowledged + shared.options.timings.leadership())
    });
    shared.published.leadership.set(until);
}

/// Notices that the machine was suspended: then the boot-time clock has run on, and the monotonic
/// clock, on which the engine dates what a quorum acknowledged, has not.
#[derive(Debug, Default)]
pub(crate) struct Wakefulness {
    last: Option<(Instant, BootTime)>,
    asleep_until: Option<BootTime>,
}

/// By how much the two clocks may differ between two looks at them: they are read one after the
/// other.
const CLOCKS_APART: Duration = Duration::from_millis(20);

impl Wakefulness {
    /// Up to when the machine was last asleep, as far as is known; what is dated before that may
    /// be older than it seems.
    fn observe(&mut self, now: Instant, boot: BootTime) -> Option<BootTime> {
        if let Some((last, last_boot)) = self.last.replace((now, boot)) {
            let awake = now.saturating_duration_since(last);
            if boot.duration_since(last_boot) > awake + CLOCKS_APART {
                self.asleep_until = Some(boot);
            }
        }
        self.asleep_until
    }
}

fn publish(shared: &Shared, report: &Metrics) {
    let stopped = report.running_state.as_ref().err();
    if stopped.is_some() {
        // What the log says from here on does not reach this node.
        shared.published.lease.belongs_to(None);
    }
    // A node without a seat hears from the feed who leads, not from its engine.
    let is_fed = stopped.is_none() && shared.published.state.borrow().is_fed();
    let problem = stopped.and_then(|fatal| fatal_problem(shared, fatal));
    let leader = report
        .current_leader
        .filter(|leader| is_heard(shared, report, *leader))
        .and_then(|leader| name(report, leader));
    let is_deaf = shared.hearing.feed.elapsed(shared.now()) > feed::STALE_MAX;
    shared.published.status.send_if_modified(|status| {
        if is_fed {
            return is_deaf && status.leader.take().is_some();
        }
        let new = RaftStatus {
            term: report.current_term,
            role: if stopped.is_some() {
                Role::Stopped
            } else {
                role(report.state)
            },
            leader,
            last_log_index: report.last_log_index.unwrap_or(0),
            applied_index: report.last_applied.map_or(0, |applied| applied.index),
            voters: report.membership_config.voter_ids().count(),
            problem: problem.or_else(|| status.problem.clone()),
        };
        let changed = *status != new;
        *status = new;
        changed
    });
}

/// Whether a leader has been heard from lately: the engine remembers one until it hears of another, and
/// a leader itself until somebody else is elected.
fn is_heard(shared: &Shared, report: &Metrics, leader: u64) -> bool {
    let now = shared.now();
    let lately = shared.options.timings.failover();
    if leader == shared.raft_id.get() {
        // One that was elected just now has nothing acknowledged yet.
        return quorum_acknowledged(shared, report)
            .is_none_or(|acknowledged| now.duration_since(acknowledged) <= lately);
    }
    shared.hearing.leader.elapsed(now) <= lately
}

/// The engine's last report need not have been its end: a panic leaves no report.
async fn publish_end(shared: &Shared, report: &Metrics) {
    let mut last = report.clone();
    if last.running_state.is_ok() {
        let end = shared.engine.with_raft_state(|_| ()).await;
        last.running_state = Err(end.err().unwrap_or(Fatal::Stopped));
    }
    last.state = ServerState::Shutdown;
    last.current_leader = None;
    shared.published.leadership.set(None);
    publish(shared, &last);
}

fn fatal_problem(shared: &Shared, fatal: &Fatal<crate::type_config::TypeConfig>) -> Option<String> {
    let reason: MutexGuard<'_, Option<String>> = shared
        .published
        .stop_reason
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    match (reason.as_ref(), fatal) {
        (Some(reason), _) => Some(reason.clone()),
        // Somebody asked for it.
        (None, Fatal::Stopped) => None,
        (None, fatal) => Some(format!("consensus has stopped: {fatal}")),
    }
}

pub(crate) fn role(state: ServerState) -> Role {
    match state {
        ServerState::Learner => Role::Learner,
        ServerState::Follower => Role::Follower,
        ServerState::Candidate => Role::Candidate,
        ServerState::Leader => Role::Leader,
        ServerState::Shutdown => Role::Stopped,
    }
}

/// The node behind a Raft id.
fn name(report: &Metrics, raft_id: u64) -> Option<NodeId> {
    report
        .membership_config
        .membership()
        .get_node(&raft_id)?
        .node
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspension_is_noticed_and_an_even_pace_is_not() {
        let mut wakefulness = Wakefulness::default();
        let start = raftwire_environment::Environment::real().now();
        let at = |awake, asleep| {
            let boot = BootTime::new(Duration::from_secs(100 + awake + asleep));
            (start + Duration::from_secs(awake), boot)
        };

        let (now, boot) = at(0, 0);
        assert_eq!(wakefulness.observe(now, boot), None);
        let (now, boot) = at(5, 0);
        assert_eq!(wakefulness.observe(now, boot), None);
        let (now, boot) = at(6, 30);
        assert_eq!(wakefulness.observe(now, boot), Some(boot));
        let (now, later) = at(9, 30);
        assert_eq!(wakefulness.observe(now, later), Some(boot));
    }
}
