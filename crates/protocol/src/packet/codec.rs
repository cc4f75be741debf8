use bytes::{Buf, Bytes, BytesMut};

use super::{PACKET_MAGIC, PACKET_VERSION, PacketHeader, PacketKind};
use crate::limits::PACKET_HEADER_BYTES;
use crate::{Incarnation, Lane, Session};

/// Where a header has its kind.
const KIND_AT: usize = 3;
/// Where a header has the length of the body.
const LENGTH_AT: usize = 8;

/// Puts a header and a body together.
///
/// # Examples
///
/// ```
/// use raftwire_protocol::{Incarnation, Lane, PacketHeader, PacketKind, Session};
/// use raftwire_protocol::{decode_packet, encode_packet};
///
/// let header = PacketHeader {
///     kind: PacketKind::Request,
///     flags: 0,
///     lane: Lane::Control,
///     from: Session::new(1),
///     to: Session::new(2),
///     from_incarnation: Incarnation::new(7),
///     to_incarnation: Incarnation::NONE,
/// };
/// let packet = encode_packet(&header, b"body");
/// assert_eq!(decode_packet(packet), Ok((header, "body".into())));
/// ```
pub fn encode_packet(header: &PacketHeader, body: &[u8]) -> Bytes {
    let mut packet = BytesMut::with_capacity(PACKET_HEADER_BYTES + body.len());
    header.encode_into(body.len(), &mut packet);
    packet.extend_from_slice(body);
    packet.freeze()
}

/// Takes a packet apart; the body shares the packet's memory.
///
/// # Errors
///
/// If the packet is not exactly one header and the body that it announces, within the limit of its
/// lane. Nothing is allocated either way.
pub fn decode_packet(mut packet: Bytes) -> Result<(PacketHeader, Bytes), DecodeError> {
    let header = peek_packet(&packet)?;
    packet.advance(PACKET_HEADER_BYTES);
    Ok((header, packet))
}

/// The header of a packet that stays in one piece.
///
/// # Errors
///
/// As for [`decode_packet`].
pub fn peek_packet(packet: &[u8]) -> Result<PacketHeader, DecodeError> {
    let (header, announced) = decode_header(packet)?;
    let present = packet.len() - PACKET_HEADER_BYTES;
    if present != announced {
        return Err(DecodeError::Length { announced, present });
    }
    Ok(header)
}

/// Gives an encoded packet another kind and another length of its body, and returns the kind that
/// it had; `None`, and nothing is changed, if there is no header with a known kind.
pub fn rewrite_header(packet: &mut [u8], kind: PacketKind, body_len: usize) -> Option<PacketKind> {
    let header: &mut [u8; PACKET_HEADER_BYTES] = packet.first_chunk_mut()?;
    let before = PacketKind::from_number(header[KIND_AT])?;
    header[KIND_AT] = kind.number();
    let length = u32::try_from(body_len).unwrap_or(u32::MAX);
    header[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
    Some(before)
}

fn decode_header(packet: &[u8]) -> Result<(PacketHeader, usize), DecodeError> {
    let mut bytes = packet
        .get(..PACKET_HEADER_BYTES)
        .ok_or(DecodeError::Header {
            present: packet.len(),
        })?;
    let magic = bytes.get_u16();
    if magic != PACKET_MAGIC {
        return Err(DecodeError::Magic { magic });
    }
    let version = bytes.get_u8();
    if version != PACKET_VERSION {
        return Err(DecodeError::Version { version });
    }
    let kind = bytes.get_u8();
    let kind = PacketKind::from_number(kind).ok_or(DecodeError::Kind { kind })?;
    let flags = bytes.get_u8();
    let lane = bytes.get_u8();
    let lane = Lane::from_number(lane).ok_or(DecodeError::Lane { lane })?;
    let _reserved = bytes.get_u16();
    let announced = bytes.get_u32() as usize;
    if announced > lane.body_bytes_max() {
        return Err(DecodeError::TooLarge {
            announced,
            max: lane.body_bytes_max(),
        });
    }
    let _reserved = bytes.get_u32();
    let header = PacketHeader {
        kind,
        flags,
        lane,
        from: Session::new(bytes.get_u128()),
        to: Session::new(bytes.get_u128()),
        from_incarnation: Incarnation::new(bytes.get_u64()),
        to_incarnation: Incarnation::new(bytes.get_u64()),
    };
    Ok((header, announced))
}

/// Why bytes are not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Fewer bytes than a header has.
    #[error("a packet begins with a header of 64 bytes; there are {present}")]
    Header {
        /// Bytes that there are.
        present: usize,
    },
    /// Something else than a packet.
    #[error("not a packet of Raftwire: it begins with {magic:#06x}")]
    Magic {
        /// Its first two bytes.
        magic: u16,
    },
    /// A header whose layout this node does not know.
    #[error("a packet of version {version}; this node knows version 1")]
    Version {
        /// The version.
        version: u8,
    },
    /// A kind that this node does not know.
    #[error("a packet of unknown kind {kind}")]
    Kind {
        /// The kind's number.
        kind: u8,
    },
    /// A lane that this node does not know.
    #[error("a packet on unknown lane {lane}")]
    Lane {
        /// The lane's number.
        lane: u8,
    },
    /// A body longer than the lane allows.
    #[error("a body of {announced} bytes, where its lane allows {max}")]
    TooLarge {
        /// Bytes that the header announces.
        announced: usize,
        /// Bytes that the lane allows.
        max: usize,
    },
    /// A body of another length than announced.
    #[error("a body of {announced} bytes was announced, {present} are there")]
    Length {
        /// Bytes that the header announces.
        announced: usize,
        /// Bytes that there are.
        present: usize,
    },
}
