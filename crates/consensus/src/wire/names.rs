//! Batches of operations on names, and their answers.

use raftwire_protocol::{Incarnation, MintedId, Name, NodeId};

use super::{WireError, parse_node};
use crate::command::{NameOperation, NamePolicy, NameResult, NamesAnswer, NamesBatch};

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct NamesBatchRecord {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(uint64, tag = "2")]
    incarnation: u64,
    #[prost(uint64, tag = "3")]
    number: u64,
    #[prost(uint64, tag = "4")]
    acknowledged_lost: u64,
    #[prost(message, repeated, tag = "5")]
    operations: Vec<OperationRecord>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct OperationRecord {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    kind: u32,
    #[prost(fixed64, tag = "3")]
    connection_high: u64,
    #[prost(fixed64, tag = "4")]
    connection_low: u64,
    #[prost(uint64, tag = "5")]
    epoch: u64,
}

const TAKE_OVER: u32 = 1;
const IF_FREE: u32 = 2;
const UNREGISTER: u32 = 3;

/// An answer: a code for each result, and the holders of those that are taken, in order.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct AnswerRecord {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(uint64, tag = "2")]
    index: u64,
    #[prost(uint32, repeated, tag = "3")]
    results: Vec<u32>,
    #[prost(string, repeated, tag = "4")]
    holders: Vec<String>,
}

const REGISTERED: u32 = 1;
const TAKEN: u32 = 2;
const FULL: u32 = 3;
const UNREGISTERED: u32 = 4;
const NOT_HELD: u32 = 5;
const REPEATED: u32 = 6;

pub(super) fn batch_to_record(batch: &NamesBatch) -> NamesBatchRecord {
    NamesBatchRecord {
        node: batch.node.as_str().to_owned(),
        incarnation: batch.incarnation.get(),
        number: batch.number,
        acknowledged_lost: batch.acknowledged_lost,
        operations: batch.operations.iter().map(operation_to_record).collect(),
    }
}

/// None if an operation is of a later version.
pub(super) fn batch_from_record(record: NamesBatchRecord) -> Result<Option<NamesBatch>, WireError> {
    let mut operations = Vec::with_capacity(record.operations.len());
    for operation in record.operations {
        let Some(operation) = operation_from_record(&operation)? else {
            return Ok(None);
        };
        operations.push(operation);
    }
    Ok(Some(NamesBatch {
        node: parse_node(&record.node)?,
        incarnation: Incarnation::new(record.incarnation),
        number: record.number,
        acknowledged_lost: record.acknowledged_lost,
        operations,
    }))
}

fn operation_to_record(operation: &NameOperation) -> OperationRecord {
    let name = operation.name().as_str().to_owned();
    match operation {
        NameOperation::Register {
            connection, policy, ..
        } => {
            let (connection_high, connection_low) = halves(*connection);
            OperationRecord {
                name,
                kind: match policy {
                    NamePolicy::TakeOver => TAKE_OVER,
                    NamePolicy::IfFree => IF_FREE,
                },
                connection_high,
                connection_low,
                epoch: 0,
            }
        }
        NameOperation::Unregister { epoch, .. } => OperationRecord {
            name,
            kind: UNREGISTER,
            connection_high: 0,
            connection_low: 0,
            epoch: *epoch,
        },
    }
}

fn operation_from_record(record: &OperationRecord) -> Result<Option<NameOperation>, WireError> {
    let name = parse_name(&record.name)?;
    let policy = match record.kind {
        TAKE_OVER => NamePolicy::TakeOver,
        IF_FREE => NamePolicy::IfFree,
        UNREGISTER => {
            let epoch = record.epoch;
            return Ok(Some(NameOperation::Unregister { name, epoch }));
        }
        _ => return Ok(None),
    };
    Ok(Some(NameOperation::Register {
        name,
        connection: connection_of(record.connection_high, record.connection_low),
        policy,
    }))
}

pub(crate) fn answer_to_record(answer: &NamesAnswer) -> AnswerRecord {
    let code = |result: &NameResult| match result {
        NameResult::Registered => REGISTERED,
        NameResult::Taken(_) => TAKEN,
        NameResult::Full => FULL,
        NameResult::Unregistered => UNREGISTERED,
        NameResult::NotHeld => NOT_HELD,
        NameResult::Repeated => REPEATED,
    };
    let holder = |result: &NameResult| match result {
        NameResult::Taken(node) => Some(node.as_str().to_owned()),
        _ => None,
    };
    AnswerRecord {
        number: answer.number,
        index: answer.index,
        results: answer.results.iter().map(code).collect(),
        holders: answer.results.iter().filter_map(holder).collect(),
    }
}

pub(crate) fn answer_from_record(record: AnswerRecord) -> Result<NamesAnswer, WireError> {
    let mut holders = record.holders.iter();
    let mut taken = || -> Result<NodeId, WireError> {
        parse_node(holders.next().ok_or(WireError::Field("holders"))?)
    };
    let results = record.results.iter().map(|code| {
        Ok(match *code {
            REGISTERED => NameResult::Registered,
            TAKEN => NameResult::Taken(taken()?),
            FULL => NameResult::Full,
            UNREGISTERED => NameResult::Unregistered,
            NOT_HELD => NameResult::NotHeld,
            REPEATED => NameResult::Repeated,
            _ => return Err(WireError::Field("results")),
        })
    });
    Ok(NamesAnswer {
        number: record.number,
        index: record.index,
        results: results.collect::<Result<_, _>>()?,
    })
}

pub(crate) fn parse_name(text: &str) -> Result<Name, WireError> {
    text.parse().map_err(|_| WireError::Field("name"))
}

/// A connection's id as two numbers, which take no memory of their own when they are decoded.
pub(crate) fn halves(connection: MintedId) -> (u64, u64) {
    let bits = u128::from_be_bytes(connection.to_bytes());
    ((bits >> 64) as u64, bits as u64)
}

pub(crate) fn connection_of(high: u64, low: u64) -> MintedId {
    MintedId::from_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}
