//! What the tasks of one node have in common.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raftwire_environment::{BootTime, Environment};
use raftwire_protocol::{NodeId, RaftId};
use tokio::sync::watch;

use crate::control_network::ControlNetwork;
use crate::engine::{self, Engine};
use crate::lease::{LeaseHolder, LeaseTable, QuorumRounds};
use crate::machine::StopReason;
use crate::names::NamesShared;
use crate::network::Assembly;
use crate::options::RaftOptions;
use crate::state::{ClusterState, Member, Membership};
use crate::status::RaftStatus;

/// What is there from [`RaftNode::open`](crate::RaftNode::open) on, and what others watch.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) state: watch::Sender<Arc<ClusterState>>,
    pub(crate) status: watch::Sender<RaftStatus>,
    pub(crate) membership: watch::Sender<Option<Membership>>,
    pub(crate) lease: LeaseHolder,
    pub(crate) leadership: Leadership,
    pub(crate) stop_reason: StopReason,
}

/// What a running node's tasks share. It holds no executor: an executor lives until nobody holds
/// it, and its tasks hold this.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: RaftOptions,
    /// The founding list, normalised.
    pub(crate) founding: Vec<NodeId>,
    pub(crate) raft_id: RaftId,
    /// From when on this node takes part in elections.
    pub(crate) votes_from: BootTime,
    /// The cluster that the data folder was of when it was opened, if that can be told.
    pub(crate) data_of: Option<u128>,
    pub(crate) environment: Environment,
    pub(crate) published: Arc<Published>,
    pub(crate) network: Arc<dyn ControlNetwork>,
    pub(crate) engine: Engine,
    pub(crate) rounds: QuorumRounds,
    pub(crate) names: NamesShared,
    pub(crate) assembly: tokio::sync::Mutex<Assembly>,
    /// Becomes true when a cluster is known, here or at a peer.
    pub(crate) cluster_known: watch::Sender<bool>,
    /// What this node hears from those who have the log.
    pub(crate) hearing: Hearing,
    table: Mutex<LeaseTable>,
}

/// When this node last heard what, on its boot-time clock, and what it waits to hear.
#[derive(Debug)]
pub(crate) struct Hearing {
    /// A leader's word to the engine.
    pub(crate) leader: Moment,
    /// The feed: when the last question was sent that was answered.
    pub(crate) feed: Moment,
    /// The index that somebody waits for.
    pub(crate) wanted: watch::Sender<u64>,
}

/// A time that one task notes and others read.
#[derive(Debug)]
pub(crate) struct Moment {
    nanos: AtomicU64,
}

impl Hearing {
    /// Somebody waits for this index: where the state comes by the feed, it is asked for now rather than
    /// when something changes.
    pub(crate) fn want(&self, index: u64) {
        self.wanted.send_if_modified(|wanted| {
            let is_later = index > *wanted;
            *wanted = index.max(*wanted);
            is_later
        });
    }
}

impl Moment {
    fn new(at: BootTime) -> Moment {
        let moment = Moment {
            nanos: AtomicU64::new(0),
        };
        moment.note(at);
        moment
    }

    pub(crate) fn note(&self, at: BootTime) {
        let nanos = u64::try_from(at.since_boot().as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_max(nanos, Ordering::AcqRel);
    }

    pub(crate) fn elapsed(&self, now: BootTime) -> Duration {
        let noted = Duration::from_nanos(self.nanos.load(Ordering::Acquire));
        now.since_boot().saturating_sub(noted)
    }
}

/// Until when this node may call itself the leader.
#[derive(Debug, Default)]
pub(crate) struct Leadership {
    ends: AtomicU64,
}

impl Shared {
    #[allow(clippy::too_many_arguments)] // a constructor of what it stores
    pub(crate) fn new(
        options: RaftOptions,
        raft_id: RaftId,
        has_voted: bool,
        data_of: Option<u128>,
        environment: Environment,
        published: Arc<Published>,
        network: Arc<dyn ControlNetwork>,
        engine: Engine,
        rounds: QuorumRounds,
        names: NamesShared,
    ) -> Shared {
        let now = environment.boot_time();
        let votes_from = if has_voted {
            now + options.timings.election_max
        } else {
            now
        };
        Shared {
            votes_from,
            hearing: Hearing {
                leader: Moment::new(now),
                feed: Moment::new(now),
                wanted: watch::Sender::new(0),
            },
            founding: options.founding_list(),
            options,
            raft_id,
            data_of,
            environment,
            published,
            network,
            engine,
            rounds,
            names,
            assembly: tokio::sync::Mutex::default(),
            cluster_known: watch::Sender::new(false),
            table: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> Arc<ClusterState> {
        Arc::clone(&self.published.state.borrow())
    }

    /// The leases as this node counts them while it leads.
    pub(crate) fn table(&self) -> MutexGuard<'_, LeaseTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> BootTime {
        self.environment.boot_time()
    }

    /// The leader that this node knows.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        self.published.status.borrow().leader.clone()
    }

    /// Whether the log says that this node has a seat, as far as its engine knows.
    pub(crate) fn is_seated(&self) -> bool {
        engine::metrics(&self.engine)
            .membership_config
            .membership()
            .get_node(&self.raft_id.get())
            .is_some()
    }

    /// Whether this node applies the log: it has a seat, and what it has published is its own.
    pub(crate) fn has_log(&self) -> bool {
        !self.published.state.borrow().fed && self.is_seated()
    }

    /// Whether the names are here: not on a node whose state comes by the feed.
    pub(crate) fn has_names(&self) -> bool {
        self.names.has_log() && !self.published.state.borrow().fed
    }

    /// This session's row in `state`, whether alive or not.
    pub(crate) fn own_row<'a>(&self, state: &'a ClusterState) -> Option<&'a Member> {
        state.members.get(&self.options.node).filter(|member| {
            member.raft_id == self.raft_id && member.session == self.options.session
        })
    }

    /// Everybody else that this node has heard of, sorted.
    pub(crate) fn peers(&self) -> Vec<NodeId> {
        let state = self.state();
        let metrics = engine::metrics(&self.engine);
        let seats = metrics
            .membership_config
            .nodes()
            .filter_map(|(_, seat)| seat.node.parse().ok());
        let all: BTreeSet<NodeId> = self
            .founding
            .iter()
            .cloned()
            .chain(state.founding.iter().cloned())
            .chain(state.members.keys().cloned())
            .chain(seats)
            .collect();
        all.into_iter()
            .filter(|node| *node != self.options.node)
            .collect()
    }

    /// The same, where nothing is known that says more.
    pub(crate) fn report_if_none(&self, problem: String) {
        if self.published.status.borrow().problem.is_none() {
            self.report(Some(problem));
        }
    }

    /// Says what keeps the node from being a member; `None` once nothing does.
    pub(crate) fn report(&self, problem: Option<String>) {
        self.published.status.send_if_modified(|status| {
            let changed = status.problem != problem;
            if changed {
                if let Some(problem) = &problem {
                    tracing::warn!(node = %self.options.node, "{problem}");
                }
                status.problem = problem;
            }
            changed
        });
    }
}

impl Leadership {
    /// This node leads until `ends`; `None` if it does not lead.
    pub(crate) fn set(&self, ends: Option<BootTime>) {
        let nanos = ends.map_or(0, |ends| {
            u64::try_from(ends.since_boot().as_nanos()).unwrap_or(u64::MAX)
        });
        self.ends.store(nanos, Ordering::Release);
    }

    pub(crate) fn holds(&self, now: BootTime) -> bool {
        now.since_boot().as_nanos() < u128::from(self.ends.load(Ordering::Acquire))
    }
}
