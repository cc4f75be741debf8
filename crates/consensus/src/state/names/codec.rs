//! Names in the canonical encoding of the state.
//!
//! A million rows are most of a snapshot, so they are written without a record of each in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use raftwire_protocol::{Incarnation, MintedId, Name, NodeId};

use super::holder::{Holder, LossKey};
use super::{LostName, NameRow, Names};
use crate::command::NamesAnswer;
use crate::wire::{AnswerRecord, WireError, answer_from_record, answer_to_record};

/// One row. The fields are those that [`encode_rows`] writes.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(in crate::state) struct NameRecord {
    #[prost(bytes = "bytes", tag = "1")]
    name: Bytes,
    #[prost(fixed64, tag = "2")]
    connection_high: u64,
    #[prost(fixed64, tag = "3")]
    connection_low: u64,
    #[prost(uint64, tag = "4")]
    epoch: u64,
    #[prost(uint64, tag = "5")]
    incarnation: u64,
}

/// What is known of an incarnation beside its rows.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(in crate::state) struct HolderRecord {
    #[prost(uint64, tag = "1")]
    incarnation: u64,
    #[prost(message, optional, tag = "2")]
    answered: Option<AnswerRecord>,
    #[prost(message, repeated, tag = "3")]
    losses: Vec<LossRecord>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct LossRecord {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(uint32, tag = "2")]
    position: u32,
    #[prost(message, required, tag = "3")]
    row: NameRecord,
}

/// Appends every row as field `tag` of the state's message, in the order of the names.
pub(in crate::state) fn encode_rows(names: &Names, tag: u32, out: &mut Vec<u8>) {
    for (name, row) in names.rows.iter() {
        let text = name.as_str().as_bytes();
        let (high, low) = halves(row.connection);
        let incarnation = row.incarnation.get();
        let numbers = [(2, high), (3, low)];
        let counters = [(4, row.epoch), (5, incarnation)];
        // Each key takes one byte, and zeros are left out, as `prost` does it.
        let length = 1
            + encoded_len_varint(text.len() as u64)
            + text.len()
            + numbers
                .iter()
                .map(|(_, it)| if *it == 0 { 0 } else { 9 })
                .sum::<usize>()
            + counters
                .iter()
                .map(|(_, it)| {
                    if *it == 0 {
                        0
                    } else {
                        1 + encoded_len_varint(*it)
                    }
                })
                .sum::<usize>();
        encode_key(tag, WireType::LengthDelimited, out);
        encode_varint(length as u64, out);
        encode_key(1, WireType::LengthDelimited, out);
        encode_varint(text.len() as u64, out);
        out.extend_from_slice(text);
        for (tag, number) in numbers.into_iter().filter(|(_, it)| *it != 0) {
            encode_key(tag, WireType::SixtyFourBit, out);
            out.extend_from_slice(&number.to_le_bytes());
        }
        for (tag, number) in counters.into_iter().filter(|(_, it)| *it != 0) {
            encode_key(tag, WireType::Varint, out);
            encode_varint(number, out);
        }
    }
}

/// The records of the incarnations that have anything to record, in their order.
pub(in crate::state) fn holder_records(names: &Names) -> Vec<HolderRecord> {
    let records = names
        .holders
        .iter()
        .map(|(incarnation, holder)| HolderRecord {
            incarnation: incarnation.get(),
            answered: holder.answered.as_deref().map(answer_to_record),
            losses: holder
                .losses
                .iter()
                .map(|(key, lost)| LossRecord {
                    index: key.index,
                    position: key.position,
                    row: record_of_loss(lost),
                })
                .collect(),
        });
    records
        .filter(|record| record.answered.is_some() || !record.losses.is_empty())
        .collect()
}

/// The names behind the records, among these living incarnations.
pub(in crate::state) fn from_records(
    living: impl Iterator<Item = (Incarnation, NodeId)>,
    rows: Vec<NameRecord>,
    holders: Vec<HolderRecord>,
) -> Result<Names, WireError> {
    let mut names = Names::default();
    let mut all: BTreeMap<Incarnation, Holder> = living
        .map(|(incarnation, node)| (incarnation, Holder::of(node)))
        .collect();
    for record in rows {
        let (name, row) = row_of(&record)?;
        let holder = all.entry(row.incarnation).or_default();
        names.living += u64::from(holder.node.is_some());
        holder.names.insert(name.clone(), ());
        if names.rows.insert(name, row).is_some() {
            return Err(WireError::Field("names"));
        }
    }
    for record in holders {
        let holder = all
            .get_mut(&Incarnation::new(record.incarnation))
            .filter(|holder| holder.node.is_some())
            .ok_or(WireError::Field("holder"))?;
        let answered = record.answered.map(answer_from_record).transpose()?;
        holder.answered = answered.map(Arc::<NamesAnswer>::new);
        for loss in record.losses {
            let key = LossKey {
                index: loss.index,
                position: loss.position,
            };
            holder.losses.insert(key, loss_of(&loss.row)?);
        }
        names.losses += holder.losses.len() as u64;
    }
    names.holders = all
        .into_iter()
        .map(|(incarnation, holder)| (incarnation, Arc::new(holder)))
        .collect();
    Ok(names)
}

fn row_of(record: &NameRecord) -> Result<(Name, NameRow), WireError> {
    let row = NameRow {
        connection: connection_of(record),
        epoch: record.epoch,
        incarnation: Incarnation::new(record.incarnation),
    };
    Ok((name_of(record)?, row))
}

fn record_of_loss(lost: &LostName) -> NameRecord {
    let (connection_high, connection_low) = halves(lost.connection);
    NameRecord {
        name: Bytes::copy_from_slice(lost.name.as_str().as_bytes()),
        connection_high,
        connection_low,
        epoch: lost.epoch,
        incarnation: 0,
    }
}

fn loss_of(record: &NameRecord) -> Result<LostName, WireError> {
    Ok(LostName {
        name: name_of(record)?,
        connection: connection_of(record),
        epoch: record.epoch,
    })
}

fn name_of(record: &NameRecord) -> Result<Name, WireError> {
    let text = std::str::from_utf8(&record.name).map_err(|_| WireError::Field("name"))?;
    text.parse().map_err(|_| WireError::Field("name"))
}

fn connection_of(record: &NameRecord) -> MintedId {
    crate::wire::connection_of(record.connection_high, record.connection_low)
}

fn halves(connection: MintedId) -> (u64, u64) {
    crate::wire::halves(connection)
}
