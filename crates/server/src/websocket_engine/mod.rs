//! The WebSocket library, behind one door.
//!
//! Everything that the rest of the server knows of WebSocket is in this module: a [`WebSocket`]
//! over any byte stream, polled by its one owner, and the two opening handshakes. Nothing
//! outside names the library underneath (tungstenite), so that it can be exchanged.
//!
//! **What is absent.** No task, no timer, no queue: the owner decides what is written when, and
//! when a peer has been silent for too long. [`WebSocket::traffic`] tells it what moved.

mod client_handshake;
mod error;
mod metered;
mod server_handshake;
mod socket;

pub use client_handshake::{ConnectError, connect};
pub use error::{EngineError, ErrorKind};
pub use metered::Traffic;
pub use server_handshake::{HandshakeError, ServerHandshake};
pub use socket::{EngineLimits, Received, WebSocket};
