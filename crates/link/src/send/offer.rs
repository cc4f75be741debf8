use raftwire_protocol::link_packet::{
    LINK_SEGMENT_BYTES_MAX, LINK_SEGMENT_COST_BYTES, SegmentPart,
};

use super::message::{Message, MessageId};
use super::piece::{Piece, PieceKind};

/// The smallest chunk that is cut to fill a packet up; below it the rest of the packet stays empty.
pub(crate) const CHUNK_BYTES_MIN: usize = 4 * 1024;

const _: () = assert!(CHUNK_BYTES_MIN < LINK_SEGMENT_BYTES_MAX);

/// How much the next piece may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// Bytes left in the packet, for header and body; in an empty packet enough for every segment.
    pub(crate) room: usize,
    /// What is left of the peer's window, as costs.
    pub(crate) credit: u64,
    /// Bytes of large messages that may go on their way in addition to those that are.
    pub(crate) chunk_bytes: u64,
}

/// What a message has to offer for a packet.
pub(crate) enum Offer {
    Piece(Piece),
    /// Something that has to wait for a fresh packet or for window.
    Wait,
    /// Nothing that may be sent now.
    Nothing,
}

/// Whether a message needs more than one segment.
pub(crate) fn is_large(message: &Message) -> bool {
    message.length as usize > LINK_SEGMENT_BYTES_MAX
}

/// All of a message that fits one segment.
pub(crate) fn whole(id: MessageId, message: &Message, allowance: Allowance) -> Offer {
    let header = SegmentPart::Whole {
        order: message.order,
        deadline_ms: message.deadline.map(|_| 0),
    }
    .header_bytes();
    if cost(message.length) > allowance.credit || header + message.length as usize > allowance.room
    {
        return Offer::Wait;
    }
    Offer::Piece(Piece {
        message: id,
        offset: 0,
        length: message.length,
        kind: PieceKind::Whole,
    })
}

/// The next part of a message that does not.
pub(crate) fn chunk(id: MessageId, message: &Message, allowance: Allowance) -> Offer {
    let offset = message.sequenced_bytes;
    let rest = message.length - offset;
    let wanted = rest.min(LINK_SEGMENT_BYTES_MAX as u32);
    if u64::from(wanted) > allowance.chunk_bytes {
        return Offer::Nothing;
    }
    let header = if offset == 0 {
        SegmentPart::First {
            order: message.order,
            deadline_ms: message.deadline.map(|_| 0),
            total: message.length,
        }
    } else {
        SegmentPart::Middle {
            stream: message.first_sequence,
        }
    }
    .header_bytes();
    let room = allowance.room.saturating_sub(header);
    let length = wanted.min(u32::try_from(room).unwrap_or(u32::MAX));
    let too_short = length < wanted && (length as usize) < CHUNK_BYTES_MIN;
    if too_short || cost(length) > allowance.credit {
        return Offer::Wait;
    }
    Offer::Piece(Piece {
        message: id,
        offset,
        length,
        kind: match (offset, length == rest) {
            (0, _) => PieceKind::First,
            (_, false) => PieceKind::Middle,
            (_, true) => PieceKind::Last,
        },
    })
}

/// The end of a message that expired after it was begun.
pub(crate) fn terminator(id: MessageId, allowance: Allowance) -> Offer {
    let header = SegmentPart::Void {
        stream: 1,
        last: true,
    }
    .header_bytes();
    if cost(0) > allowance.credit || header > allowance.room {
        Offer::Wait
    } else {
        Offer::Piece(Piece {
            message: id,
            offset: 0,
            length: 0,
            kind: PieceKind::Terminator,
        })
    }
}

/// What a segment with this many bytes takes from the window.
pub(crate) fn cost(length: u32) -> u64 {
    u64::from(length) + LINK_SEGMENT_COST_BYTES as u64
}
