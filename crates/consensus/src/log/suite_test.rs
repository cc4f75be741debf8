//! The engine's own suite for storage, run against the log, the snapshots and the state machine.

use std::sync::Arc;

use openraft::{
    StorageError,
    testing::log::{StoreBuilder, Suite},
};
use raftwire_environment::Environment;
use raftwire_protocol::NodeId;
use tokio::sync::watch;

use super::{LogOptions, LogStore, SnapshotStore};
use crate::{data_dir::DataDir, machine::Machine, type_config::TypeConfig};

/// Small enough that the suite's entries fill several segments.
const SEGMENT_BYTES: u64 = 200;

struct OnRealDisk;

impl StoreBuilder<TypeConfig, LogStore, Machine, tempfile::TempDir> for OnRealDisk {
    async fn build(
        &self,
    ) -> Result<(tempfile::TempDir, LogStore, Machine), StorageError<TypeConfig>> {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::real();
        let node: NodeId = "node1".parse().unwrap();
        let data_dir = DataDir::open(&environment, folder.path(), &node)
            .await
            .unwrap();
        let (log, machine) = stores(&environment, data_dir).await;
        Ok((folder, log, machine))
    }
}

struct InMemory;

impl StoreBuilder<TypeConfig, LogStore, Machine, ()> for InMemory {
    async fn build(&self) -> Result<((), LogStore, Machine), StorageError<TypeConfig>> {
        let environment = Environment::real();
        let data_dir = DataDir::ephemeral(&environment, &"node1".parse().unwrap()).unwrap();
        let (log, machine) = stores(&environment, data_dir).await;
        Ok(((), log, machine))
    }
}

async fn stores(environment: &Environment, data_dir: DataDir) -> (LogStore, Machine) {
    let data_dir = Arc::new(data_dir);
    let snapshots = SnapshotStore::open(environment, Arc::clone(&data_dir))
        .await
        .unwrap();
    #[allow(clippy::needless_update)] // a feature adds a field
    let options = LogOptions {
        segment_bytes: SEGMENT_BYTES,
        ..LogOptions::default()
    };
    let (log, _end) = LogStore::open(environment, data_dir, &snapshots, options)
        .await
        .unwrap();
    let (published, _) = watch::channel(Arc::default());
    let machine = Machine::new(Box::new(snapshots), published, Arc::default());
    (log, machine)
}

#[tokio::test(start_paused = true)]
async fn the_engines_storage_suite_passes_on_a_real_disk() {
    Suite::test_all(OnRealDisk).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_engines_storage_suite_passes_in_memory() {
    Suite::test_all(InMemory).await.unwrap();
}
