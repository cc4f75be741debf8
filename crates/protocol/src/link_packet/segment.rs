use bytes::{Buf, BufMut, BytesMut};

use super::{
    LINK_MESSAGE_BYTES_CEILING, LINK_SEGMENT_BYTES_MAX, LINK_SEQUENCE_MAX, LinkPacketError,
};

/// What stands before the bytes of a segment.
///
/// | bytes | |
/// |---|---|
/// | 1 | flags: 1 first of its message, 2 last, 4 void, 8 result wanted, 16 deadline follows; others are refused |
/// | 8 | sequence |
/// | 4 | length |
/// | 16 | order (first only) |
/// | 4 | milliseconds left until the deadline (first only, if flagged) |
/// | 4 | length of the whole message (first that is not the last only) |
/// | 8 | stream (not the first) |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The segment's place in the link's one sequence, from 1 on.
    pub sequence: u64,
    /// Bytes of the message that the segment carries; of a void one: that it stands for.
    pub length: u32,
    /// Whether the sender of the message wants to know its result.
    pub acknowledge: bool,
    /// Which part of its message the segment is.
    pub part: SegmentPart,
}

/// Which part of its message a segment is; a message is known by its `stream`, the sequence of its first segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentPart {
    /// All of it.
    Whole {
        /// Messages of one order arrive in the order in which they were sent.
        order: u128,
        /// Milliseconds left until the message is worthless.
        deadline_ms: Option<u32>,
    },
    /// Its beginning.
    First {
        /// Messages of one order arrive in the order in which they were sent.
        order: u128,
        /// Milliseconds left until the message is worthless.
        deadline_ms: Option<u32>,
        /// Bytes of the whole message.
        total: u32,
    },
    /// A part between the first and the last.
    Middle {
        /// The sequence of the message's first segment.
        stream: u64,
    },
    /// Its end.
    Last {
        /// The sequence of the message's first segment.
        stream: u64,
    },
    /// Nothing: the sender gave the message up, and it shall not be delivered. No bytes follow.
    Void {
        /// The sequence of the message's first segment, which may be this one.
        stream: u64,
        /// Whether no further segment of the message follows.
        last: bool,
    },
}

const FLAG_FIRST: u8 = 1;
const FLAG_LAST: u8 = 2;
const FLAG_VOID: u8 = 4;
const FLAG_ACKNOWLEDGE: u8 = 8;
const FLAG_DEADLINE: u8 = 16;
const FLAGS: u8 = FLAG_FIRST | FLAG_LAST | FLAG_VOID | FLAG_ACKNOWLEDGE | FLAG_DEADLINE;

impl SegmentHeader {
    /// Bytes of the longest header.
    pub const BYTES_MAX: usize = 37;

    /// Bytes of this header on the wire.
    pub const fn encoded_bytes(&self) -> usize {
        self.part.header_bytes()
    }

    /// Bytes that follow this header: none after a void one.
    pub const fn body_bytes(&self) -> usize {
        match self.part {
            SegmentPart::Void { .. } => 0,
            _ => self.length as usize,
        }
    }

    /// Appends the header; the caller appends [`body_bytes`](Self::body_bytes) bytes of the message.
    pub fn encode_into(&self, buffer: &mut BytesMut) {
        let acknowledge = if self.acknowledge {
            FLAG_ACKNOWLEDGE
        } else {
            0
        };
        buffer.put_u8(self.part.flags() | acknowledge);
        buffer.put_u64(self.sequence);
        buffer.put_u32(self.length);
        match self.part {
            SegmentPart::Whole { order, deadline_ms } => put_order(order, deadline_ms, buffer),
            SegmentPart::First {
                order,
                deadline_ms,
                total,
            } => {
                put_order(order, deadline_ms, buffer);
                buffer.put_u32(total);
            }
            SegmentPart::Middle { stream }
            | SegmentPart::Last { stream }
            | SegmentPart::Void { stream, .. } => buffer.put_u64(stream),
        }
    }

