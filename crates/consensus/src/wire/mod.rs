//! Bytes of what is kept on disk and of what travels between consensus nodes.
//!
//! Everything is `prost` with explicit tags behind a format byte; a tag that was given away is
//! never used again. Decoding takes any bytes: it answers with a [`WireError`], never panics, and
//! allocates no more than the input's length.

mod command;
pub(crate) mod log;
mod names;
mod outcome;
pub(crate) mod request;
pub(crate) mod response;
#[cfg(test)]
mod tests;

use bytes::{Buf as _, Bytes};

pub use self::command::{decode_command, encode_command};
pub(crate) use self::command::{parse_node, parse_u128};
pub use self::log::{
    decode_entry, decode_log_id, decode_snapshot_meta, decode_vote, encode_entry, encode_log_id,
    encode_snapshot_meta, encode_vote,
};
pub(crate) use self::names::{
    AnswerRecord, answer_from_record, answer_to_record, connection_of, halves,
};

/// The format byte before each record. Another one is from a later version.
pub const FORMAT: u8 = 1;

/// The most bytes that an encoded log entry may have, 44 KiB: one fits into a control packet, and
/// the largest command is a full batch of names.
pub const ENTRY_BYTES_MAX: usize = 44 * 1024;

/// Bytes that are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// There is no format byte.
    #[error("empty record")]
    Empty,
    /// The record was written by a later version.
    #[error("record format {0} is unknown to this version, which writes {FORMAT}")]
    Format(u8),
    /// The bytes after the format byte are damaged.
    #[error("damaged record: {0}")]
    Prost(#[from] prost::DecodeError),
    /// A field is missing or has an impossible value.
    #[error("field `{0}` is missing or out of range")]
    Field(&'static str),
}

pub(crate) fn encode<M: prost::Message>(message: &M) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + message.encoded_len());
    bytes.push(FORMAT);
    message.encode_raw(&mut bytes);
    bytes
}

pub(crate) fn decode<M: prost::Message + Default>(bytes: &[u8]) -> Result<M, WireError> {
    match bytes {
        [] => Err(WireError::Empty),
        [FORMAT, body @ ..] => Ok(M::decode(body)?),
        [other, ..] => Err(WireError::Format(*other)),
    }
}

/// Like [`decode`], for messages whose fields share the input's memory.
pub(crate) fn decode_bytes<M: prost::Message + Default>(mut bytes: Bytes) -> Result<M, WireError> {
    match bytes.first() {
        None => Err(WireError::Empty),
        Some(&FORMAT) => {
            bytes.advance(1);
            Ok(M::decode(bytes)?)
        }
        Some(&other) => Err(WireError::Format(other)),
    }
}
