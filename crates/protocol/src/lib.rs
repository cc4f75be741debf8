//! What the nodes of a Raftwire cluster say to each other, and the ids that they say it about.
//!
//! This crate holds types and their encodings: node and connection ids, node addresses, frames,
//! close codes, the packet that a transport carries, and the control messages inside it. It has no
//! sockets, clock, disk or randomness: whoever needs a random id passes the bits in.
//!
//! # Limits
//!
//! Every length that comes from outside is compared with its limit in [`limits`] before anything is
//! allocated for it, and no input makes a decoder panic.

mod audience;
mod boot;
mod close_code;
mod connection_id;
mod frame;
mod incarnation;
mod lane;
pub mod limits;
pub mod link_packet;
pub mod messages;
mod minted_id;
mod name;
mod node_address;
mod node_id;
mod packet;
mod raft_id;
mod session;
mod slot;

pub use audience::{Group, UserId};
pub use boot::Boot;
pub use close_code::{CloseCode, InvalidCloseCode, Reconnect};
pub use connection_id::{ConnectionId, InvalidConnectionId};
pub use frame::{Frame, FrameKind, NotUtf8};
pub use incarnation::Incarnation;
pub use lane::Lane;
pub use limits::PACKET_HEADER_BYTES;
pub use minted_id::MintedId;
pub use name::{InvalidName, Name};
pub use node_address::{Endpoint, InvalidNodeAddress, NodeAddress, Scheme};
pub use node_id::{InvalidNodeId, NodeId};
pub use packet::{
    DecodeError, PACKET_MAGIC, PACKET_VERSION, PacketHeader, PacketKind, PacketTrailer,
    decode_packet, encode_packet, peek_packet, rewrite_header,
};
pub use raft_id::RaftId;
pub use session::Session;
pub use slot::Slot;
