mod inspect;
mod names;
#[cfg(test)]
mod protocol_test;
mod start;
mod stop;
pub(crate) mod testing;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use raftwire_environment::{Environment, Executor};
use raftwire_protocol::{NodeId, RaftId};
use tokio::sync::{mpsc, watch};

use self::start::Opened;
pub use self::start::{OpenError, StartError};
use crate::control_network::ControlNetwork;
use crate::engine::seeded;
use crate::lease::{LeaseHolder, LeaseView};
use crate::log::{LogEnd, LogReader};
use crate::options::RaftOptions;
use crate::read_index::{self, NoQuorum};
use crate::remove::RemoveError;
use crate::shared::{Leadership, Published, Shared};
use crate::state::{ClusterEvent, ClusterState, LostName, Membership};
use crate::status::RaftStatus;
use crate::wire::request::RequestKind;
use crate::wire::response::{RefusalCode, Refused, ResponseKind};
use crate::{comeback, feed, founding, leader, names as name_tasks, network, proposer, remove};

/// One node's part in consensus: it founds or joins the cluster, votes if it is a voter, renews its
/// lease, and tells what is agreed on.
///
/// Three steps: [`open`](Self::open) reads the data folder, so that the Raft id is known before
/// anybody is spoken to; [`start`](Self::start) begins to take part;
/// [`stop`](Self::stop) leaves in order. **Dropping it without `stop` is a crash**: everything
/// ends where it is, and the others notice when the lease has passed.
#[derive(Debug)]
pub struct RaftNode {
    published: Arc<Published>,
    raft_id: RaftId,
    environment: Environment,
    events: Mutex<Option<mpsc::Receiver<ClusterEvent>>>,
    lost_names: Mutex<Option<mpsc::Receiver<LostName>>>,
    /// What `start` takes.
    opened: Mutex<Option<Opened>>,
    running: OnceLock<Running>,
    seed: u64,
}

/// A started node. The order matters: the executor ends the tasks, whatever they hold.
#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    log: LogReader,
    log_end: Mutex<Option<LogEnd>>,
    tasks: Mutex<Vec<tokio::task::AbortHandle>>,
    _executor: Executor,
}

impl RaftNode {
    /// Opens the data folder: locks it, reads whose it is, and checks log and snapshot.
    ///
    /// # Errors
    ///
    /// When the folder cannot be used; each [`OpenError`] says which and why.
    pub async fn open(
        options: RaftOptions,
        environment: Environment,
    ) -> Result<RaftNode, OpenError> {
        let opened = start::open(options, &environment).await?;
        #[cfg(feature = "wrong-variants")]
        let ignores_fence = opened.ignores_fence();
        #[cfg(not(feature = "wrong-variants"))]
        let ignores_fence = false;
        let published = Arc::new(Published {
            state: watch::Sender::default(),
            status: watch::Sender::default(),
            membership: watch::Sender::default(),
            lease: LeaseHolder::new(ignores_fence),
            leadership: Leadership::default(),
            stop_reason: Arc::default(),
        });
        Ok(RaftNode {
            published,
            raft_id: opened.raft_id(),
            seed: environment.random_u64(),
            environment,
            events: Mutex::new(None),
            lost_names: Mutex::new(None),
            opened: Mutex::new(Some(opened)),
            running: OnceLock::new(),
        })
    }

    /// Begins to take part. Founding, joining and renewing go on in the background, for as long as
    /// the node lives; [`status`](Self::status) says what keeps it from being a member.
    ///
    /// Calls of peers may arrive at [`handle`](Self::handle) from now on.
    ///
    /// # Errors
    ///
    /// When it was started before, or the engine does not start.
    pub async fn start(&self, network: Arc<dyn ControlNetwork>) -> Result<(), StartError> {
        let opened = lock(&self.opened)
            .take()
            .ok_or(StartError::AlreadyStarted)?;
        let (running, events, lost_names) = start::start(
            opened,
            &self.environment,
            Arc::clone(&self.published),
            network,
        )
        .await?;
        *lock(&self.events) = Some(events);
        *lock(&self.lost_names) = Some(lost_names);
        self.running
            .set(running)
            .map_err(|_| StartError::AlreadyStarted)
    }

