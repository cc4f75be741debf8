//! The engine's view of the other nodes: its calls in our bytes, over a
//! [`ControlNetwork`](crate::ControlNetwork).

mod append;
mod assembly;
mod peer;
mod receiver;

pub(crate) use self::assembly::Assembly;
pub(crate) use self::peer::Peers;
pub(crate) use self::receiver::receive;

/// The most bytes of log entries or of a snapshot in one call, 48 KiB: what
/// [`CALL_BYTES_MAX`](crate::CALL_BYTES_MAX) leaves beside the fields around them.
const CARGO_BYTES_MAX: usize = 48 * 1024;

const _: () = assert!(CARGO_BYTES_MAX + 4 * 1024 <= crate::CALL_BYTES_MAX);
// An entry always fits, so replication always gets on.
const _: () = assert!(crate::wire::ENTRY_BYTES_MAX <= CARGO_BYTES_MAX);
