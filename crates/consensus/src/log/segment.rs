//! The bytes of one segment file.
//!
//! ```text
//! head    magic 8 │ format 4 │ segment number 8 │ number of its first batch 8 │
//!         flags 1 │ vote 17 │ committed 16 │ purged 16 │ last 16 │ crc32 of all that 4
//! batch   magic 4 │ batch number 8 │ length of the records 4 │ crc32 of the records 4 │
//!         crc32 of all that 4 │ records │ end mark 1
//! record  type 1 │ length 4 │ payload
//! ```
//!
//! Numbers are big-endian. A batch is appended with one write and synced before the next one is
//! written; that is what [`is_torn`] rests on.

use super::{
    head::{FORMAT, HEAD_BYTES, Head},
    record::{Record, RecordError, u32_at, u64_at},
};

pub(super) const BATCH_HEADER_BYTES: usize = 4 + 8 + 4 + 4 + 4;

/// 0xFF and 0xFE occur in no UTF-8 text, so that no name in an entry looks like a beginning.
const BATCH_MAGIC: [u8; 4] = *b"\xFFRW\xFE";

/// The last byte of a batch. As it is not zero, zeros at the end show that the end never came.
const END_MARK: u8 = 0xA5;

/// What a disk writes wholly or not at all. Larger units are multiples of it.
const SECTOR_BYTES: usize = 512;

/// Bytes that are not a segment of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset}: {what}")]
pub struct Damage {
    /// Where in the file.
    pub offset: usize,
    /// What is wrong there.
    pub what: DamageKind,
}

/// What is wrong with the bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DamageKind {
    /// The head is cut off, or its magic or checksum is wrong.
    #[error("the head is damaged")]
    Head,
    /// A later version wrote it.
    #[error("format {0} is unknown to this version, which reads format {FORMAT}")]
    Format(u32),
    /// The file's name and its head differ.
    #[error("this is segment {0}, under another segment's name")]
    Number(u64),
    /// A batch is damaged that cannot be the last, unfinished write.
    #[error("the checksum of batch {0} is wrong, and it is not the last, unfinished write")]
    Batch(u64),
    /// A batch is missing or repeated.
    #[error("batch {found} stands where batch {expected} belongs")]
    BatchNumber {
        /// The number that stands there.
        found: u64,
        /// The number that belongs there.
        expected: u64,
    },
    /// The checksums are right, and yet the records are not records.
    #[error("batch {batch} cannot be read: {error}")]
    Records {
        /// The batch.
        batch: u64,
        /// Why.
        error: RecordError,
    },
}

/// Appends a batch of `records` to `out`.
pub(super) fn encode_batch(number: u64, records: &[Record], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + BATCH_HEADER_BYTES, 0);
    for record in records {
        record.encode(out);
    }
    let body = &out[start + BATCH_HEADER_BYTES..];
    let header = BatchHeader {
        number,
        length: body.len() as u32,
        body_crc: crc32fast::hash(body),
    }
    .encode();
    out[start..start + BATCH_HEADER_BYTES].copy_from_slice(&header);
    out.push(END_MARK);
}

struct BatchHeader {
    number: u64,
    length: u32,
    body_crc: u32,
}

impl BatchHeader {
    fn encode(&self) -> [u8; BATCH_HEADER_BYTES] {
        let mut out = [0; BATCH_HEADER_BYTES];
        out[..4].copy_from_slice(&BATCH_MAGIC);
        out[4..12].copy_from_slice(&self.number.to_be_bytes());
        out[12..16].copy_from_slice(&self.length.to_be_bytes());
        out[16..20].copy_from_slice(&self.body_crc.to_be_bytes());
        let crc = crc32fast::hash(&out[..20]);
        out[20..].copy_from_slice(&crc.to_be_bytes());
        out
    }

    /// The header at the beginning of `bytes`, if there is a whole and undamaged one.
    fn decode(bytes: &[u8]) -> Option<BatchHeader> {
        let bytes: &[u8; BATCH_HEADER_BYTES] = bytes.first_chunk()?;
        let is_whole =
            bytes.starts_with(&BATCH_MAGIC) && crc32fast::hash(&bytes[..20]) == u32_at(bytes, 20);
        is_whole.then(|| BatchHeader {
            number: u64_at(bytes, 4),
            length: u32_at(bytes, 12),
            body_crc: u32_at(bytes, 16),
        })
    }

