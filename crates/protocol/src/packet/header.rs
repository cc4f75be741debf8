use bytes::{BufMut, BytesMut};

use super::PacketKind;
use crate::limits::PACKET_HEADER_BYTES;
use crate::{Incarnation, Lane, Session};

/// The first two bytes of each packet: `RW`.
pub const PACKET_MAGIC: u16 = 0x5257;

/// The version of the header's layout.
///
/// It is not the protocol version, which two nodes agree on in the hello: hellos and refusals are
/// sent with this layout for ever, so that nodes of any two versions can tell each other why they
/// do not match.
pub const PACKET_VERSION: u8 = 1;

/// The fixed header of a packet.
///
/// 64 bytes, all numbers big-endian:
///
/// | bytes | |
/// |---|---|
/// | 0..2 | [`PACKET_MAGIC`] |
/// | 2 | [`PACKET_VERSION`] |
/// | 3 | kind |
/// | 4 | flags, by kind |
/// | 5 | lane |
/// | 6..8 | reserved |
/// | 8..12 | bytes of the body, which follows the header |
/// | 12..16 | reserved |
/// | 16..32 | session of the sender |
/// | 32..48 | session of the receiver, 0 while the sender does not know it |
/// | 48..56 | incarnation of the sender, 0 while it has none |
/// | 56..64 | incarnation of the receiver as the sender knows it, 0 while it does not |
///
/// Reserved bytes are sent as zero and ignored on receipt. A later version may put hints there that
/// an older node can do without, while both are in one cluster; what an older node must not ignore
/// needs a new kind or a new version, both of which it refuses by number. Flags that a kind does
/// not define are treated the same way. Nothing here is trusted before the hello has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketHeader {
    /// What the body is.
    pub kind: PacketKind,
    /// Bits whose meaning the kind defines; zero where it defines none.
    pub flags: u8,
    /// The lane that the packet travels on.
    pub lane: Lane,
    /// The sender.
    pub from: Session,
    /// The receiver, or [`Session::NONE`].
    pub to: Session,
    /// The sender's membership, or [`Incarnation::NONE`].
    pub from_incarnation: Incarnation,
    /// The receiver's membership, or [`Incarnation::NONE`].
    pub to_incarnation: Incarnation,
}

impl PacketHeader {
    /// Appends the header of a packet with `body_len` bytes of body; the caller appends the body.
    ///
    /// Limits are not checked here: a body longer than its lane allows is refused by the transport
    /// and by the receiver.
    pub fn encode_into(&self, body_len: usize, buffer: &mut BytesMut) {
        buffer.reserve(PACKET_HEADER_BYTES);
        buffer.put_u16(PACKET_MAGIC);
        buffer.put_u8(PACKET_VERSION);
        buffer.put_u8(self.kind.number());
        buffer.put_u8(self.flags);
        buffer.put_u8(self.lane.number());
        buffer.put_u16(0);
        // A length beyond 32 bits is beyond every limit too, and stays so.
        buffer.put_u32(u32::try_from(body_len).unwrap_or(u32::MAX));
        buffer.put_u32(0);
        buffer.put_u128(self.from.get());
        buffer.put_u128(self.to.get());
        buffer.put_u64(self.from_incarnation.get());
        buffer.put_u64(self.to_incarnation.get());
    }
}
