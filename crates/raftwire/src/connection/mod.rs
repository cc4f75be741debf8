//! The client connections of this node: their ids, their outboxes, how messages enter them.

mod info;
mod naming;
mod outbox;
mod provider;
mod table;
mod written;

pub use info::{CONNECTION_INFO_BYTES_MAX, ConnectionInfo};
pub(crate) use naming::{Confirmed, NotNameable, Released};
pub(crate) use outbox::PushError;
pub use outbox::{FRAME_OVERHEAD_BYTES, Outbox, OutboxClosed, OutboxPolicy};
pub use provider::{ConnectionProvider, DefaultConnectionProvider, Undeliverable};
pub(crate) use provider::{Delivery, Undelivered};
pub(crate) use table::{ConnectionTable, Entry};
pub(crate) use written::WrittenTicket;
