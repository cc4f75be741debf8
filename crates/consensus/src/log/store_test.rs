//! The engine's view of the log on a disk that crashes and fails.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use openraft::{
    RaftLogReader as _,
    entry::RaftEntry as _,
    storage::{IOFlushed, RaftLogStorage as _, RaftLogStorageExt as _},
    type_config::TypeConfigExt as _,
};
use raftwire_environment::{Environment, Fault, SimulatedDisk};
use raftwire_protocol::NodeId;

use super::{LogEnd, LogOpenError, LogOptions, LogStore, SnapshotStore, store::READ_BYTES_MAX};
use crate::{
    command::Command,
    data_dir::DataDir,
    snapshot::SnapshotKeeper as _,
    type_config::{
        CommittedLeaderId, Entry, LogId, Payload, SnapshotMeta, StoredMembership, TypeConfig, Vote,
    },
};

const ROOT: &str = "/data";

fn node() -> NodeId {
    "node1".parse().unwrap()
}

fn log_id(index: u64) -> LogId {
    LogId {
        leader_id: CommittedLeaderId::new(1),
        index,
    }
}

fn entry(index: u64) -> Entry {
    Entry::new_blank(log_id(index))
}

/// An entry of about `bytes` bytes.
fn large_entry(index: u64, bytes: usize) -> Entry {
    let mut command = Vec::new();
    prost::encoding::bytes::encode(1_000, &vec![0xFF; bytes], &mut command);
    let command = Command::Unknown(command.into());
    Entry::new(log_id(index), Payload::Normal(command))
}

/// A node's storage on `disk`, as a start of the process finds it.
struct Opened {
    log: LogStore,
    end: LogEnd,
    snapshots: SnapshotStore,
}

impl Opened {
    async fn on(disk: &SimulatedDisk) -> Opened {
        Self::with(disk, LogOptions::default()).await.unwrap()
    }

    async fn with(disk: &SimulatedDisk, options: LogOptions) -> Result<Opened, LogOpenError> {
        let environment = Environment::simulated(1, disk.clone());
        let data_dir = DataDir::open(&environment, Path::new(ROOT), &node())
            .await
            .unwrap();
        let data_dir = Arc::new(data_dir);
        let snapshots = SnapshotStore::open(&environment, Arc::clone(&data_dir))
            .await
            .unwrap();
        let (log, end) = LogStore::open(&environment, data_dir, &snapshots, options).await?;
        Ok(Opened {
            log,
            end,
            snapshots,
        })
    }

    async fn indexes(&mut self) -> Vec<u64> {
        let mut reader = self.log.get_log_reader().await;
        let entries = reader.try_get_log_entries(..).await.unwrap();
        entries.iter().map(|entry| entry.log_id.index).collect()
    }

    async fn vote(&mut self) -> Option<Vote> {
        let mut reader = self.log.get_log_reader().await;
        reader.read_vote().await.unwrap()
    }

    /// Appends without waiting for the disk.
    async fn append(
        &mut self,
        index: u64,
    ) -> std::io::Result<impl Future<Output = std::io::Result<()>> + use<>> {
        let (flushed, on_flush) = TypeConfig::oneshot();
        self.log
            .append([entry(index)], IOFlushed::signal(flushed))
            .await?;
        Ok(async move { on_flush.await.unwrap() })
    }
}

