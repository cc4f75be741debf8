//! The beginning of a segment file; [`segment`](super::segment) shows its layout.

use super::{
    marks::Marks,
    record::{POSITION_BYTES, Position, VOTE_BYTES, Vote, u32_at, u64_at},
    segment::DamageKind,
};

/// The format that this version writes, and the only one that it reads.
pub(super) const FORMAT: u32 = 1;

pub(super) const HEAD_BYTES: usize = 8 + 4 + 8 + 8 + 1 + VOTE_BYTES + 3 * POSITION_BYTES + 4;

/// 0xFF and 0xFE occur in no UTF-8 text.
const HEAD_MAGIC: [u8; 8] = *b"\xFFRWLOG\xFE\n";

/// How a segment begins: everything that the segments before it said, but the entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) number: u64,
    pub(super) first_batch: u64,
    pub(super) marks: Marks,
}

impl Head {
    pub(super) fn encode(&self) -> Vec<u8> {
        let marks = &self.marks;
        let mut out = Vec::with_capacity(HEAD_BYTES);
        out.extend_from_slice(&HEAD_MAGIC);
        out.extend_from_slice(&FORMAT.to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.first_batch.to_be_bytes());
        let positions = [marks.committed, marks.purged, marks.last];
        let mut flags = u8::from(marks.vote.is_some());
        for (bit, position) in positions.iter().enumerate() {
            flags |= u8::from(position.is_some()) << (bit + 1);
        }
        out.push(flags);
        marks
            .vote
            .unwrap_or(Vote {
                term: 0,
                candidate: 0,
                granted: false,
            })
            .encode(&mut out);
        for position in positions {
            position
                .unwrap_or(Position { term: 0, index: 0 })
                .encode(&mut out);
        }
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Head, DamageKind> {
        let bytes: &[u8; HEAD_BYTES] = bytes.first_chunk().ok_or(DamageKind::Head)?;
        let checked = &bytes[..HEAD_BYTES - 4];
        if !checked.starts_with(&HEAD_MAGIC) {
            return Err(DamageKind::Head);
        }
        // Before the checksum: another format's head may have another length.
        let format = u32_at(bytes, 8);
        if format != FORMAT {
            return Err(DamageKind::Format(format));
        }
        if crc32fast::hash(checked) != u32_at(bytes, HEAD_BYTES - 4) {
            return Err(DamageKind::Head);
        }
        let flags = bytes[28];
        let mut vote = [0; VOTE_BYTES];
        vote.copy_from_slice(&bytes[29..29 + VOTE_BYTES]);
        let position = |nth: usize| {
            let offset = 29 + VOTE_BYTES + nth * POSITION_BYTES;
            let mut position = [0; POSITION_BYTES];
            position.copy_from_slice(&bytes[offset..offset + POSITION_BYTES]);
            (flags & (2 << nth) != 0).then(|| Position::decode(&position))
        };
        Ok(Head {
            number: u64_at(bytes, 12),
            first_batch: u64_at(bytes, 20),
            marks: Marks {
                vote: (flags & 1 != 0).then(|| Vote::decode(&vote)),
                committed: position(0),
                purged: position(1),
                last: position(2),
            },
        })
    }
}
