//! Where the current snapshot is kept.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::state::{ClusterState, NAMES_MAX_CEILING};
use crate::type_config::SnapshotMeta;

/// The most bytes of a snapshot, 1 GiB. A million names of a common length have some 60 MB; this
/// is what all that a state may hold takes at its longest.
pub(crate) const SNAPSHOT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Bytes of 65,536 members at their longest, and of as many answers as a large cluster has.
const MEMBERS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of a row at its longest: a name, a connection, an epoch, an incarnation, and their tags.
const ROW_BYTES_MAX: u64 = 256 + 3 + 9 + 9 + 11 + 11 + 4;

/// Bytes of a loss: a row, and which it is.
const LOSS_BYTES_MAX: u64 = ROW_BYTES_MAX + 4 + 11 + 6;

// Besides the rows of the living there may be as many of the dead that are not swept yet.
const _: () = assert!(
    MEMBERS_BYTES_MAX + NAMES_MAX_CEILING * (2 * ROW_BYTES_MAX + LOSS_BYTES_MAX)
        <= SNAPSHOT_BYTES_MAX
);

/// Keeps one snapshot: the newest.
#[async_trait]
pub(crate) trait SnapshotKeeper: Send + Sync + Debug {
    /// Replaces the snapshot. Durable once it returns, where anything is.
    async fn save(&self, meta: &SnapshotMeta, state: Bytes) -> io::Result<()>;

    /// The snapshot, if there is one.
    async fn load(&self) -> io::Result<Option<(SnapshotMeta, Bytes)>>;

    /// The bytes of a state, made where it keeps nobody waiting.
    async fn encode(&self, state: Arc<ClusterState>) -> io::Result<Bytes>;

    /// The state of these bytes, likewise.
    async fn decode(&self, bytes: Bytes) -> io::Result<ClusterState>;
}