    /// Answers a peer's [`ControlNetwork::call`]. `from` is the peer as it proved itself.
    ///
    /// Whatever the bytes are, there is an answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the answer; what was asked for may be done all the same.
    pub async fn handle(&self, from: &NodeId, request: Bytes) -> Bytes {
        let answer = match (self.running.get(), RequestKind::from_bytes(request)) {
            (None, _) => refuse(RefusalCode::Stopped, "consensus has not started"),
            (_, Err(error)) => {
                tracing::debug!(%from, %error, "a request of consensus makes no sense");
                refuse(RefusalCode::Malformed, &error.to_string())
            }
            (Some(running), Ok(request)) => {
                seeded(self.seed, answer(&running.shared, from, request)).await
            }
        };
        answer.into_bytes()
    }

    /// The identity of this node's data: the same after a restart, another one once the data is
    /// gone.
    pub fn raft_id(&self) -> RaftId {
        self.raft_id
    }

    /// What the cluster agrees on, as far as this node has applied it.
    pub fn state(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.published.state.subscribe()
    }

    /// How consensus stands here.
    pub fn status(&self) -> watch::Receiver<RaftStatus> {
        self.published.status.subscribe()
    }

    /// Whether this node leads: it was elected, and a quorum acknowledged it so recently that no
    /// other node has been elected since (but for clocks that run very differently). An atomic
    /// read.
    pub fn is_leader(&self) -> bool {
        self.published
            .leadership
            .holds(self.environment.boot_time())
    }

    /// The index that a state must have reached to contain everything that was committed before
    /// this call; see [`state`](Self::state).
    ///
    /// # Errors
    ///
    /// When no leader with a quorum answered within the time of a failover (four times the longest
    /// election timeout), or the node has not started.
    pub async fn read_index(&self) -> Result<u64, NoQuorum> {
        let running = self.running.get().ok_or(NoQuorum)?;
        seeded(self.seed, read_index::read_index(&running.shared)).await
    }

    /// Whether this node applies the log itself. If not, it is an edge, or has not caught up yet, and
    /// [`state`](Self::state) comes by the feed.
    pub fn has_log(&self) -> bool {
        self.running
            .get()
            .is_some_and(|running| running.shared.has_log())
    }

    /// Takes a dead node out of the cluster for good: its row, and its seat if it has one. If it
    /// comes back it joins as a new one.
    ///
    /// # Errors
    ///
    /// See [`RemoveError`].
    pub async fn remove(&self, node: &NodeId) -> Result<(), RemoveError> {
        let running = self.running.get().ok_or(RemoveError::Unavailable)?;
        seeded(self.seed, remove::remove(&running.shared, node)).await
    }

    /// This node's lease. Without it the node is fenced.
    pub fn lease(&self) -> LeaseView {
        self.published.lease.view()
    }

    /// What the log issued to this session; nothing before it joined, and while it is held dead.
    pub fn membership(&self) -> watch::Receiver<Option<Membership>> {
        self.published.membership.subscribe()
    }

    /// What happens to the members and the leadership, in order. It can be taken once, after
    /// [`start`](Self::start); whoever reads it slowly is told less often, and of nothing wrongly:
    /// see [`ClusterEvent`].
    pub fn events(&self) -> Option<mpsc::Receiver<ClusterEvent>> {
        lock(&self.events).take()
    }
}

async fn answer(shared: &Shared, from: &NodeId, request: RequestKind) -> ResponseKind {
    let own_id = shared.raft_id.get();
    if comeback::is_too_early(shared, &request) {
        let text = "a voter that has just come back elects nobody yet";
        return refuse(RefusalCode::Stopped, text);
    }
    let leader = request.leader();
    match network::receive(&shared.engine, own_id, &shared.assembly, request).await {
        Ok(answer) => {
            if leader.is_some_and(|leader| answer.follows(leader)) {
                shared.hearing.leader.note(shared.now());
            }
            answer
        }
        Err(RequestKind::Feed(question)) => feed::answer(shared, question).await,
        Err(RequestKind::Propose(propose)) => proposer::answer(shared, from, propose).await,
        Err(RequestKind::Greet(_)) => founding::answer(shared),
        Err(RequestKind::Renew(renew)) => leader::answer(shared, from, &renew).await,
        Err(RequestKind::Lookup(lookup)) => name_tasks::answer::answer(shared, lookup).await,
        Err(RequestKind::Index(_)) => read_index::answer(shared).await,
        Err(_) => refuse(RefusalCode::Malformed, "no such request"),
    }
}

fn refuse(code: RefusalCode, text: &str) -> ResponseKind {
    ResponseKind::Refused(Refused::new(code, text))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
