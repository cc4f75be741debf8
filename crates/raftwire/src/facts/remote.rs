//! What this node knows of the rows of one other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use raftwire_link::LinkIdentity;

use super::memberships::ROWS_PER_NODE_MAX;
use super::replica::{ImpossibleFacts, Pull, Replica};
use super::row::Row;
use super::step::{Digest, Position, Step};
use super::view::OwnedFactsView;

/// Rows that a copy takes at most: twice what a writer of this version holds, so that a newer one may
/// hold somewhat more.
const REPLICA_ROWS_MAX: usize = 2 * ROWS_PER_NODE_MAX;

/// The copy of another node's rows, and how much of this node's own history it has acknowledged, for as
/// long as the incarnations of both last.
#[derive(Debug)]
pub(crate) struct RemoteFacts {
    identity: LinkIdentity,
    replica: Arc<RwLock<Replica>>,
    acknowledged: AtomicU64,
}

/// What came of something that the other node sent.
pub(crate) struct Followed {
    /// The last change of the other node's that the copy contains.
    pub(crate) sequence: u64,
    /// What to ask the other node for.
    pub(crate) pull: Option<Position>,
}

impl RemoteFacts {
    pub(super) fn new(identity: LinkIdentity) -> RemoteFacts {
        RemoteFacts {
            identity,
            replica: Arc::new(RwLock::new(Replica::new(REPLICA_ROWS_MAX))),
            acknowledged: AtomicU64::new(0),
        }
    }

    /// The same between other incarnations: the copy is kept where the other node's is the same, and
    /// doubted, since what was sent to this node while it was dead did not arrive.
    pub(super) fn with_identity(&self, identity: LinkIdentity) -> RemoteFacts {
        if identity.remote_incarnation != self.identity.remote_incarnation {
            return RemoteFacts::new(identity);
        }
        let replica = Arc::clone(&self.replica);
        replica
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .doubt();
        RemoteFacts {
            identity,
            replica,
            acknowledged: AtomicU64::new(0),
        }
    }

    pub(crate) fn identity(&self) -> &LinkIdentity {
        &self.identity
    }

    /// Whether messages for the row's connections have to be sent there.
    pub(crate) fn may_hold(&self, row: &Row) -> bool {
        let replica = self.replica.read().unwrap_or_else(PoisonError::into_inner);
        replica.may_hold(row)
    }

    pub(super) fn view(&self) -> OwnedFactsView {
        let replica = self.replica.read().unwrap_or_else(PoisonError::into_inner);
        OwnedFactsView {
            incarnation: self.identity.remote_incarnation,
            sequence: replica.sequence(),
            hash: replica.rows().hash(),
            rows: replica.rows().len(),
            is_current: replica.is_current(),
        }
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Returns whether that is news.
    pub(super) fn acknowledge(&self, sequence: u64) -> bool {
        self.acknowledged.fetch_max(sequence, Ordering::Relaxed) < sequence
    }

    /// Takes a step; `None`: it cannot be.
    pub(crate) fn on_step(&self, step: Step, now: Instant) -> Option<Followed> {
        self.followed(|replica| replica.on_step(step, now))
    }

    /// Compares the copy with what the other node says of its rows.
    pub(crate) fn on_digest(&self, digest: &Digest, now: Instant) -> Option<Followed> {
        self.followed(|replica| Ok(replica.on_digest(digest, now)))
    }

    fn followed(
        &self,
        follow: impl FnOnce(&mut Replica) -> Result<Option<Pull>, ImpossibleFacts>,
    ) -> Option<Followed> {
        let mut replica = self.replica.write().unwrap_or_else(PoisonError::into_inner);
        let pull = follow(&mut replica)
            .inspect_err(|error| tracing::debug!(%error, "facts not taken"))
            .ok()?;
        Some(Followed {
            sequence: replica.sequence(),
            pull: pull.map(|Pull(position)| position),
        })
    }
}
