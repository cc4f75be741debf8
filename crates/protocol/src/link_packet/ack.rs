use bytes::{Buf, BufMut, BytesMut};

/// The fixed part of what each packet says about the other direction.
///
/// | bytes | |
/// |---|---|
/// | 8 | number of this packet |
/// | 8 | echo |
/// | 4 | microseconds between the echo's arrival and this packet |
/// | 8 | cumulative |
/// | 8 | window's end |
/// | 8 | settled |
/// | 1 | flags: 1 asks for an acknowledgement at once; others are sent as zero and ignored |
/// | 1 | count of received ranges |
/// | 2 | count of failures |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AckBlock {
    /// The number of this packet in its direction: each is greater than the one before, the first is 1.
    pub packet: u64,
    /// The largest packet number that the sender of this packet received, 0 if none.
    pub echo: u64,
    /// Microseconds that passed at the sender of this packet since the echo arrived.
    pub echo_delay_us: u32,
    /// Each message whose last segment is not beyond this sequence was received, and its result is known: success,
    /// unless this packet lists its failure or an earlier one did and was `settled`.
    pub cumulative: u64,
    /// The sum of the costs of all segments, from the first on, up to which the receiver has room.
    pub window_end: u64,
    /// The highest `cumulative` of the peer that was processed here: failures up to it need no repeating.
    pub settled: u64,
    /// Whether the peer shall acknowledge at once.
    pub ack_requested: bool,
}

const FLAG_ACK_REQUESTED: u8 = 1;

impl AckBlock {
    /// Bytes of the fixed part.
    pub const BYTES: usize = 48;

    pub(super) fn encode_into(&self, ranges: usize, failures: usize, buffer: &mut BytesMut) {
        buffer.put_u64(self.packet);
        buffer.put_u64(self.echo);
        buffer.put_u32(self.echo_delay_us);
        buffer.put_u64(self.cumulative);
        buffer.put_u64(self.window_end);
        buffer.put_u64(self.settled);
        buffer.put_u8(u8::from(self.ack_requested) * FLAG_ACK_REQUESTED);
        // Both are at most their limits, which fit.
        buffer.put_u8(ranges as u8);
        buffer.put_u16(failures as u16);
    }

    /// The block, and how many ranges and failures follow; `None` if there are too few bytes.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<(AckBlock, usize, usize)> {
        if bytes.len() < AckBlock::BYTES {
            return None;
        }
        let block = AckBlock {
            packet: bytes.get_u64(),
            echo: bytes.get_u64(),
            echo_delay_us: bytes.get_u32(),
            cumulative: bytes.get_u64(),
            window_end: bytes.get_u64(),
            settled: bytes.get_u64(),
            ack_requested: bytes.get_u8() & FLAG_ACK_REQUESTED != 0,
        };
        Some((block, bytes.get_u8().into(), bytes.get_u16().into()))
    }
}

/// Sequences from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceRange {
    /// The lowest sequence.
    pub first: u64,
    /// The highest sequence.
    pub last: u64,
}

impl SequenceRange {
    /// Bytes of a range on the wire.
    pub const BYTES: usize = 16;

    pub(super) fn encode_into(self, buffer: &mut BytesMut) {
        buffer.put_u64(self.first);
        buffer.put_u64(self.last);
    }

    pub(super) fn decode(mut bytes: &[u8]) -> SequenceRange {
        SequenceRange {
            first: bytes.get_u64(),
            last: bytes.get_u64(),
        }
    }
}

/// That the message whose last segment has `sequence` was not delivered, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The sequence of the message's last segment.
    pub sequence: u64,
    /// The reason, by the numbers of the link's owner.
    pub code: u8,
}

impl Failure {
    /// Bytes of a failure on the wire.
    pub const BYTES: usize = 9;

    pub(super) fn encode_into(self, buffer: &mut BytesMut) {
        buffer.put_u64(self.sequence);
        buffer.put_u8(self.code);
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Failure {
        Failure {
            sequence: bytes.get_u64(),
            code: bytes.get_u8(),
        }
    }
}
