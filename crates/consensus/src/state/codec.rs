//! The canonical encoding of the state: snapshots and the hash.
//!
//! One state has one encoding: fields in the order of their tags but for the names, which come last; members
//! and names in the order of their texts, and no map of prost's.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use raftwire_protocol::{Boot, Incarnation, NodeId, RaftId, Session, Slot};
use sha2::{Digest as _, Sha256};

use super::names::{HolderRecord, NameRecord, encode_rows, from_records, holder_records};
use super::{
    ClusterState, DownReason, Liveness, Member, NAMES_MAX_DEFAULT, Predecessor, Removals,
    WireVersions,
};
use crate::wire::{WireError, decode_bytes, encode, parse_node, parse_u128};

/// A row inside its record: a tag, and a length of up to three bytes.
const ROW_ENVELOPE_BYTES_MAX: usize = 4;

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct StateRecord {
    #[prost(bytes = "vec", optional, tag = "1")]
    cluster_id: Option<Vec<u8>>,
    #[prost(string, repeated, tag = "2")]
    founding: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    members: Vec<MemberRecord>,
    #[prost(uint64, tag = "4")]
    applied_index: u64,
    #[prost(uint32, tag = "5")]
    wire_version: u32,
    #[prost(uint64, tag = "6")]
    lease_ms: u64,
    #[prost(uint64, tag = "7")]
    last_incarnation: u64,
    #[prost(uint32, tag = "8")]
    slots_issued: u32,
    #[prost(bool, tag = "9")]
    ephemeral: bool,
    #[prost(message, repeated, tag = "15")]
    removals: Vec<RemovalRecord>,
    #[prost(uint64, tag = "16")]
    removals_forgotten_at: u64,
    #[prost(uint64, tag = "17")]
    settings_changed_at: u64,
    #[prost(message, repeated, tag = "18")]
    freed_slots: Vec<FreedSlotRecord>,
    /// The default is left out.
    #[prost(uint64, optional, tag = "10")]
    names_max: Option<u64>,
    /// Written by [`encode_rows`], behind everything else.
    #[prost(message, repeated, tag = "11")]
    names: Vec<NameRecord>,
    #[prost(message, repeated, tag = "12")]
    holders: Vec<HolderRecord>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct RemovalRecord {
    #[prost(uint64, tag = "1")]
    at: u64,
    #[prost(string, tag = "2")]
    node: String,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct FreedSlotRecord {
    #[prost(uint32, tag = "1")]
    slot: u32,
    #[prost(uint32, tag = "2")]
    boot: u32,
}

/// The tag of the names in [`StateRecord`].
const NAMES_TAG: u32 = 11;

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct MemberRecord {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(uint64, tag = "2")]
    raft_id: u64,
    #[prost(bytes = "vec", tag = "3")]
    session: Vec<u8>,
    #[prost(uint64, tag = "4")]
    incarnation: u64,
    #[prost(uint32, tag = "5")]
    slot: u32,
    #[prost(uint32, tag = "6")]
    boot: u32,
    #[prost(uint64, tag = "7")]
    joined_at: u64,
    #[prost(message, optional, tag = "8")]
    dead: Option<EndRecord>,
    #[prost(uint64, tag = "9")]
    predecessor: u64,
    #[prost(message, optional, tag = "10")]
    predecessor_end: Option<EndRecord>,
    #[prost(string, optional, tag = "11")]
    address: Option<String>,
    #[prost(bool, tag = "12")]
    ephemeral: bool,
    #[prost(bool, tag = "13")]
    edge: bool,
    #[prost(uint32, tag = "14")]
    version_min: u32,
    #[prost(uint32, tag = "15")]
    version_max: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct EndRecord {
    #[prost(uint64, tag = "1")]
    at: u64,
    #[prost(uint32, tag = "2")]
    reason: u32,
}

/// The bytes of a state.
pub fn encode_state(state: &ClusterState) -> Vec<u8> {
    let mut bytes = encode(&StateRecord::from(state));
    encode_rows(&state.names, NAMES_TAG, &mut bytes);
    bytes
}

/// A state from its bytes.
///
/// # Errors
///
/// When the bytes are no state.
pub fn decode_state(bytes: Bytes) -> Result<ClusterState, WireError> {
    decode_bytes::<StateRecord>(bytes)?.try_into()
}

/// See [`ClusterState::hash`].
pub(super) fn hash(state: &ClusterState) -> [u8; 32] {
    Sha256::digest(encode_state(state)).into()
}

impl From<&ClusterState> for StateRecord {
    fn from(state: &ClusterState) -> Self {
        StateRecord {
            members: state.members.iter().map(MemberRecord::from).collect(),
            freed_slots: state
                .freed_slots
                .iter()
                .map(|(slot, boot)| FreedSlotRecord {
                    slot: u32::from(slot.get()),
                    boot: boot.get(),
                })
                .collect(),
            holders: holder_records(&state.names),
            ..header(state)
        }
    }
}

/// What is not a table: the settings and the counters.
fn header(state: &ClusterState) -> StateRecord {
    StateRecord {
        cluster_id: state.cluster_id.map(|id| id.to_be_bytes().to_vec()),
        founding: state
            .founding
            .iter()
            .map(|node| node.as_str().to_owned())
            .collect(),
        applied_index: state.applied_index,
        wire_version: state.wire_version,
        lease_ms: u64::try_from(state.lease.as_millis()).unwrap_or(u64::MAX),
        last_incarnation: state.last_incarnation,
        slots_issued: state.slots_issued,
        ephemeral: state.ephemeral,
        removals: state
            .removals
            .recent
            .iter()
            .map(|(at, node)| RemovalRecord {
                at: *at,
                node: node.as_str().to_owned(),
            })
            .collect(),
        removals_forgotten_at: state.removals.forgotten_at,
        settings_changed_at: state.settings_changed_at,
        names_max: (state.names_max != default_names_max(state.cluster_id))
            .then_some(state.names_max),
        ..StateRecord::default()
    }
}

/// The bytes of a state without its tables, but for the members of `rows`.
pub(super) fn encode_page<'a>(
    state: &ClusterState,
    rows: impl Iterator<Item = (&'a NodeId, &'a Member)>,
    bytes_max: usize,
) -> (Vec<u8>, Option<NodeId>) {
    let mut record = header(state);
    let mut bytes = 1 + record.encoded_len();
    let mut last = None;
    for (node, member) in rows {
        let row = MemberRecord::from((node, member));
        let length = row.encoded_len() + ROW_ENVELOPE_BYTES_MAX;
        if bytes + length > bytes_max && !record.members.is_empty() {
            return (encode(&record), last);
        }
        bytes += length;
        record.members.push(row);
        last = Some(node.clone());
    }
    (encode(&record), None)
}

/// What a state has that says nothing of it: nothing before the founding.
fn default_names_max(cluster_id: Option<u128>) -> u64 {
    cluster_id.map_or(0, |_| NAMES_MAX_DEFAULT)
}

impl TryFrom<StateRecord> for ClusterState {
    type Error = WireError;

    fn try_from(record: StateRecord) -> Result<Self, WireError> {
        let cluster_id = record
            .cluster_id
            .map(|bytes| parse_u128(&bytes, "cluster_id"))
            .transpose()?;
        let members = record
            .members
            .into_iter()
            .map(<(NodeId, Member)>::try_from)
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        let living = members
            .iter()
            .filter(|(_, member)| member.is_alive())
            .map(|(node, member)| (member.incarnation, node.clone()));
        let names = from_records(living, record.names, record.holders)?;
        let state = ClusterState {
            cluster_id,
            founding: record
                .founding
                .iter()
                .map(|node| parse_node(node))
                .collect::<Result<_, _>>()?,
            members,
            applied_index: record.applied_index,
            wire_version: record.wire_version,
            lease: Duration::from_millis(record.lease_ms),
            last_incarnation: record.last_incarnation,
            slots_issued: record.slots_issued,
            ephemeral: record.ephemeral,
            names_max: record
                .names_max
                .unwrap_or_else(|| default_names_max(cluster_id)),
            names,
            freed_slots: record
                .freed_slots
                .iter()
                .map(FreedSlotRecord::parse)
                .collect::<Result<_, _>>()?,
            settings_changed_at: record.settings_changed_at,
            changed_at: 0,
            removals: Removals {
                recent: record
                    .removals
                    .into_iter()
                    .map(|removal| Ok::<_, WireError>((removal.at, parse_node(&removal.node)?)))
                    .collect::<Result<_, _>>()?,
                forgotten_at: record.removals_forgotten_at,
            },
            fed: false,
        };
        Ok(ClusterState {
            changed_at: state.last_change(),
            ..state
        })
    }
}

impl FreedSlotRecord {
    fn parse(&self) -> Result<(Slot, Boot), WireError> {
        let slot = u16::try_from(self.slot).map_err(|_| WireError::Field("slot"))?;
        let boot = Boot::new(self.boot).ok_or(WireError::Field("boot"))?;
        Ok((Slot::new(slot), boot))
    }
}

impl From<(&NodeId, &Member)> for MemberRecord {
    fn from((node, member): (&NodeId, &Member)) -> Self {
        MemberRecord {
            node: node.as_str().to_owned(),
            raft_id: member.raft_id.get(),
            session: member.session.get().to_be_bytes().to_vec(),
            incarnation: member.incarnation.get(),
            slot: u32::from(member.slot.get()),
            boot: member.boot.get(),
            joined_at: member.joined_at,
            dead: match member.liveness {
                Liveness::Alive => None,
                Liveness::Dead { at, reason } => Some(EndRecord {
                    at,
                    reason: code(reason),
                }),
            },
            predecessor: member.predecessor.map_or(0, |it| it.incarnation.get()),
            predecessor_end: member.predecessor.map(|it| EndRecord {
                at: it.ended_at,
                reason: code(it.reason),
            }),
            address: member.address.clone(),
            ephemeral: member.ephemeral,
            edge: member.edge,
            version_min: member.versions.to_wire().0,
            version_max: member.versions.to_wire().1,
        }
    }
}

impl TryFrom<MemberRecord> for (NodeId, Member) {
    type Error = WireError;

    fn try_from(record: MemberRecord) -> Result<Self, WireError> {
        let slot = u16::try_from(record.slot).map_err(|_| WireError::Field("slot"))?;
        let member = Member {
            raft_id: RaftId::new(record.raft_id),
            session: Session::new(parse_u128(&record.session, "session")?),
            incarnation: Incarnation::new(record.incarnation),
            slot: Slot::new(slot),
            boot: Boot::new(record.boot).ok_or(WireError::Field("boot"))?,
            joined_at: record.joined_at,
            liveness: match record.dead {
                None => Liveness::Alive,
                Some(end) => Liveness::Dead {
                    at: end.at,
                    reason: reason(end.reason)?,
                },
            },
            predecessor: record
                .predecessor_end
                .map(|end| {
                    Ok::<_, WireError>(Predecessor {
                        incarnation: Incarnation::new(record.predecessor),
                        ended_at: end.at,
                        reason: reason(end.reason)?,
                    })
                })
                .transpose()?,
            address: record.address,
            ephemeral: record.ephemeral,
            edge: record.edge,
            versions: WireVersions::from_wire(record.version_min, record.version_max),
        };
        Ok((parse_node(&record.node)?, member))
    }
}

fn code(reason: DownReason) -> u32 {
    match reason {
        DownReason::LeaseEnded => 1,
        DownReason::Left => 2,
        DownReason::Superseded => 3,
        DownReason::Removed => 4,
    }
}

fn reason(code: u32) -> Result<DownReason, WireError> {
    match code {
        1 => Ok(DownReason::LeaseEnded),
        2 => Ok(DownReason::Left),
        3 => Ok(DownReason::Superseded),
        4 => Ok(DownReason::Removed),
        _ => Err(WireError::Field("reason")),
    }
}
