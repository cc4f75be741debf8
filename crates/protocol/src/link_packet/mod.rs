//! The body of a [`PacketKind::Link`](crate::PacketKind::Link) packet: what a reliable link says to its peer.
//!
//! One acknowledgement block, always, then any number of segments up to the end of the body. All numbers are
//! big-endian.
//!
//! | bytes | |
//! |---|---|
//! | 48 | [`AckBlock`], its fixed part |
//! | 16 each | received ranges: first and last sequence, ascending, apart, all beyond the cumulative point |
//! | 9 each | failures: sequence and code, ascending, none beyond the cumulative point |
//! | | segments: [`SegmentHeader`], then the bytes that it announces |
//!
//! Each packet has a number of its own and says the largest number that its sender received, so that a round
//! trip is measured without Karn's ambiguity and a loss is noticed as RFC 9002 §6.1 does it. Each segment has
//! a sequence that it keeps however often it is sent.

mod ack;
mod body;
mod error;
mod segment;

pub use ack::{AckBlock, Failure, SequenceRange};
pub use body::{LinkPacket, link_packet_bytes};
pub use error::LinkPacketError;
pub use segment::{SegmentHeader, SegmentPart};

use crate::limits::{
    DATA_PACKET_BYTES_MAX, MESSAGE_BYTES_CEILING, NAME_BYTES_MAX, PACKET_HEADER_BYTES,
};

/// The largest sequence and packet number: arithmetic on numbers below it cannot overflow.
///
/// At a thousand million segments a second it is reached after 292 years.
pub const LINK_SEQUENCE_MAX: u64 = u64::MAX >> 1;

/// Bytes of a message's head, which the sender puts before the payload: the longest name of a user or group, and as
/// much again as anything else there needs.
pub const LINK_HEAD_BYTES_MAX: usize = NAME_BYTES_MAX + 64;

/// Bytes of the largest message with its head, whatever the operator's limit is.
pub const LINK_MESSAGE_BYTES_CEILING: usize = MESSAGE_BYTES_CEILING + LINK_HEAD_BYTES_MAX;

/// Bytes that one segment carries at most; a longer message travels in several.
///
/// 32 KiB pass a 100 Mbit/s line in 2.6 ms, which is what a small message waits for the chunk before it.
pub const LINK_SEGMENT_BYTES_MAX: usize = 32 * 1024;

/// Bytes that each segment takes from the receiver's window beside those that it carries.
///
/// It is what the bookkeeping of a segment that has to wait occupies, so that a window bounds the memory of
/// messages without bytes, too. Both ends count with it, so it is part of the protocol.
pub const LINK_SEGMENT_COST_BYTES: usize = 128;

/// Bytes of the window that each end may use before it has heard of the other's.
///
/// Four packets of 64 KiB; a receiver's real window is at least this.
pub const LINK_INITIAL_WINDOW_BYTES: usize = 256 * 1024;

/// Messages of several segments that a sender may have begun and not ended.
///
/// It bounds the memory of a receiver to this many messages of the largest size; four let a fast key pass a slow one.
pub const LINK_OPEN_MESSAGES_MAX: usize = 4;

/// Received ranges that one packet says at most; what is beyond them is told once the gaps before are filled.
pub const LINK_RANGES_MAX: usize = 32;

/// Failures that one packet carries at most: 9 KiB of a packet of 64. An acknowledgement ends before the failure
/// that has no room.
pub const LINK_FAILURES_MAX: usize = 1024;

/// The failure code by which a receiver says that its own limit of a message's bytes is smaller.
pub const LINK_FAILURE_TOO_LARGE: u8 = 255;

/// The failure code by which a receiver says that it gave up a message of which parts are missing.
pub const LINK_FAILURE_INCOMPLETE: u8 = 254;

/// The largest failure code that the owner of a link may use for its own purposes.
pub const LINK_FAILURE_OWNER_MAX: u8 = 239;

const _: () = {
    assert!(LINK_MESSAGE_BYTES_CEILING <= u32::MAX as usize);
    assert!(LINK_RANGES_MAX <= u8::MAX as usize);
    assert!(LINK_FAILURES_MAX <= u16::MAX as usize);
    assert!(LINK_FAILURE_OWNER_MAX < LINK_FAILURE_INCOMPLETE);
    assert!(
        2 * (LINK_SEGMENT_BYTES_MAX + LINK_SEGMENT_COST_BYTES) <= LINK_INITIAL_WINDOW_BYTES,
        "a segment of any size passes the first window"
    );
    assert!(SegmentHeader::BYTES_MAX <= LINK_SEGMENT_COST_BYTES);
    assert!(
        PACKET_HEADER_BYTES
            + link_packet_bytes(LINK_RANGES_MAX, LINK_FAILURES_MAX)
            + SegmentHeader::BYTES_MAX
            + LINK_SEGMENT_BYTES_MAX
            <= DATA_PACKET_BYTES_MAX,
        "a segment of any size passes beside the longest acknowledgement"
    );
};
