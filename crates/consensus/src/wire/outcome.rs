//! What became of a command that was proposed.

use raftwire_protocol::{Boot, Incarnation, RaftId, Slot};

use super::WireError;
use super::names::{AnswerRecord, answer_from_record, answer_to_record};
use crate::command::{BatchRefusal, Outcome};
use crate::state::{JoinRefusal, Membership, WireVersions};

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Proposed {
    #[prost(oneof = "OutcomeRecord", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(crate) outcome: Option<OutcomeRecord>,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub(crate) enum OutcomeRecord {
    #[prost(bool, tag = "1")]
    Unchanged(bool),
    #[prost(bool, tag = "2")]
    Changed(bool),
    #[prost(message, tag = "3")]
    Joined(JoinedRecord),
    #[prost(message, tag = "4")]
    JoinRefused(JoinRefusedRecord),
    #[prost(bool, tag = "7")]
    NotRemoved(bool),
    #[prost(message, tag = "5")]
    Names(AnswerRecord),
    #[prost(message, tag = "6")]
    NamesRefused(NamesRefusedRecord),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct NamesRefusedRecord {
    /// The number of the last batch; none if the incarnation is not alive.
    #[prost(uint64, optional, tag = "1")]
    last: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct JoinedRecord {
    #[prost(uint64, tag = "1")]
    incarnation: u64,
    #[prost(uint32, tag = "2")]
    slot: u32,
    #[prost(uint32, tag = "3")]
    boot: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct JoinRefusedRecord {
    #[prost(uint32, tag = "1")]
    code: u32,
    #[prost(uint64, optional, tag = "2")]
    detail: Option<u64>,
    #[prost(uint32, tag = "3")]
    version_min: u32,
    #[prost(uint32, tag = "4")]
    version_max: u32,
}

impl From<&Outcome> for Proposed {
    fn from(outcome: &Outcome) -> Self {
        Proposed {
            outcome: Some(outcome.into()),
        }
    }
}

impl From<&Outcome> for OutcomeRecord {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Unchanged => OutcomeRecord::Unchanged(true),
            Outcome::Changed => OutcomeRecord::Changed(true),
            Outcome::Joined(membership) => OutcomeRecord::Joined(JoinedRecord {
                incarnation: membership.incarnation.get(),
                slot: u32::from(membership.slot.get()),
                boot: membership.boot.get(),
            }),
            Outcome::JoinRefused(refusal) => OutcomeRecord::JoinRefused((*refusal).into()),
            Outcome::NotRemoved => OutcomeRecord::NotRemoved(true),
            Outcome::Names(answer) => OutcomeRecord::Names(answer_to_record(answer)),
            Outcome::NamesRefused(refusal) => OutcomeRecord::NamesRefused(NamesRefusedRecord {
                last: match refusal {
                    BatchRefusal::NotMember => None,
                    BatchRefusal::Number { last } => Some(*last),
                },
            }),
        }
    }
}

impl TryFrom<OutcomeRecord> for Outcome {
    type Error = WireError;

    fn try_from(record: OutcomeRecord) -> Result<Self, WireError> {
        Ok(match record {
            OutcomeRecord::Unchanged(_) => Outcome::Unchanged,
            OutcomeRecord::Changed(_) => Outcome::Changed,
            OutcomeRecord::Joined(joined) => Outcome::Joined(Membership {
                incarnation: Incarnation::new(joined.incarnation),
                slot: Slot::new(u16::try_from(joined.slot).map_err(|_| WireError::Field("slot"))?),
                boot: Boot::new(joined.boot).ok_or(WireError::Field("boot"))?,
            }),
            OutcomeRecord::JoinRefused(refused) => Outcome::JoinRefused(refused.try_into()?),
            OutcomeRecord::NotRemoved(_) => Outcome::NotRemoved,
            OutcomeRecord::Names(answer) => Outcome::Names(answer_from_record(answer)?.into()),
            OutcomeRecord::NamesRefused(refused) => Outcome::NamesRefused(match refused.last {
                None => BatchRefusal::NotMember,
                Some(last) => BatchRefusal::Number { last },
            }),
        })
    }
}

impl From<JoinRefusal> for JoinRefusedRecord {
    fn from(refusal: JoinRefusal) -> Self {
        let (code, detail) = match refusal {
            JoinRefusal::NotFounded => (1, None),
            JoinRefusal::Duplicate { holder } => (2, Some(holder.get())),
            JoinRefusal::Stale { current } => (3, current.map(Incarnation::get)),
            JoinRefusal::Left => (4, None),
            JoinRefusal::NoSlot => (5, None),
            JoinRefusal::AddressTooLong => (6, None),
            JoinRefusal::WireVersion { cluster, spoken } => {
                return JoinRefusedRecord {
                    code: 7,
                    detail: Some(cluster.into()),
                    version_min: spoken.min,
                    version_max: spoken.max,
                };
            }
            JoinRefusal::OtherCluster => (8, None),
        };
        JoinRefusedRecord {
            code,
            detail,
            ..JoinRefusedRecord::default()
        }
    }
}

impl TryFrom<JoinRefusedRecord> for JoinRefusal {
    type Error = WireError;

    fn try_from(record: JoinRefusedRecord) -> Result<Self, WireError> {
        Ok(match (record.code, record.detail) {
            (1, _) => JoinRefusal::NotFounded,
            (2, Some(holder)) => JoinRefusal::Duplicate {
                holder: RaftId::new(holder),
            },
            (3, current) => JoinRefusal::Stale {
                current: current.map(Incarnation::new),
            },
            (4, _) => JoinRefusal::Left,
            (5, _) => JoinRefusal::NoSlot,
            (6, _) => JoinRefusal::AddressTooLong,
            (7, Some(cluster)) => JoinRefusal::WireVersion {
                cluster: u32::try_from(cluster).map_err(|_| WireError::Field("join refusal"))?,
                spoken: WireVersions::from_wire(record.version_min, record.version_max),
            },
            (8, _) => JoinRefusal::OtherCluster,
            _ => return Err(WireError::Field("join refusal")),
        })
    }
}
