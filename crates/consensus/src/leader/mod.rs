//! What a node does while it leads: gives the cluster its id, seats its members, and declares dead
//! those whose lease has passed.

mod renewals;
mod seats;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::{Instant as _, ServerState};
use raftwire_environment::BootTime;
use raftwire_protocol::NodeId;
use tokio::time::{sleep, timeout};

pub(crate) use self::renewals::answer;
use self::seats::{SeatChange, Standing, next_change};
use crate::command::{Command, Found};
use crate::engine::{self, Metrics};
use crate::lease::Expired;
use crate::shared::Shared;
use crate::state::{ClusterState, Member};
use crate::type_config::Membership;

/// How often a leader looks whether there is something to do.
const ROUND: Duration = Duration::from_millis(100);

/// How long a leader waits for one of its own changes to be committed before it looks again.
const CHANGE: Duration = Duration::from_secs(1);

/// Runs until the node ends.
pub(crate) async fn run(shared: &Shared) {
    let mut metrics = shared.engine.metrics();
    let mut dead_since = DeadSince::default();
    loop {
        let now = shared.now();
        let report = metrics.borrow_watched().clone();
        let term = leading_term(&report);
        shared.table().lead(term, now);
        if term.is_some() {
            lead(shared, &report, &mut dead_since).await;
            sleep(ROUND).await;
        } else {
            dead_since = DeadSince::default();
            if metrics.changed().await.is_err() {
                return;
            }
        }
    }
}

/// The term in which the engine says that this node leads.
fn leading_term(report: &Metrics) -> Option<u64> {
    (report.state == ServerState::Leader && report.running_state.is_ok())
        .then_some(report.current_term)
}

/// When a quorum last followed this leader: the time at which what it answered was sent.
///
/// The engine's clock stands still while the machine is suspended, so across a suspension the
/// answer is too late; see [`Wakefulness`](crate::follow::Wakefulness).
pub(crate) fn quorum_acknowledged(shared: &Shared, report: &Metrics) -> Option<BootTime> {
    if report.state != ServerState::Leader {
        return None;
    }
    let now = shared.now();
    if report
        .membership_config
        .voter_ids()
        .eq([shared.raft_id.get()])
    {
        return Some(now);
    }
    // The age is read after the time, so the result is rather too early than too late.
    let age = report.last_quorum_acked?.elapsed();
    Some(BootTime::new(now.since_boot().saturating_sub(age)))
}

async fn lead(shared: &Shared, report: &Metrics, dead_since: &mut DeadSince) {
    let state = shared.state();
    let now = shared.now();
    let expired = {
        let mut table = shared.table();
        table.observe(&state, now);
        if let Some(acknowledged) = quorum_acknowledged(shared, report) {
            table.confirm(state.lease, acknowledged);
        }
        table.expired(state.lease, CHANGE, now)
    };
    if state.cluster_id.is_none() {
        found(shared).await;
        return;
    }
    declare_dead(shared, expired).await;
    let membership = report.membership_config.membership();
    dead_since.observe(&state, membership, now);
    let standing = Standing {
        state: &state,
        membership,
        replication: report.replication.as_ref(),
        last_log_index: report.last_log_index.unwrap_or(0),
        lapsed: dead_since.longer_than(shared.options.timings.seat_kept, now),
        leader: shared.raft_id.get(),
    };
    if let Some(version) = state.next_wire_version() {
        raise_wire_version(shared, version).await;
    }
    if let Some(change) = next_change(&standing) {
        apply(shared, change).await;
    }
}

/// The first leader gives the cluster its id; the log takes the first that is proposed.
async fn found(shared: &Shared) {
    let mut cluster_id = [0; 16];
    shared.environment.fill_random(&mut cluster_id);
    let found = Command::Found(Found {
        cluster_id: u128::from_be_bytes(cluster_id),
        lease_ms: u64::try_from(shared.options.timings.lease.as_millis()).unwrap_or(u64::MAX),
        founding: shared.founding.clone(),
        ephemeral: shared.options.is_ephemeral(),
        names_max: shared.options.names_max,
    });
    tracing::info!(node = %shared.options.node, "giving the new cluster its id");
    // Not yet, it says, when an election intervenes: the next leader does it.
    let _ = timeout(CHANGE, shared.engine.client_write(found)).await;
}

/// Proposes deaths, here and nowhere else: a decision is good for the term of its leader only.
async fn declare_dead(shared: &Shared, expired: Vec<Expired>) {
    let proposals = expired.into_iter().map(|Expired { node, incarnation, term }| {
        tracing::info!(%node, %incarnation, term, "the lease has passed: declaring the node dead");
        let command = Command::DeclareDead { node, incarnation, term };
        shared.engine.client_write(command)
    });
    // A proposal that did not get through is made again.
    let _ = timeout(CHANGE, join_all(proposals)).await;
}

/// Everybody speaks a later version: from here on the cluster does.
async fn raise_wire_version(shared: &Shared, version: u32) {
    tracing::info!(node = %shared.options.node, version, "every member speaks the wire version");
    let command = Command::RaiseWireVersion { version };
    // What did not get through is proposed again in the next round.
    let _ = timeout(CHANGE, shared.engine.client_write(command)).await;
}

async fn apply(shared: &Shared, change: SeatChange) {
    tracing::info!(node = %shared.options.node, ?change, "changing the membership");
    let engine = &shared.engine;
    let changed = match change {
        SeatChange::AddLearner(raft_id, seat) => {
            timeout(CHANGE, engine.add_learner(raft_id, seat, false)).await
        }
        SeatChange::Change { members, retain } => {
            timeout(CHANGE, engine.change_membership(members, retain)).await
        }
    };
    if let Ok(Err(error)) = changed {
        tracing::debug!(%error, "the membership was not changed; the next round tries again");
    }
}

/// Since when this leader has known members to be dead, and voters to be no members: a founder may never
/// join. A new leader counts anew, so that a seat is never lost too early.
#[derive(Debug, Default)]
struct DeadSince {
    since: BTreeMap<NodeId, BootTime>,
}

impl DeadSince {
    fn observe(&mut self, state: &ClusterState, membership: &Membership, now: BootTime) {
        let seats = membership
            .voter_ids()
            .filter_map(|voter| membership.get_node(&voter)?.node.parse().ok());
        let known: BTreeSet<NodeId> = seats.chain(state.members.keys().cloned()).collect();
        let is_dead = |node: &NodeId| {
            let member = state.members.get(node);
            !member.is_some_and(Member::is_alive)
        };
        self.since
            .retain(|node, _| known.contains(node) && is_dead(node));
        for node in known.into_iter().filter(is_dead) {
            self.since.entry(node).or_insert(now);
        }
    }

    fn longer_than(&self, limit: Duration, now: BootTime) -> Vec<NodeId> {
        self.since
            .iter()
            .filter(|(_, since)| now.duration_since(**since) > limit)
            .map(|(node, _)| node.clone())
            .collect()
    }
}

/// Whether this node leads as far as the engine's newest report goes.
pub(crate) fn leads(shared: &Shared) -> bool {
    leading_term(&engine::metrics(&shared.engine)).is_some()
}
