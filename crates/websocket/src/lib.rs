//! WebSocket (RFC 6455) without input and output: bytes in, events out, and back.
//!
//! - [`Decoder`] reads frames from whatever bytes have come, strictly, and puts messages together.
//!   Between messages it holds no memory of its own but some bytes of state, so that a hundred
//!   thousand idle connections cost little.
//! - [`PieceReader`] reads frames as strictly, but leaves the bytes where they lie: for a client that
//!   looks at messages and keeps none, as a load generator.
//! - [`Encoder`] makes frames. A server's frame is the same for every client, so an encoded one can
//!   be handed to many connections.
//! - [`Deflater`] and [`Inflater`] compress messages and inflate them, where [`DeflateAgreement`] found
//!   that the client offered it (RFC 7692).
//! - [`ServerHandshake`](handshake::accept_key) and [`ClientHandshake`] open a connection.
//!
//! **What is absent.** No socket, no clock, no task, no randomness: the masks of a client and its
//! key come from the caller. No extension but
//! compression, and of that no context that a connection would have to keep.

mod close;
mod decoder;
mod deflate;
mod encoder;
mod error;
mod event;
mod handshake;
mod head_reader;
mod header;
mod mask;
mod message;
mod piece_reader;
mod utf8;

pub use close::CloseReason;
pub use decoder::Decoder;
pub use deflate::{DeflateAgreement, Deflated, Deflater, Inflater};
pub use encoder::{Encoder, HeaderBytes};
pub use error::ProtocolError;
pub use event::Event;
pub use handshake::{ClientHandshake, ClientHandshakeError, accept_key};
pub use mask::MaskKeys;
pub use message::{Message, MessageKind};
pub use piece_reader::{Piece, PieceReader};

/// The most bytes of a control frame's payload (RFC 6455 §5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// Which end of the connection this is. A client masks what it sends; a server must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It was connected to.
    Server,
    /// It connected.
    Client,
}
