//! A packet: what a transport carries from one node to another, a fixed header and a body.

mod codec;
mod header;
mod kind;
mod trailer;

pub use codec::{DecodeError, decode_packet, encode_packet, peek_packet, rewrite_header};
pub use header::{PACKET_MAGIC, PACKET_VERSION, PacketHeader};
pub use kind::PacketKind;
pub use trailer::PacketTrailer;

#[cfg(test)]
mod tests;
