//! WebSocket over a byte stream.
//!
//! Everything that the rest of the server knows of WebSocket is in this module: a [`WebSocket`]
//! over any byte stream, polled by its one owner, and the two opening handshakes. The frames
//! themselves are `raftwire_websocket`'s.
//!
//! **What is absent.** No task, no timer, no queue: the owner decides what is written when, and
//! when a peer has been silent for too long. [`WebSocket::traffic`] tells it what moved. And no
//! buffer while nothing moves: bytes are read into one buffer of the thread, and what is written
//! is freed when the operating system has it. Nor any state of compression: that is the thread's as well.

mod client_handshake;
mod compression;
mod error;
mod output;
mod server_handshake;
mod socket;

pub use client_handshake::{ConnectError, Target, connect};
pub use compression::deflate;
pub use error::{EngineError, ErrorKind};
pub use server_handshake::{HandshakeError, ServerHandshake};
pub use socket::{Received, Traffic, WebSocket};
