//! Votes, log ids, entries and snapshot descriptions.

use std::collections::{BTreeMap, BTreeSet};

use openraft::EntryPayload;
use openraft::entry::RaftEntry as _;

use super::{WireError, decode, encode};
use crate::type_config::{
    CommittedLeaderId, Entry, LogId, Membership, Seat, SnapshotMeta, StoredMembership, Vote,
};

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct LogIdRecord {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    index: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct VoteRecord {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    candidate: u64,
    #[prost(bool, tag = "3")]
    committed: bool,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct EntryRecord {
    #[prost(message, required, tag = "1")]
    log_id: LogIdRecord,
    #[prost(oneof = "PayloadRecord", tags = "2, 3, 4")]
    payload: Option<PayloadRecord>,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
enum PayloadRecord {
    #[prost(message, tag = "2")]
    Blank(BlankRecord),
    #[prost(bytes = "vec", tag = "3")]
    Command(Vec<u8>),
    #[prost(message, tag = "4")]
    Membership(MembershipRecord),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct BlankRecord {}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct MembershipRecord {
    #[prost(message, repeated, tag = "1")]
    configs: Vec<VoterSetRecord>,
    #[prost(message, repeated, tag = "2")]
    seats: Vec<SeatRecord>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct VoterSetRecord {
    #[prost(uint64, repeated, tag = "1")]
    raft_ids: Vec<u64>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct SeatRecord {
    #[prost(uint64, tag = "1")]
    raft_id: u64,
    #[prost(string, tag = "2")]
    node: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct SnapshotMetaRecord {
    #[prost(message, optional, tag = "1")]
    last: Option<LogIdRecord>,
    #[prost(message, optional, tag = "2")]
    membership_log_id: Option<LogIdRecord>,
    #[prost(message, optional, tag = "3")]
    membership: Option<MembershipRecord>,
}

/// The bytes of a vote.
pub fn encode_vote(vote: &Vote) -> Vec<u8> {
    encode(&VoteRecord::from(vote))
}

/// A vote from its bytes.
///
/// # Errors
///
/// When the bytes are no vote.
pub fn decode_vote(bytes: &[u8]) -> Result<Vote, WireError> {
    Ok(decode::<VoteRecord>(bytes)?.into())
}

/// The bytes of a log id.
pub fn encode_log_id(log_id: &LogId) -> Vec<u8> {
    encode(&LogIdRecord::from(log_id))
}

/// A log id from its bytes.
///
/// # Errors
///
/// When the bytes are no log id.
pub fn decode_log_id(bytes: &[u8]) -> Result<LogId, WireError> {
    Ok(decode::<LogIdRecord>(bytes)?.into())
}

/// The bytes of a log entry.
pub fn encode_entry(entry: &Entry) -> Vec<u8> {
    let payload = match &entry.payload {
        EntryPayload::Blank => PayloadRecord::Blank(BlankRecord {}),
        EntryPayload::Normal(command) => {
            PayloadRecord::Command(super::command::encode_command(command).to_vec())
        }
        EntryPayload::Membership(membership) => {
            PayloadRecord::Membership(MembershipRecord::from(membership))
        }
    };
    encode(&EntryRecord {
        log_id: LogIdRecord::from(&entry.log_id),
        payload: Some(payload),
    })
}

/// A log entry from its bytes.
///
/// # Errors
///
/// When the bytes are no entry. A command that this version does not know *is* an entry
/// ([`Command::Unknown`](crate::command::Command::Unknown)): it is kept, and stops the node only
/// when it is applied.
pub fn decode_entry(bytes: &[u8]) -> Result<Entry, WireError> {
    let record: EntryRecord = decode(bytes)?;
    let payload = match record.payload.ok_or(WireError::Field("payload"))? {
        PayloadRecord::Blank(_) => EntryPayload::Blank,
        PayloadRecord::Command(bytes) => {
            EntryPayload::Normal(super::command::decode_command(bytes.into())?)
        }
        PayloadRecord::Membership(membership) => EntryPayload::Membership(membership.try_into()?),
    };
    Ok(Entry::new(record.log_id.into(), payload))
}

/// The bytes that say what a snapshot covers.
pub fn encode_snapshot_meta(meta: &SnapshotMeta) -> Vec<u8> {
    encode(&SnapshotMetaRecord::from(meta))
}

/// What a snapshot covers, from its bytes.
///
/// # Errors
///
/// When the bytes are no description of a snapshot.
pub fn decode_snapshot_meta(bytes: &[u8]) -> Result<SnapshotMeta, WireError> {
    decode::<SnapshotMetaRecord>(bytes)?.try_into()
}

impl From<&LogId> for LogIdRecord {
    fn from(log_id: &LogId) -> Self {
        LogIdRecord {
            term: log_id.leader_id.term,
            index: log_id.index,
        }
    }
}

impl From<LogIdRecord> for LogId {
    fn from(record: LogIdRecord) -> Self {
        LogId {
            leader_id: CommittedLeaderId::new(record.term),
            index: record.index,
        }
    }
}

impl From<&Vote> for VoteRecord {
    fn from(vote: &Vote) -> Self {
        VoteRecord {
            term: vote.leader_id.term,
            candidate: vote.leader_id.voted_for,
            committed: vote.committed,
        }
    }
}

impl From<VoteRecord> for Vote {
    fn from(record: VoteRecord) -> Self {
        if record.committed {
            Vote::new_committed(record.term, record.candidate)
        } else {
            Vote::new(record.term, record.candidate)
        }
    }
}

impl From<&Membership> for MembershipRecord {
    fn from(membership: &Membership) -> Self {
        MembershipRecord {
            configs: membership
                .get_joint_config()
                .iter()
                .map(|voters| VoterSetRecord {
                    raft_ids: voters.iter().copied().collect(),
                })
                .collect(),
            seats: membership
                .nodes()
                .map(|(raft_id, seat)| SeatRecord {
                    raft_id: *raft_id,
                    node: seat.node.clone(),
                })
                .collect(),
        }
    }
}

impl TryFrom<MembershipRecord> for Membership {
    type Error = WireError;

    fn try_from(record: MembershipRecord) -> Result<Self, WireError> {
        let configs: Vec<BTreeSet<u64>> = record
            .configs
            .into_iter()
            .map(|set| set.raft_ids.into_iter().collect())
            .collect();
        let seats: BTreeMap<u64, Seat> = record
            .seats
            .into_iter()
            .map(|seat| (seat.raft_id, Seat { node: seat.node }))
            .collect();
        if configs.is_empty() && seats.is_empty() {
            return Ok(Membership::default());
        }
        Membership::new(configs, seats).map_err(|_| WireError::Field("membership"))
    }
}

impl From<&SnapshotMeta> for SnapshotMetaRecord {
    fn from(meta: &SnapshotMeta) -> Self {
        SnapshotMetaRecord {
            last: meta.last_log_id.as_ref().map(LogIdRecord::from),
            membership_log_id: meta
                .last_membership
                .log_id()
                .as_ref()
                .map(LogIdRecord::from),
            membership: Some(MembershipRecord::from(meta.last_membership.membership())),
        }
    }
}

impl TryFrom<SnapshotMetaRecord> for SnapshotMeta {
    type Error = WireError;

    fn try_from(record: SnapshotMetaRecord) -> Result<Self, WireError> {
        let membership = record
            .membership
            .ok_or(WireError::Field("membership"))?
            .try_into()?;
        Ok(SnapshotMeta {
            last_log_id: record.last.map(LogId::from),
            last_membership: StoredMembership::new(
                record.membership_log_id.map(LogId::from),
                membership,
            ),
        })
    }
}