    /// Header, records and end mark.
    fn batch_bytes(&self) -> usize {
        (self.length as usize)
            .saturating_add(BATCH_HEADER_BYTES)
            .saturating_add(1)
    }
}

/// A segment that was read.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) head: Head,
    pub(super) batches: Vec<Vec<Record>>,
    /// Where the batches end; behind it is what [`is_torn`] describes, or nothing.
    pub(super) end: usize,
}

impl Segment {
    /// Reads the segment that is expected to have `number`.
    pub(super) fn decode(bytes: &[u8], number: u64) -> Result<Segment, Damage> {
        let damage = |offset, what| Damage { offset, what };
        let head = Head::decode(bytes).map_err(|what| damage(0, what))?;
        if head.number != number {
            return Err(damage(0, DamageKind::Number(head.number)));
        }
        let mut batches = Vec::new();
        let mut end = HEAD_BYTES;
        while end < bytes.len() {
            let expected = head.first_batch.saturating_add(batches.len() as u64);
            let Some(body) = find_batch(bytes, end, expected).map_err(|what| damage(end, what))?
            else {
                break;
            };
            let records = Record::decode_all(body).map_err(|error| {
                let batch = expected;
                damage(end, DamageKind::Records { batch, error })
            })?;
            batches.push(records);
            end += BATCH_HEADER_BYTES + body.len() + 1;
        }
        Ok(Segment { head, batches, end })
    }
}

/// The records of the batch at `offset`, or `None` if it is the last, unfinished write.
fn find_batch(bytes: &[u8], offset: usize, expected: u64) -> Result<Option<&[u8]>, DamageKind> {
    let rest = &bytes[offset..];
    if let Some(header) = BatchHeader::decode(rest) {
        if header.number != expected {
            return Err(DamageKind::BatchNumber {
                found: header.number,
                expected,
            });
        }
        if let Some([body @ .., END_MARK]) = rest.get(BATCH_HEADER_BYTES..header.batch_bytes())
            && crc32fast::hash(body) == header.body_crc
        {
            return Ok(Some(body));
        }
    }
    if is_torn(bytes, offset, expected) {
        Ok(None)
    } else {
        Err(DamageKind::Batch(expected))
    }
}

