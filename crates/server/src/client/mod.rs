//! The endpoint of WebSocket clients, speaking `raftwire.v1`.
//!
//! [`protocol`] is what is said, without any socket; `Session` is what the one task of a
//! connection does; `Writer` and `Requests` are its two halves: what goes to the client, and
//! what the client asked for.

mod ask;
mod dialect;
pub mod protocol;
mod requests;
mod session;
mod session_task;
mod writer;

pub(crate) use dialect::Dialect;
pub(crate) use requests::{Answered, Requests};
pub(crate) use session::{Admitted, Session, SessionContext};
pub(crate) use session_task::SessionTask;
pub(crate) use writer::{Outgoing, Writer};
