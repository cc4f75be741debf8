use openraft::RaftLogReader as _;
use openraft::entry::RaftEntry as _;
use raftwire_protocol::{NodeId, RaftId};
use sha2::{Digest as _, Sha256};

use super::RaftNode;
use crate::engine;
use crate::follow::role;
use crate::inspection::{InspectedVote, Inspection};
use crate::wire::encode_entry;

/// How many of the last entries an inspection shows.
const ENTRIES_SHOWN: u64 = 256;

impl RaftNode {
    /// Who votes, by name, as far as this node's log says; nobody where it says nothing of it.
    pub fn voters(&self) -> Vec<NodeId> {
        let Some(running) = self.running.get() else {
            return Vec::new();
        };
        let report = engine::metrics(&running.shared.engine);
        let membership = report.membership_config.membership();
        let voters = report.membership_config.voter_ids();
        voters
            .filter_map(|voter| membership.get_node(&voter)?.node.parse().ok())
            .collect()
    }

    /// Who has the log, by name, voters or not, as far as this node's log says.
    pub fn seated(&self) -> Vec<NodeId> {
        let Some(running) = self.running.get() else {
            return Vec::new();
        };
        let report = engine::metrics(&running.shared.engine);
        let seats = report.membership_config.nodes();
        seats
            .filter_map(|(_, seat)| seat.node.parse().ok())
            .collect()
    }

    /// A look inside, for diagnosis and for the invariants of a simulation. Nothing before
    /// [`start`](Self::start).
    pub async fn inspect(&self) -> Option<Inspection> {
        let running = self.running.get()?;
        let report = engine::metrics(&running.shared.engine);
        let mut log = running.log.clone();
        let vote = log.saved_vote();
        let end = report.last_log_index.map_or(0, |last| last + 1);
        let entries = log
            .try_get_log_entries(end.saturating_sub(ENTRIES_SHOWN)..)
            .await
            .unwrap_or_default();
        let state = running.shared.state();
        Some(Inspection {
            raft_id: self.raft_id,
            term: report.current_term,
            role: role(report.state),
            leader: report.current_leader.map(RaftId::new),
            vote: vote.map(|vote| InspectedVote {
                term: vote.leader_id.term,
                candidate: RaftId::new(vote.leader_id.voted_for),
                won: vote.committed,
            }),
            entries: entries
                .iter()
                .map(|entry| {
                    let digest = Sha256::digest(encode_entry(entry)).into();
                    (entry.index(), entry.log_id.leader_id.term, digest)
                })
                .collect(),
            committed_index: report.local_committed.map(|committed| committed.index),
            applied_index: state.applied_index,
            state_hash: state.hash(),
            voters: report
                .membership_config
                .voter_ids()
                .map(|voter| {
                    let seat = report.membership_config.membership().get_node(&voter);
                    (
                        RaftId::new(voter),
                        seat.and_then(|seat| seat.node.parse().ok()),
                    )
                })
                .collect(),
        })
    }
}