#[tokio::test(start_paused = true)]
async fn appends_that_come_together_share_one_sync() {
    let disk = SimulatedDisk::new(1);
    let mut opened = Opened::on(&disk).await;
    disk.fail(Fault::SyncFails { nth: 2 });

    let mut flushes = Vec::new();
    for index in 0..64 {
        flushes.push(opened.append(index).await.unwrap());
    }
    for flush in flushes {
        flush.await.unwrap();
    }

    opened.append(64).await.unwrap().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn an_entry_can_be_read_before_it_is_durable() {
    let disk = SimulatedDisk::new(1);
    let mut opened = Opened::on(&disk).await;

    let flush = opened.append(0).await.unwrap();

    assert_eq!(opened.indexes().await, [0]);
    flush.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_sync_nothing_is_answered_for() {
    let disk = SimulatedDisk::new(1);
    let mut opened = Opened::on(&disk).await;
    disk.fail(Fault::SyncFails { nth: 1 });

    let first = opened.append(0).await.unwrap();
    let second = opened.append(1).await.unwrap();
    let cause = first.await.unwrap_err().to_string();
    disk.heal();

    assert!(cause.contains("cannot sync /data/log/0000000000000001.segment"));
    assert_eq!(second.await.unwrap_err().to_string(), cause);
    let later = [
        opened.log.append([entry(2)], IOFlushed::noop()).await,
        opened.log.save_vote(&Vote::new(2, 1)).await,
        opened.log.save_committed(Some(log_id(0))).await,
        opened.log.truncate_after(Some(log_id(0))).await,
        opened.log.purge(log_id(0)).await,
    ];
    for result in later {
        assert_eq!(result.unwrap_err().to_string(), cause);
    }
}

#[tokio::test(start_paused = true)]
async fn everything_is_there_after_a_clean_end() {
    let disk = SimulatedDisk::new(1);
    let mut opened = Opened::on(&disk).await;
    opened
        .log
        .save_vote(&Vote::new_committed(3, 9))
        .await
        .unwrap();
    opened.log.blocking_append((0..5).map(entry)).await.unwrap();
    opened.log.truncate_after(Some(log_id(3))).await.unwrap();
    opened.log.save_committed(Some(log_id(1))).await.unwrap();
    opened.log.save_committed(Some(log_id(2))).await.unwrap();

    drop((opened.log, opened.snapshots));
    opened.end.reached().await;
    let mut opened = Opened::on(&disk).await;

    assert_eq!(opened.indexes().await, [0, 1, 2, 3]);
    assert_eq!(opened.vote().await, Some(Vote::new_committed(3, 9)));
    assert_eq!(opened.log.read_committed().await.unwrap(), Some(log_id(2)));
    let state = opened.log.get_log_state().await.unwrap();
    assert_eq!(state.last_log_id, Some(log_id(3)));
    assert_eq!(state.last_purged_log_id, None);
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_for_is_there_after_a_crash() {
    for seed in 0..100 {
        let disk = SimulatedDisk::new(seed);
        let mut opened = Opened::on(&disk).await;
        opened.log.save_vote(&Vote::new(2, 7)).await.unwrap();
        let answered = opened.append(0).await.unwrap();
        answered.await.unwrap();
        for index in 1..4 {
            let _unanswered = opened.append(index).await.unwrap();
        }

        disk.crash();
        let mut opened = Opened::on(&disk).await;

        assert_eq!(opened.indexes().await, [0]);
        assert_eq!(opened.vote().await, Some(Vote::new(2, 7)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_for_another_node_is_bounded_in_bytes_and_never_empty() {
    let disk = SimulatedDisk::new(1);
    let mut opened = Opened::on(&disk).await;
    let bytes = READ_BYTES_MAX / 4 + 1;
    let entries: Vec<Entry> = (0..5).map(|index| large_entry(index, bytes)).collect();
    opened.log.blocking_append(entries).await.unwrap();
    let huge = large_entry(5, READ_BYTES_MAX * 2);
    opened.log.blocking_append([huge]).await.unwrap();
    let mut reader = opened.log.get_log_reader().await;

    assert_eq!(reader.limited_get_log_entries(0, 6).await.unwrap().len(), 3);
    assert_eq!(reader.limited_get_log_entries(0, 2).await.unwrap().len(), 2);
    assert_eq!(reader.limited_get_log_entries(5, 6).await.unwrap().len(), 1);
    assert_eq!(reader.try_get_log_entries(0..6).await.unwrap().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_purged_beyond_the_snapshot_is_refused() {
    let disk = SimulatedDisk::new(1);
    let mut opened = Opened::on(&disk).await;
    let meta = SnapshotMeta {
        last_log_id: Some(log_id(4)),
        last_membership: StoredMembership::default(),
    };
    let state = Bytes::from_static(b"state");
    opened.snapshots.save(&meta, state.clone()).await.unwrap();
    opened.log.blocking_append((0..8).map(entry)).await.unwrap();
    opened.log.purge(log_id(4)).await.unwrap();
    drop((opened.log, opened.snapshots));
    opened.end.reached().await;

    let mut opened = Opened::on(&disk).await;
    let loaded = opened.snapshots.load().await.unwrap();
    assert_eq!(loaded, Some((meta, state)));
    opened.log.purge(log_id(6)).await.unwrap();
    drop((opened.log, opened.snapshots));
    opened.end.reached().await;

    let error = Opened::with(&disk, LogOptions::default()).await.err();
    assert_eq!(
        error.unwrap().to_string(),
        "entries up to 6 were purged from /data/log, but the newest snapshot covers Some(4)"
    );
}

#[cfg(feature = "wrong-variants")]
#[tokio::test(start_paused = true)]
async fn the_wrong_variant_forgets_a_vote_when_it_starts_again() {
    let disk = SimulatedDisk::new(1);
    let options = LogOptions {
        forget_vote: true,
        ..LogOptions::default()
    };
    let mut opened = Opened::with(&disk, options).await.unwrap();
    opened.log.save_vote(&Vote::new(2, 7)).await.unwrap();
    assert_eq!(opened.vote().await, Some(Vote::new(2, 7)));
    opened.append(0).await.unwrap().await.unwrap();

    disk.crash();
    let mut opened = Opened::with(&disk, options).await.unwrap();

    assert_eq!(opened.indexes().await, [0]);
    assert_eq!(opened.vote().await, None);
}
