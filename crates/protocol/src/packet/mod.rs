//! A packet: what a transport carries from one node to another, a fixed header and a body.

mod codec;
mod header;
mod kind;

pub use codec::{DecodeError, decode_packet, encode_packet};
pub use header::{PACKET_MAGIC, PACKET_VERSION, PacketHeader};
pub use kind::PacketKind;

#[cfg(test)]
mod tests;
