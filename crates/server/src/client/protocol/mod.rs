//! `raftwire.v1`, as written down in `docs/protocol.md`: what a client and its node say.
//!
//! Text messages are JSON objects with a `type`. A payload of bytes travels in a binary message
//! behind the header of [`binary`].

pub mod binary;
mod counts;
#[cfg(test)]
mod documented;
mod from_client;
pub mod limits;
mod message_envelope;
mod outcome;
mod target;
mod to_client;

pub use counts::Counts;
pub use from_client::{FromClient, Malformed, SendRequest};
pub use message_envelope::MessageEnvelope;
pub use outcome::Outcome;
pub use target::Target;
pub use to_client::{ErrorCode, ToClient};

use target::TargetKind;

/// The name in `Sec-WebSocket-Protocol`.
pub const SUBPROTOCOL: &str = "raftwire.v1";

/// The largest request id: JavaScript's numbers are exact up to here.
pub const REQUEST_ID_MAX: u64 = (1 << 53) - 1;
