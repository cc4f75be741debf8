//! From a closed folder to a node that takes part.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use openraft::storage::RaftLogStorage as _;
use openraft::{EntryPayload, RaftLogReader as _};
use raftwire_environment::{Environment, Executor};
use raftwire_protocol::{NodeId, RaftId};
use tokio::sync::mpsc;

use super::Running;
use crate::command::Command;
use crate::control_network::ControlNetwork;
use crate::data_dir::{DataDir, DataDirError};
use crate::engine::{self, EngineError, seeded};
use crate::lease::QuorumRounds;
use crate::log::{DiskError, LogEnd, LogOptions, LogStore, SnapshotStore};
use crate::machine::Machine;
use crate::names::{self, NamesQueues, NamesShared};
use crate::network::Peers;
use crate::options::{RaftOptions, Storage};
use crate::shared::{Published, Shared};
use crate::snapshot::SnapshotKeeper as _;
use crate::state::{ClusterEvent, LostName, NAMES_MAX_CEILING, decode_state};
use crate::{comeback, compaction, event_feed, feed, follow, founding, leader, member};

/// The most names of a founding list. Five of them vote at most, and the list is an entry of the
/// log; other nodes join later and need not be named.
const FOUNDING_MAX: usize = 64;

/// Among how many entries the founding is looked for: it is among the first, behind a membership and
/// the blank entries of elections.
const FOUNDING_ENTRIES_MAX: u64 = 256;

/// Why a node cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder, its log or its snapshot cannot be used, though nothing is known to be lost.
    #[error("data_dir: {0}")]
    DataDir(DataDirError),
    /// The disk refused the folder, or what is in it.
    #[error(
        "data_dir = \"{}\": {refused}. It has to be a folder that this node may make, read and write",
        path.display()
    )]
    Refused {
        /// The folder.
        path: PathBuf,
        /// What was refused.
        refused: DiskError,
    },
    /// A part of what the folder held is damaged or gone. The voter that it made may have promised
    /// what cannot be read any more, so nobody goes on with it.
    #[error(
        "the data folder {} is damaged: {damage}. Put the whole folder aside, and start this node \
         again with node_id {node}: it comes back empty, and the others give it the cluster's data. \
         They must be a majority of the voters, with whole folders. If {node} is the only voter, or \
         the folders of a majority are damaged, the names and members that no whole folder holds \
         are lost; `raftwire recover` makes a new cluster of a whole folder",
        path.display()
    )]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// The node whose it is.
        node: NodeId,
        /// What is damaged or gone.
        damage: DataDirError,
    },
    /// The founding list is too long.
    #[error("the list of nodes has {listed} names, at most {FOUNDING_MAX} may found a cluster")]
    FoundingList {
        /// How many different names it has, this node's own among them.
        listed: usize,
    },
    /// More names are to be allowed than can be.
    #[error("names_max is {names_max}, at most {NAMES_MAX_CEILING} names can be allowed")]
    NamesMax {
        /// How many were to be allowed.
        names_max: u64,
    },
}

/// Why a node does not take part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It can be started once.
    #[error("consensus was started before")]
    AlreadyStarted,
    /// The engine does not start.
    #[error("the consensus engine does not start: {0}")]
    Engine(String),
}

/// What `open` found.
#[derive(Debug)]
pub(super) struct Opened {
    options: RaftOptions,
    raft_id: RaftId,
    log: LogStore,
    log_end: LogEnd,
    snapshots: SnapshotStore,
}

impl Opened {
    pub(super) fn raft_id(&self) -> RaftId {
        self.raft_id
    }

    #[cfg(feature = "wrong-variants")]
    pub(super) fn ignores_fence(&self) -> bool {
        self.options.ignore_fence
    }
}

pub(super) async fn open(
    options: RaftOptions,
    environment: &Environment,
) -> Result<Opened, OpenError> {
    let listed = options.founding_list().len();
    if listed > FOUNDING_MAX {
        return Err(OpenError::FoundingList { listed });
    }
    if options.names_max > NAMES_MAX_CEILING {
        let names_max = options.names_max;
        return Err(OpenError::NamesMax { names_max });
    }
    match open_storage(&options, environment).await {
        Ok((raft_id, snapshots, log, log_end)) => Ok(Opened {
            options,
            raft_id,
            log,
            log_end,
            snapshots,
        }),
        Err(error) => Err(match (options.storage, error) {
            (Storage::Durable(path), damage) if damage.is_damage() => OpenError::Damaged {
                path,
                node: options.node,
                damage,
            },
            (Storage::Durable(path), DataDirError::Disk(refused)) => {
                OpenError::Refused { path, refused }
            }
            (Storage::Durable(_) | Storage::Ephemeral, error) => OpenError::DataDir(error),
        }),
    }
}

async fn open_storage(
    options: &RaftOptions,
    environment: &Environment,
) -> Result<(RaftId, SnapshotStore, LogStore, LogEnd), DataDirError> {
    let data_dir = match &options.storage {
        Storage::Durable(root) => DataDir::open(environment, root, &options.node).await?,
        Storage::Ephemeral => DataDir::ephemeral(environment, &options.node)?,
    };
    let data_dir = Arc::new(data_dir);
    let log_options = LogOptions {
        #[cfg(feature = "wrong-variants")]
        forget_vote: options.forget_vote,
        ..LogOptions::default()
    };
    let snapshots = SnapshotStore::open(environment, Arc::clone(&data_dir)).await?;
    let (log, log_end) =
        LogStore::open(environment, Arc::clone(&data_dir), &snapshots, log_options).await?;
    Ok((data_dir.raft_id(), snapshots, log, log_end))
}

