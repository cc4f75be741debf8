//! The snapshots as the state machine sees them.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_environment::{Environment, Executor, disk::turn};

use super::snapshot_file::{SnapshotError, SnapshotFiles, StoredSnapshot};
use crate::{
    data_dir::DataDir,
    snapshot::SnapshotKeeper,
    state::{ClusterState, decode_state, encode_state},
    type_config::SnapshotMeta,
    wire::{decode_snapshot_meta, encode_snapshot_meta},
};

/// The newest snapshot of a node, on disk. Reading and writing it takes a thread of its own, so
/// that it keeps nobody waiting: neither the engine nor the log.
#[derive(Debug)]
pub(crate) struct SnapshotStore {
    executor: Executor,
    files: Arc<Mutex<SnapshotFiles>>,
    covered: Option<u64>,
    /// The disk, and the lock of the folder on it.
    data_dir: Arc<DataDir>,
}

impl SnapshotStore {
    /// Opens the snapshots of `data_dir` and checks the newest.
    ///
    /// # Errors
    ///
    /// See [`SnapshotError`].
    pub(crate) async fn open(
        environment: &Environment,
        data_dir: Arc<DataDir>,
    ) -> Result<SnapshotStore, SnapshotError> {
        let executor = environment.executor("raft-snapshot");
        let (disk, dir) = (Arc::clone(data_dir.disk()), data_dir.snapshot_dir());
        let opened = executor
            .spawn("open-snapshots", async move {
                turn(disk.as_ref()).await;
                let files = SnapshotFiles::open(disk, &dir)?;
                let newest = files.load()?;
                Ok::<_, SnapshotError>((files, newest))
            })
            .await;
        let (files, newest) = opened.map_err(|_| SnapshotError::Interrupted)??;
        Ok(SnapshotStore {
            executor,
            files: Arc::new(Mutex::new(files)),
            covered: newest.and_then(|newest| newest.covered),
            data_dir,
        })
    }

    /// The last entry that the snapshot covered when it was opened.
    pub(super) fn covered(&self) -> Option<u64> {
        self.covered
    }

    /// Runs `work` on the thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut SnapshotFiles) -> Result<T, SnapshotError> + Send + 'static,
    ) -> io::Result<T> {
        let (files, disk) = (Arc::clone(&self.files), Arc::clone(self.data_dir.disk()));
        let done = self.executor.spawn(name, async move {
            turn(disk.as_ref()).await;
            work(&mut files.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await
            .map_err(|_| io::Error::other(SnapshotError::Interrupted))?
            .map_err(io::Error::other)
    }

    /// Runs `work`, which takes long and does not touch the disk, on that thread as well.
    async fn compute<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let done = self.executor.spawn(name, async move { work() });
        done.await
            .map_err(|_| io::Error::other(SnapshotError::Interrupted))
    }
}

#[async_trait]
impl SnapshotKeeper for SnapshotStore {
    async fn save(&self, meta: &SnapshotMeta, state: Bytes) -> io::Result<()> {
        let snapshot = StoredSnapshot {
            covered: meta.last_log_id.map(|log_id| log_id.index),
            description: encode_snapshot_meta(meta).into(),
            state,
        };
        self.run("save-snapshot", move |files| files.save(&snapshot))
            .await
    }

    async fn load(&self) -> io::Result<Option<(SnapshotMeta, Bytes)>> {
        let Some(snapshot) = self.run("load-snapshot", |files| files.load()).await? else {
            return Ok(None);
        };
        let meta = decode_snapshot_meta(&snapshot.description)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(Some((meta, snapshot.state)))
    }

    async fn encode(&self, state: Arc<ClusterState>) -> io::Result<Bytes> {
        self.compute("encode-snapshot", move || encode_state(&state).into())
            .await
    }

    async fn decode(&self, bytes: Bytes) -> io::Result<ClusterState> {
        self.compute("decode-snapshot", move || decode_state(bytes))
            .await?
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}
