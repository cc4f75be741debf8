//! What the library asks the agreed names.

use std::fmt;
use std::sync::Weak;

use async_trait::async_trait;
use raftwire_consensus::{NamePolicy, NameRow, NoQuorum, RaftNode, RegisterError};
use raftwire_protocol::{MintedId, Name};

/// The agreed names, as the library needs them; in its tests, others than the log's.
#[async_trait]
pub(crate) trait NameService: fmt::Debug + Send + Sync {
    /// What this node knows of a name. It may have been taken over since.
    fn name(&self, name: &Name) -> Option<NameRow>;

    /// What the cluster has agreed on by now. Concurrent questions are one question.
    async fn lookup(&self, name: &Name) -> Result<Option<NameRow>, NoQuorum>;

    /// Makes the name mean this connection; its epoch.
    async fn register(
        &self,
        name: Name,
        connection: MintedId,
        policy: NamePolicy,
    ) -> Result<u64, RegisterError>;

    /// Makes the name mean nothing, if it is still of this epoch.
    async fn unregister(&self, name: Name, epoch: u64);
}

/// The names in the log.
#[derive(Debug)]
pub(crate) struct RaftNames {
    /// Not held: a router that is kept must not keep the node.
    raft: Weak<RaftNode>,
}

impl RaftNames {
    pub(crate) fn new(raft: Weak<RaftNode>) -> RaftNames {
        RaftNames { raft }
    }
}

#[async_trait]
impl NameService for RaftNames {
    fn name(&self, name: &Name) -> Option<NameRow> {
        self.raft.upgrade()?.name(name)
    }

    async fn lookup(&self, name: &Name) -> Result<Option<NameRow>, NoQuorum> {
        let raft = self.raft.upgrade().ok_or(NoQuorum)?;
        raft.lookup(name).await
    }

    async fn register(
        &self,
        name: Name,
        connection: MintedId,
        policy: NamePolicy,
    ) -> Result<u64, RegisterError> {
        let raft = self.raft.upgrade().ok_or(RegisterError::NotMember)?;
        raft.register_name(name, connection, policy).await
    }

    async fn unregister(&self, name: Name, epoch: u64) {
        if let Some(raft) = self.raft.upgrade() {
            raft.unregister_name(name, epoch).await;
        }
    }
}