/// Whether the bad batch at `offset` can be a write that a crash interrupted.
///
/// The crash model: synced bytes stay. Of the one write after them each sector is either there or
/// not; a sector that is not there reads as zeros if the file's length covers it. So
///
/// - a bad batch before a later one is damage: the later one was written only after the bad one
///   had been synced;
/// - a bad batch that has its whole length, does not end in a zero and has no sector of zeros was
///   written completely, so it is damage, too;
/// - every other one may be cut off: nothing was answered that rests on it.
///
/// What stays undecided is damage of the last batch that looks like a missing sector. No log can
/// tell these without a second copy (Alagappan et al., "Protocol-Aware Recovery for
/// Consensus-Based Storage", FAST 2018, §3.3).
fn is_torn(bytes: &[u8], offset: usize, number: u64) -> bool {
    let rest = &bytes[offset..];
    let is_followed = (1..rest.len()).any(|skip| {
        BatchHeader::decode(&rest[skip..]).is_some_and(|header| header.number > number)
    });
    if is_followed {
        return false;
    }
    let length = BatchHeader::decode(rest).map_or(rest.len(), |header| header.batch_bytes());
    let Some(batch) = rest.get(..length.max(BATCH_HEADER_BYTES + 1)) else {
        return true;
    };
    let (in_first_sector, whole_sectors) =
        batch.split_at(batch.len().min(SECTOR_BYTES - offset % SECTOR_BYTES));
    batch.ends_with(&[0])
        || std::iter::once(in_first_sector)
            .chain(whole_sectors.chunks(SECTOR_BYTES))
            .any(|sector| sector.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::log::{
        marks::Marks,
        record::{Position, StoredEntry, Vote},
    };

    fn at(term: u64, index: u64) -> Position {
        Position { term, index }
    }

    fn entry(index: u64, length: usize) -> Record {
        Record::Entry(StoredEntry {
            position: at(1, index),
            bytes: Bytes::from(vec![0x11; length]),
        })
    }

    fn head() -> Head {
        Head {
            number: 3,
            first_batch: 7,
            marks: Marks {
                vote: Some(Vote {
                    term: 4,
                    candidate: 5,
                    granted: true,
                }),
                committed: None,
                purged: Some(at(2, 9)),
                last: Some(at(3, 11)),
            },
        }
    }

    /// Batches 7 (10 bytes), 8 (1,200 bytes, so that it has whole sectors) and where they begin.
    fn two_batches() -> (Vec<u8>, usize, usize) {
        let mut bytes = head().encode();
        let first = bytes.len();
        encode_batch(7, &[entry(12, 10)], &mut bytes);
        let second = bytes.len();
        encode_batch(8, &[entry(13, 1_200)], &mut bytes);
        (bytes, first, second)
    }

    #[test]
    fn a_segment_is_read_as_it_was_written() {
        let (bytes, _, _) = two_batches();

        let segment = Segment::decode(&bytes, 3).unwrap();

        assert_eq!(segment.head, head());
        assert_eq!(
            segment.batches,
            [vec![entry(12, 10)], vec![entry(13, 1_200)]]
        );
        assert_eq!(segment.end, bytes.len());
    }

    #[test]
    fn a_last_batch_that_is_cut_off_anywhere_is_torn() {
        let (bytes, _, second) = two_batches();

        for length in second..bytes.len() {
            let segment = Segment::decode(&bytes[..length], 3).unwrap();
            assert_eq!((segment.batches.len(), segment.end), (1, second));
        }
    }

    #[test]
    fn a_last_batch_that_ends_in_zeros_is_torn() {
        let (bytes, _, second) = two_batches();

        for written in second..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[written..].fill(0);
            let segment = Segment::decode(&bytes, 3).unwrap();
            assert_eq!((segment.batches.len(), segment.end), (1, second));
        }
    }

    #[test]
    fn a_last_batch_without_one_of_its_sectors_is_torn() {
        let (bytes, _, second) = two_batches();
        let sectors = second / SECTOR_BYTES..bytes.len().div_ceil(SECTOR_BYTES);
        assert!(sectors.len() >= 3);

        for sector in sectors {
            let mut bytes = bytes.clone();
            let end = bytes.len().min((sector + 1) * SECTOR_BYTES);
            bytes[(sector * SECTOR_BYTES).max(second)..end].fill(0);
            let segment = Segment::decode(&bytes, 3).unwrap();
            assert_eq!((segment.batches.len(), segment.end), (1, second));
        }
    }

    #[test]
    fn a_changed_byte_in_a_complete_last_batch_is_damage() {
        let (bytes, _, second) = two_batches();

        for offset in second..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[offset] = !bytes[offset];
            assert_eq!(
                Segment::decode(&bytes, 3).unwrap_err(),
                Damage {
                    offset: second,
                    what: DamageKind::Batch(8)
                }
            );
        }
    }

    #[test]
    fn a_bad_batch_before_a_later_one_is_damage_even_if_it_is_all_zeros() {
        let (mut bytes, first, second) = two_batches();
        bytes[first..second].fill(0);

        let damage = Segment::decode(&bytes, 3).unwrap_err();

        assert_eq!(damage.offset, first);
        assert_eq!(damage.what, DamageKind::Batch(7));
    }

    #[test]
    fn a_missing_batch_is_damage() {
        let mut bytes = head().encode();
        encode_batch(8, &[entry(13, 10)], &mut bytes);

        assert_eq!(
            Segment::decode(&bytes, 3).unwrap_err().what,
            DamageKind::BatchNumber {
                found: 8,
                expected: 7
            }
        );
    }

    #[test]
    fn a_damaged_head_another_format_and_another_number_are_told_apart() {
        let (good, _, _) = two_batches();
        for offset in 12..HEAD_BYTES {
            let mut bytes = good.clone();
            bytes[offset] = !bytes[offset];
            assert_eq!(
                Segment::decode(&bytes, 3).unwrap_err().what,
                DamageKind::Head
            );
        }
        let mut later = good.clone();
        later[8..12].copy_from_slice(&2_u32.to_be_bytes());
        assert_eq!(
            Segment::decode(&later, 3).unwrap_err().what,
            DamageKind::Format(2)
        );
        assert_eq!(
            Segment::decode(&good, 4).unwrap_err().what,
            DamageKind::Number(3)
        );
        assert_eq!(
            Segment::decode(&good[..HEAD_BYTES - 1], 3)
                .unwrap_err()
                .what,
            DamageKind::Head
        );
    }

    proptest! {
        #[test]
        fn any_bytes_after_a_head_are_read_without_a_panic(tail in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let mut bytes = head().encode();
            bytes.extend_from_slice(&tail);
            let _ = Segment::decode(&bytes, 3);
        }
    }
}
