use bytes::Bytes;

use crate::{CloseReason, Message};

/// What the peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole message.
    Message(Message),
    /// A ping, which wants a pong with the same payload, at most
    /// [`CONTROL_BYTES_MAX`](crate::CONTROL_BYTES_MAX) bytes.
    Ping(Bytes),
    /// The answer to a ping, or a pong that nobody asked for.
    Pong(Bytes),
    /// The last frame of the peer, with its reason where it gave one. It wants a close in return,
    /// unless this end has sent its own.
    Close(Option<CloseReason>),
}
