//! What the log remembers, one fact at a time, and how a fact is written.

use bytes::Bytes;

/// Where an entry stands in the log. Ordered as Raft compares logs: by term, then by index.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The term of the leader that proposed the entry.
    pub term: u64,
    /// The entry's place, counted from 0.
    pub index: u64,
}

/// For whom this node voted.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The term that the vote belongs to.
    pub term: u64,
    /// The Raft id of the candidate, or of the leader if `granted`.
    pub candidate: u64,
    /// Whether a quorum is known to have granted it: the candidate became leader.
    pub granted: bool,
}

/// An entry as it is kept: its position and the engine's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// Where it stands.
    pub position: Position,
    /// The encoded entry; the log does not look inside.
    pub bytes: Bytes,
}

/// One change of what the log remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The node voted, or learned that its candidate won.
    Vote(Vote),
    /// Entries up to here are committed.
    Committed(Option<Position>),
    /// Entries up to here, inclusive, are in a snapshot and no longer needed.
    Purge(Position),
    /// Entries after here (all of them: `None`) were replaced by another leader's.
    Truncate(Option<Position>),
    /// The next entry.
    Entry(StoredEntry),
}

/// Bytes that are not a sequence of records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A record ends after the bytes do.
    #[error("a record is cut off")]
    CutOff,
    /// The record's type is not known to this version.
    #[error("record type {0} is unknown to this version")]
    UnknownType(u8),
    /// A record has a length that its type cannot have.
    #[error("a record of type {type_byte} cannot have {length} bytes")]
    Length {
        /// The record's type.
        type_byte: u8,
        /// The length that it claims.
        length: usize,
    },
}

const TYPE_VOTE: u8 = 1;
const TYPE_COMMITTED: u8 = 2;
const TYPE_PURGE: u8 = 3;
const TYPE_TRUNCATE: u8 = 4;
const TYPE_ENTRY: u8 = 5;

pub(super) const POSITION_BYTES: usize = 16;
pub(super) const VOTE_BYTES: usize = 17;

/// Type and length, which stand before each record.
const PREFIX_BYTES: usize = 5;

impl Position {
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.term.to_be_bytes());
        out.extend_from_slice(&self.index.to_be_bytes());
    }

    pub(super) fn decode(bytes: &[u8; POSITION_BYTES]) -> Position {
        Position {
            term: u64_at(bytes, 0),
            index: u64_at(bytes, 8),
        }
    }
}

impl Vote {
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.term.to_be_bytes());
        out.extend_from_slice(&self.candidate.to_be_bytes());
        out.push(u8::from(self.granted));
    }

    pub(super) fn decode(bytes: &[u8; VOTE_BYTES]) -> Vote {
        Vote {
            term: u64_at(bytes, 0),
            candidate: u64_at(bytes, 8),
            granted: bytes[16] != 0,
        }
    }
}