    /// Reads the header that `bytes` begin with. Its numbers are within their limits; whether the bytes that it
    /// announces are there, the caller checks.
    pub(super) fn decode(mut bytes: &[u8]) -> Result<SegmentHeader, LinkPacketError> {
        let truncated = |_| LinkPacketError::Truncated;
        let bytes = &mut bytes;
        let flags = bytes.try_get_u8().map_err(truncated)?;
        let sequence = bytes.try_get_u64().map_err(truncated)?;
        let length = bytes.try_get_u32().map_err(truncated)?;
        if length as usize > LINK_SEGMENT_BYTES_MAX {
            return Err(LinkPacketError::SegmentTooLarge { length });
        }
        if !(1..=LINK_SEQUENCE_MAX).contains(&sequence) {
            return Err(LinkPacketError::Sequence { sequence });
        }
        let part = match flags & (FLAG_FIRST | FLAG_LAST | FLAG_VOID) {
            _ if flags & !FLAGS != 0 => return Err(LinkPacketError::Flags { flags }),
            FLAG_FIRST => {
                let (order, deadline_ms) = order(flags, bytes)?;
                let total = bytes.try_get_u32().map_err(truncated)?;
                if total <= length || total as usize > LINK_MESSAGE_BYTES_CEILING {
                    return Err(LinkPacketError::Total { length, total });
                }
                SegmentPart::First {
                    order,
                    deadline_ms,
                    total,
                }
            }
            part if part == FLAG_FIRST | FLAG_LAST => {
                let (order, deadline_ms) = order(flags, bytes)?;
                SegmentPart::Whole { order, deadline_ms }
            }
            part if part & FLAG_FIRST == 0 && flags & FLAG_DEADLINE == 0 => {
                let stream = bytes.try_get_u64().map_err(truncated)?;
                let void = part & FLAG_VOID != 0;
                let stream_max = if void { sequence } else { sequence - 1 };
                if !(1..=stream_max).contains(&stream) {
                    return Err(LinkPacketError::Sequence { sequence: stream });
                }
                match (void, part & FLAG_LAST != 0) {
                    (true, last) => SegmentPart::Void { stream, last },
                    (false, true) => SegmentPart::Last { stream },
                    (false, false) => SegmentPart::Middle { stream },
                }
            }
            _ => return Err(LinkPacketError::Flags { flags }),
        };
        Ok(SegmentHeader {
            sequence,
            length,
            acknowledge: flags & FLAG_ACKNOWLEDGE != 0,
            part,
        })
    }
}

impl SegmentPart {
    /// Bytes on the wire of the header of a segment that is this part.
    pub const fn header_bytes(&self) -> usize {
        const COMMON: usize = 1 + 8 + 4;
        match *self {
            SegmentPart::Whole { deadline_ms, .. } => COMMON + 16 + deadline_bytes(deadline_ms),
            SegmentPart::First { deadline_ms, .. } => COMMON + 16 + deadline_bytes(deadline_ms) + 4,
            SegmentPart::Middle { .. } | SegmentPart::Last { .. } | SegmentPart::Void { .. } => {
                COMMON + 8
            }
        }
    }

    fn flags(&self) -> u8 {
        match *self {
            SegmentPart::Whole { deadline_ms, .. } => {
                FLAG_FIRST | FLAG_LAST | deadline_flag(deadline_ms)
            }
            SegmentPart::First { deadline_ms, .. } => FLAG_FIRST | deadline_flag(deadline_ms),
            SegmentPart::Middle { .. } => 0,
            SegmentPart::Last { .. } => FLAG_LAST,
            SegmentPart::Void { last: false, .. } => FLAG_VOID,
            SegmentPart::Void { last: true, .. } => FLAG_VOID | FLAG_LAST,
        }
    }
}

const fn deadline_bytes(deadline_ms: Option<u32>) -> usize {
    if deadline_ms.is_some() { 4 } else { 0 }
}

const fn deadline_flag(deadline_ms: Option<u32>) -> u8 {
    if deadline_ms.is_some() {
        FLAG_DEADLINE
    } else {
        0
    }
}

fn put_order(order: u128, deadline_ms: Option<u32>, buffer: &mut BytesMut) {
    buffer.put_u128(order);
    if let Some(deadline_ms) = deadline_ms {
        buffer.put_u32(deadline_ms);
    }
}

fn order(flags: u8, bytes: &mut &[u8]) -> Result<(u128, Option<u32>), LinkPacketError> {
    let truncated = |_| LinkPacketError::Truncated;
    let order = bytes.try_get_u128().map_err(truncated)?;
    let deadline_ms = if flags & FLAG_DEADLINE != 0 {
        Some(bytes.try_get_u32().map_err(truncated)?)
    } else {
        None
    };
    Ok((order, deadline_ms))
}
