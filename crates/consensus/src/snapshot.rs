//! Where the current snapshot is kept.

use std::fmt::Debug;
use std::io;

use async_trait::async_trait;
use bytes::Bytes;

use crate::type_config::SnapshotMeta;

/// The most bytes of a snapshot, 32 MiB: the state of 65,536 members at their longest.
pub(crate) const SNAPSHOT_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Keeps one snapshot: the newest.
#[async_trait]
pub(crate) trait SnapshotKeeper: Send + Sync + Debug {
    /// Replaces the snapshot. Durable once it returns, where anything is.
    async fn save(&self, meta: &SnapshotMeta, state: Bytes) -> io::Result<()>;

    /// The snapshot, if there is one.
    async fn load(&self) -> io::Result<Option<(SnapshotMeta, Bytes)>>;
}