/// A started node, and what it tells of.
pub(super) type Started = (
    Running,
    mpsc::Receiver<ClusterEvent>,
    mpsc::Receiver<LostName>,
);

pub(super) async fn start(
    opened: Opened,
    environment: &Environment,
    published: Arc<Published>,
    network: Arc<dyn ControlNetwork>,
) -> Result<Started, StartError> {
    let Opened {
        options,
        raft_id,
        mut log,
        log_end,
        snapshots,
    } = opened;
    let data_of = cluster_of(&snapshots, &mut log).await;
    // What cannot be read, the engine will complain of.
    let has_voted = matches!(log.get_log_reader().await.read_vote().await, Ok(Some(_)));
    let executor = environment.executor("consensus");
    let log_reader = log.get_log_reader().await;
    let peers = Peers::new(raft_id.get(), Arc::clone(&network));
    let machine = Machine::new(
        Box::new(snapshots),
        published.state.clone(),
        Arc::clone(&published.stop_reason),
    );

    // The engine spawns its tasks on the runtime that it is started on.
    let settings = options.clone();
    let starting = executor.spawn(
        "start-consensus",
        seeded(environment.random_u64(), async move {
            engine::start(raft_id.get(), &settings, peers, log, machine).await
        }),
    );
    let engine = match starting.await {
        Ok(Ok(engine)) => engine,
        Ok(Err(error @ (EngineError::Timings(_) | EngineError::Fatal(_)))) => {
            return Err(StartError::Engine(error.to_string()));
        }
        Err(error) => return Err(StartError::Engine(error.to_string())),
    };

    let (rounds, rounds_task) = QuorumRounds::new(engine.clone(), options.timings.election_max);
    let (names, queues) = NamesShared::new();
    let shared = Arc::new(Shared::new(
        options,
        raft_id,
        has_voted,
        data_of,
        environment.clone(),
        published,
        network,
        engine,
        rounds,
        names,
    ));
    let (events, receiver) = mpsc::channel(event_feed::EVENTS_MAX);
    let mut tasks = Tasks {
        executor: &executor,
        environment,
        handles: Vec::new(),
    };
    tasks.spawn("consensus-rounds", rounds_task);
    tasks.run("consensus-comeback", &shared, |it| async move {
        comeback::run(&it).await;
    });
    tasks.run("consensus-status", &shared, |it| async move {
        follow::follow_engine(&it).await
    });
    tasks.run("consensus-membership", &shared, |it| async move {
        follow::follow_membership(&it).await;
    });
    tasks.run("consensus-events", &shared, |it| async move {
        event_feed::run(&it, events).await
    });
    tasks.run("consensus-founding", &shared, |it| async move {
        founding::run(&it).await
    });
    tasks.run("consensus-leader", &shared, |it| async move {
        leader::run(&it).await
    });
    tasks.run("consensus-member", &shared, |it| async move {
        member::run(&it).await
    });
    let log = log_reader.clone();
    tasks.run("consensus-compaction", &shared, |it| async move {
        compaction::run(&it, log).await;
    });
    let lost_names = run_names(&mut tasks, &shared, queues);
    let tasks = Mutex::new(tasks.handles);
    let running = Running {
        shared,
        log: log_reader,
        log_end: Mutex::new(Some(log_end)),
        tasks,
        _executor: executor,
    };
    Ok((running, receiver, lost_names))
}

/// Starts the tasks around names, and the feed, which tells of lost ones too.
fn run_names(
    tasks: &mut Tasks<'_>,
    shared: &Arc<Shared>,
    queues: NamesQueues,
) -> mpsc::Receiver<LostName> {
    let NamesQueues {
        wanted,
        asks,
        losses_in,
        losses_out,
    } = queues;
    tasks.run("consensus-names", shared, |it| async move {
        names::batcher::run(&it, wanted).await;
    });
    tasks.run("consensus-name-reads", shared, |it| async move {
        names::reads::run(&it).await;
    });
    tasks.run("consensus-name-asks", shared, |it| async move {
        names::asks::run(&it, asks).await;
    });
    let fed_losses = losses_in.clone();
    tasks.run("consensus-feed", shared, |it| async move {
        feed::run(&it, fed_losses).await;
    });
    tasks.run("consensus-name-losses", shared, |it| async move {
        names::losses::run(&it, losses_in).await;
    });
    tasks.run("consensus-name-sweep", shared, |it| async move {
        names::sweep::run(&it).await;
    });
    losses_out
}

/// The cluster whose log this is, if the log tells. It is asked before anything can be applied: what
/// is in the log need not be known to be committed.
async fn cluster_of(snapshots: &SnapshotStore, log: &mut LogStore) -> Option<u128> {
    if let Some((_, snapshot)) = snapshots.load().await.ok().flatten() {
        return decode_state(snapshot).ok()?.cluster_id;
    }
    let mut reader = log.get_log_reader().await;
    let first = reader
        .try_get_log_entries(..FOUNDING_ENTRIES_MAX)
        .await
        .ok()?;
    first.iter().find_map(|entry| match &entry.payload {
        EntryPayload::Normal(Command::Found(found)) => Some(found.cluster_id),
        _ => None,
    })
}

struct Tasks<'a> {
    executor: &'a Executor,
    environment: &'a Environment,
    handles: Vec<tokio::task::AbortHandle>,
}

impl Tasks<'_> {
    fn run<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        name: &'static str,
        shared: &Arc<Shared>,
        task: impl FnOnce(Arc<Shared>) -> F,
    ) {
        self.spawn(name, task(Arc::clone(shared)));
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let seed = self.environment.random_u64();
        self.handles
            .push(self.executor.spawn(name, seeded(seed, task)).abort_handle());
    }
}