impl Record {
    /// Appends the record: type, length, payload; numbers big-endian.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let (type_byte, length) = match self {
            Record::Vote(_) => (TYPE_VOTE, VOTE_BYTES),
            Record::Committed(position) => (TYPE_COMMITTED, optional_bytes(position)),
            Record::Purge(_) => (TYPE_PURGE, POSITION_BYTES),
            Record::Truncate(position) => (TYPE_TRUNCATE, optional_bytes(position)),
            Record::Entry(entry) => (TYPE_ENTRY, POSITION_BYTES + entry.bytes.len()),
        };
        out.push(type_byte);
        out.extend_from_slice(&(length as u32).to_be_bytes());
        match self {
            Record::Vote(vote) => vote.encode(out),
            Record::Purge(position) => position.encode(out),
            Record::Committed(position) | Record::Truncate(position) => {
                if let Some(position) = position {
                    position.encode(out);
                }
            }
            Record::Entry(entry) => {
                entry.position.encode(out);
                out.extend_from_slice(&entry.bytes);
            }
        }
    }

    /// How many bytes [`encode`](Self::encode) appends.
    pub(super) fn encoded_bytes(&self) -> usize {
        PREFIX_BYTES
            + match self {
                Record::Vote(_) => VOTE_BYTES,
                Record::Purge(_) => POSITION_BYTES,
                Record::Committed(position) | Record::Truncate(position) => {
                    optional_bytes(position)
                }
                Record::Entry(entry) => POSITION_BYTES + entry.bytes.len(),
            }
    }

    /// The records that `bytes` consist of. Entries are copied out, so that none of them keeps
    /// the whole of a segment in memory.
    pub(super) fn decode_all(mut bytes: &[u8]) -> Result<Vec<Record>, RecordError> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let (prefix, rest) = bytes
                .split_first_chunk::<PREFIX_BYTES>()
                .ok_or(RecordError::CutOff)?;
            let [type_byte, length @ ..] = *prefix;
            let length = u32::from_be_bytes(length) as usize;
            let (payload, rest) = rest.split_at_checked(length).ok_or(RecordError::CutOff)?;
            records.push(Record::decode(type_byte, payload)?);
            bytes = rest;
        }
        Ok(records)
    }

    fn decode(type_byte: u8, payload: &[u8]) -> Result<Record, RecordError> {
        let wrong_length = || RecordError::Length {
            type_byte,
            length: payload.len(),
        };
        let position = || {
            let bytes = payload.try_into().map_err(|_| wrong_length())?;
            Ok(Position::decode(bytes))
        };
        let optional_position = || match payload {
            [] => Ok(None),
            _ => position().map(Some),
        };
        Ok(match type_byte {
            TYPE_VOTE => {
                let bytes = payload.try_into().map_err(|_| wrong_length())?;
                Record::Vote(Vote::decode(bytes))
            }
            TYPE_COMMITTED => Record::Committed(optional_position()?),
            TYPE_PURGE => Record::Purge(position()?),
            TYPE_TRUNCATE => Record::Truncate(optional_position()?),
            TYPE_ENTRY => {
                let (position, bytes) = payload
                    .split_first_chunk::<POSITION_BYTES>()
                    .ok_or_else(wrong_length)?;
                Record::Entry(StoredEntry {
                    position: Position::decode(position),
                    bytes: Bytes::copy_from_slice(bytes),
                })
            }
            other => return Err(RecordError::UnknownType(other)),
        })
    }
}

fn optional_bytes(position: &Option<Position>) -> usize {
    position.map_or(0, |_| POSITION_BYTES)
}

/// The number that stands at `offset`, which the caller knows to be inside.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_be_bytes(number)
}

/// As [`u64_at`].
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_be_bytes(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_position() -> impl Strategy<Value = Position> {
        (any::<u64>(), any::<u64>()).prop_map(|(term, index)| Position { term, index })
    }

    fn any_record() -> impl Strategy<Value = Record> {
        prop_oneof![
            (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(term, candidate, granted)| {
                Record::Vote(Vote {
                    term,
                    candidate,
                    granted,
                })
            }),
            proptest::option::of(any_position()).prop_map(Record::Committed),
            any_position().prop_map(Record::Purge),
            proptest::option::of(any_position()).prop_map(Record::Truncate),
            (
                any_position(),
                proptest::collection::vec(any::<u8>(), 0..64)
            )
                .prop_map(|(position, bytes)| {
                    Record::Entry(StoredEntry {
                        position,
                        bytes: bytes.into(),
                    })
                }),
        ]
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(records in proptest::collection::vec(any_record(), 0..8)) {
            let mut bytes = Vec::new();
            for record in &records {
                let before = bytes.len();
                record.encode(&mut bytes);
                prop_assert_eq!(bytes.len() - before, record.encoded_bytes());
            }

            prop_assert_eq!(Record::decode_all(&bytes), Ok(records));
        }

        #[test]
        fn any_bytes_are_refused_or_decoded_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Record::decode_all(&bytes);
        }
    }

    #[test]
    fn an_unknown_type_is_refused_by_its_number() {
        let bytes = [9, 0, 0, 0, 0];

        assert_eq!(Record::decode_all(&bytes), Err(RecordError::UnknownType(9)));
    }
}
