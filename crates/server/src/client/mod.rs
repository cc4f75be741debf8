//! The endpoint of WebSocket clients, speaking `raftwire.v1`.
//!
//! [`protocol`] is what is said, without any socket; `Session` is the one task that a
//! connection has; `Writer` and `Sends` are its two halves: what goes to the client, and
//! what the client asked for.

mod dialect;
pub mod protocol;
mod sends;
mod session;
mod writer;

pub(crate) use dialect::Dialect;
pub(crate) use sends::Sends;
pub(crate) use session::{Session, SessionContext};
pub(crate) use writer::{Outgoing, Writer};
