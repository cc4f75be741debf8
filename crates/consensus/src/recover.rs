//! What an operator does when the majority of the voters is gone for good.
//!
//! Offline, on the folder of one node: it becomes the only voter of a new cluster, which goes on from
//! what this node has. Nothing can tell what the lost majority had committed beyond that.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use openraft::storage::{RaftLogReader as _, RaftLogStorage as _};
use openraft::{EntryPayload, Membership};
use raftwire_environment::Environment;
use raftwire_protocol::NodeId;

use crate::data_dir::{DataDir, DataDirError};
use crate::log::{LogEnd, LogOptions, LogStore, SnapshotStore};
use crate::snapshot::SnapshotKeeper as _;
use crate::state::{
    ClusterState, DownReason, Liveness, UnknownCommand, decode_state, encode_state,
};
use crate::type_config::{CommittedLeaderId, LogId, Seat, SnapshotMeta, StoredMembership, Vote};

/// Why a folder cannot be recovered from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The folder cannot be used; a node that runs has it locked.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log holds nothing of a cluster: there is nothing to go on from.
    #[error(
        "the folder of {node} has no log to recover from: an edge keeps none, nor does a node that \
         never joined a cluster. Recover the folder of a voter or a spare, and start {node} with an \
         empty folder then; where none of those is left, start all nodes with empty folders as a \
         new cluster"
    )]
    NoCluster {
        /// Whose folder it is.
        node: NodeId,
    },
    /// The log is of a later version.
    #[error(transparent)]
    UnknownCommand(#[from] UnknownCommand),
    /// Log or snapshot could not be read or written.
    #[error("the log or the snapshot cannot be used: {0}")]
    Io(#[from] std::io::Error),
}

/// A folder that could become a cluster of its own, locked and read, and not changed yet.
#[derive(Debug)]
pub struct Recovery {
    environment: Environment,
    node: NodeId,
    data_dir: Arc<DataDir>,
    snapshots: SnapshotStore,
    log: LogStore,
    log_end: LogEnd,
    state: ClusterState,
    last: LogId,
    committed_index: u64,
    term: u64,
    voters: Vec<NodeId>,
}

impl Recovery {
    /// Reads a folder: everything in its log counts, whether it is known to be committed or not.
    ///
    /// # Errors
    ///
    /// See [`RecoverError`]. Nothing has changed then.
    pub async fn open(environment: Environment, root: &Path) -> Result<Recovery, RecoverError> {
        let (data_dir, node) = DataDir::open_existing(&environment, root).await?;
        let data_dir = Arc::new(data_dir);
        let snapshots = SnapshotStore::open(&environment, Arc::clone(&data_dir))
            .await
            .map_err(DataDirError::from)?;
        let options = LogOptions::default();
        let (log, log_end) =
            LogStore::open(&environment, Arc::clone(&data_dir), &snapshots, options)
                .await
                .map_err(DataDirError::from)?;
        let no_cluster = || RecoverError::NoCluster { node: node.clone() };
        let mut recovery = Recovery {
            last: LogId {
                leader_id: CommittedLeaderId::new(0),
                index: 0,
            },
            state: ClusterState::default(),
            committed_index: 0,
            term: 0,
            voters: Vec::new(),
            environment,
            node: node.clone(),
            data_dir,
            snapshots,
            log,
            log_end,
        };
        recovery.replay().await?;
        if recovery.state.cluster_id.is_none() {
            return Err(no_cluster());
        }
        Ok(recovery)
    }

    async fn replay(&mut self) -> Result<(), RecoverError> {
        if let Some((meta, snapshot)) = self.snapshots.load().await? {
            self.state = decode_state(snapshot).map_err(std::io::Error::other)?;
            self.last = meta.last_log_id.unwrap_or(self.last);
            self.voters = voters_of(meta.last_membership.membership());
        }
        let mut reader = self.log.get_log_reader().await;
        let first = self.state.cluster_id.map_or(0, |_| self.last.index + 1);
        for entry in reader.try_get_log_entries(first..).await? {
            let command = match &entry.payload {
                EntryPayload::Blank => None,
                EntryPayload::Normal(command) => Some(command),
                EntryPayload::Membership(membership) => {
                    self.voters = voters_of(membership);
                    None
                }
            };
            let LogId { leader_id, index } = entry.log_id;
            self.state.apply(leader_id.term, index, command)?;
            self.last = entry.log_id;
        }
        let vote = reader.read_vote().await?;
        let voted_in = vote.map_or(0, |vote| vote.leader_id.term);
        self.term = voted_in.max(self.last.leader_id.term);
        let committed = self.log.read_committed().await?;
        let known = committed.map_or(0, |committed| committed.index);
        self.committed_index = known.min(self.last.index);
        Ok(())
    }

    /// Whose folder it is.
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// The cluster that the folder is of.
    pub fn cluster_id(&self) -> Option<u128> {
        self.state.cluster_id
    }

    /// The last entry of the log. What the old cluster committed after it is lost.
    pub fn last_index(&self) -> u64 {
        self.last.index
    }

    /// The index up to which the node knew entries to be committed. Entries after it are kept, though
    /// the old cluster may have committed others in their place.
    pub fn committed_index(&self) -> u64 {
        self.committed_index
    }

    /// Who voted in the old cluster, as far as this node knows, sorted.
    pub fn voters(&self) -> &[NodeId] {
        &self.voters
    }

    /// The members that were alive, as far as this node knows: to the new cluster they are dead.
    pub fn living_members(&self) -> Vec<NodeId> {
        let members = self.state.members.iter();
        let living = members.filter(|(_, member)| member.is_alive());
        living.map(|(node, _)| node.clone()).collect()
    }

    /// Makes the node the only voter of a new cluster: a new cluster id and a new Raft id, the same
    /// settings and history of incarnations; every member is dead, so that its names mean nothing any
    /// more, and may join again, with an empty data folder. Returns the new cluster's id.
    ///
    /// # Errors
    ///
    /// When the disk refuses. The folder is then of the old cluster or of the new one, and this can be
    /// done again.
    pub async fn found_new_cluster(mut self) -> Result<u128, RecoverError> {
        let mut cluster_id = [0; 16];
        self.environment.fill_random(&mut cluster_id);
        let cluster_id = u128::from_be_bytes(cluster_id);
        // First of all: from here on the folder answers nobody who takes it for the old voter.
        let raft_id = self
            .data_dir
            .renew_raft_id(&self.environment, &self.node)
            .await?;
        let term = self.term + 1;
        self.log.save_vote(&Vote::new(term, raft_id.get())).await?;
        // An entry that no log of the old cluster has.
        let last = LogId {
            leader_id: CommittedLeaderId::new(term),
            index: self.last.index + 1,
        };
        let seat = Seat {
            node: self.node.as_str().to_owned(),
        };
        let voters = vec![std::iter::once(raft_id.get()).collect()];
        let seats: std::collections::BTreeMap<u64, Seat> =
            std::iter::once((raft_id.get(), seat)).collect();
        let membership = Membership::new(voters, seats).map_err(std::io::Error::other)?;
        let state = new_cluster(self.state, cluster_id, last.index);
        let meta = SnapshotMeta {
            last_log_id: Some(last),
            last_membership: StoredMembership::new(Some(last), membership),
        };
        // This is the moment: a folder with this snapshot is of the new cluster.
        self.snapshots
            .save(&meta, Bytes::from(encode_state(&state)))
            .await?;
        self.log.purge(last).await?;
        self.log.save_committed(Some(last)).await?;
        drop(self.log);
        self.log_end.reached().await;
        Ok(cluster_id)
    }
}

fn voters_of(membership: &Membership<u64, Seat>) -> Vec<NodeId> {
    let seats = membership.voter_ids();
    let names = seats.filter_map(|voter| membership.get_node(&voter)?.node.parse().ok());
    let mut voters: Vec<NodeId> = names.collect();
    voters.sort();
    voters.dedup();
    voters
}

/// What the new cluster begins with.
fn new_cluster(mut state: ClusterState, cluster_id: u128, index: u64) -> ClusterState {
    for member in state.members.values_mut() {
        if member.is_alive() {
            member.liveness = Liveness::Dead {
                at: index,
                reason: DownReason::LeaseEnded,
            };
            state.names.end(member.incarnation);
        }
    }
    state.cluster_id = Some(cluster_id);
    state.applied_index = index;
    state.settings_changed_at = index;
    state.changed_at = index;
    state
}
