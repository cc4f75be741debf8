//! The engine's view of the agreed facts: applies entries, builds and installs snapshots.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use openraft::EntryPayload;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{OptionalSend, Snapshot};
use tokio::sync::{Mutex, watch};

use crate::command::Outcome;
use crate::snapshot::SnapshotKeeper;
use crate::state::ClusterState;
use crate::type_config::{
    CommittedLeaderId, LogId, Seat, SnapshotMeta, StoredMembership, TypeConfig,
};

/// A snapshot of the state, as its canonical bytes.
pub(crate) type StateSnapshot = Snapshot<CommittedLeaderId, u64, Seat, Bytes>;

/// Why the machine stopped the node, for people; `None` while it runs.
pub(crate) type StopReason = Arc<std::sync::Mutex<Option<String>>>;

/// The state machine. It alone writes the published state, but for the feed, which takes its place
/// on a node that has no log.
#[derive(Debug)]
pub(crate) struct Machine {
    state: Arc<ClusterState>,
    last_applied: Option<LogId>,
    membership: StoredMembership,
    published: watch::Sender<Arc<ClusterState>>,
    snapshots: Arc<Snapshots>,
    stop_reason: StopReason,
}

/// The kept snapshot, and what it covers: an older one never replaces a newer one.
#[derive(Debug)]
struct Snapshots {
    newest: Mutex<Option<LogId>>,
    keeper: Box<dyn SnapshotKeeper>,
}

impl Machine {
    pub(crate) fn new(
        keeper: Box<dyn SnapshotKeeper>,
        published: watch::Sender<Arc<ClusterState>>,
        stop_reason: StopReason,
    ) -> Machine {
        Machine {
            state: Arc::default(),
            last_applied: None,
            membership: StoredMembership::default(),
            published,
            snapshots: Arc::new(Snapshots {
                newest: Mutex::default(),
                keeper,
            }),
            stop_reason,
        }
    }

    /// Publishes the state, unless the feed was faster: what is published never goes back.
    fn publish(&self) {
        self.published.send_if_modified(|published| {
            let is_news = !published.fed || published.applied_index <= self.state.applied_index;
            if is_news {
                *published = Arc::clone(&self.state);
            }
            is_news
        });
    }

    /// Applies one entry. An error stops the engine: the node must not go on with another state
    /// than the rest.
    fn apply_entry(
        &mut self,
        log_id: LogId,
        payload: &<TypeConfig as openraft::RaftTypeConfig>::Payload,
    ) -> io::Result<Outcome> {
        let command = match payload {
            EntryPayload::Blank => None,
            EntryPayload::Normal(command) => Some(command),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership.clone());
                None
            }
        };
        let state = Arc::make_mut(&mut self.state);
        let outcome = state
            .apply(log_id.leader_id.term, log_id.index, command)
            .map_err(|unknown| {
                tracing::error!(index = unknown.index, "{unknown}");
                *lock(&self.stop_reason) = Some(unknown.to_string());
                io::Error::new(io::ErrorKind::Unsupported, unknown)
            })?;
        self.last_applied = Some(log_id);
        Ok(outcome)
    }
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.last_applied, self.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        let mut answers = Vec::new();
        let mut result = Ok(());
        while let Some((entry, responder)) = entries.try_next().await? {
            match self.apply_entry(entry.log_id, &entry.payload) {
                Ok(outcome) => answers.extend(responder.map(|responder| (responder, outcome))),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        // Whoever gets an answer sees the state that the answer speaks of.
        self.publish();
        for (responder, outcome) in answers {
            responder.send(outcome);
        }
        result
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder {
            state: Arc::clone(&self.state),
            meta: SnapshotMeta {
                last_log_id: self.last_applied,
                last_membership: self.membership.clone(),
            },
            snapshots: Arc::clone(&self.snapshots),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Bytes) -> io::Result<()> {
        let state = self.snapshots.keeper.decode(snapshot.clone()).await?;
        self.snapshots.save(meta, snapshot).await?;
        self.state = Arc::new(state);
        self.last_applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.publish();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<StateSnapshot>> {
        let kept = self.snapshots.keeper.load().await?;
        Ok(kept.map(|(meta, snapshot)| Snapshot { meta, snapshot }))
    }
}

/// Writes down the state as it was when the builder was made.
#[derive(Debug)]
pub(crate) struct Builder {
    state: Arc<ClusterState>,
    meta: SnapshotMeta,
    snapshots: Arc<Snapshots>,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> io::Result<StateSnapshot> {
        let state = Arc::clone(&self.state);
        let snapshot = self.snapshots.keeper.encode(state).await?;
        self.snapshots.save(&self.meta, snapshot.clone()).await?;
        Ok(Snapshot {
            meta: self.meta.clone(),
            snapshot,
        })
    }
}

impl Snapshots {
    async fn save(&self, meta: &SnapshotMeta, snapshot: Bytes) -> io::Result<()> {
        let mut newest = self.newest.lock().await;
        if *newest >= meta.last_log_id && newest.is_some() {
            return Ok(());
        }
        self.keeper.save(meta, snapshot).await?;
        *newest = meta.last_log_id;
        Ok(())
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
