//! The hello: two nodes find out who the other is, and that it belongs to the cluster.
//!
//! One [`Handshake`] runs at each end of a channel, and both ends run the same code: a channel of a
//! broker has no side that called and none that was called. Nothing of the channel is trusted; it
//! may lose, repeat, reorder and delay packets, and strangers may put some of their own on it.
//!
//! ```text
//! A                                     B
//! │ Hello(a) ─────────────►             │   who A is, and a nonce that nobody could foresee
//! │             ◄───────────── Hello(b) │
//! │ Proof(a, b) ──────────►             │   HMAC(secret, lane ‖ a ‖ b)
//! │             ◄────────── Proof(b, a) │   HMAC(secret, lane ‖ b ‖ a)
//! ```
//!
//! - Whoever has no valid proof of the peer sends its hello again every [`HELLO_RESEND_INTERVAL`];
//!   whoever receives a hello answers with a proof, *also after it is done*. So a lost proof is
//!   asked for by the hello that comes again, and as neither a proof nor a refusal is ever
//!   answered, nothing echoes for ever.
//! - A proof carries the hello that it proves and the nonce that it answers. The receiver keeps no
//!   hello, so a stranger's hello takes no place away from the peer's, the order of arrival makes
//!   no difference, and what answers an older nonce is old, not wrong: it is ignored.
//! - A proof covers both hellos byte for byte, hence both nonces, node ids, sessions, Raft ids,
//!   roles, version ranges and the cluster's name, also fields that an older node does not know;
//!   and the lane. Its own comes first: a proof sent back to its maker is wrong, and so is one
//!   recorded earlier or on the other lane. Each nonce of ours lets one peer in, once.
//! - Once established, only a refusal that carries a valid code of this very session ends it. A
//!   hello with another nonce (the peer was restarted, or had given up) starts a second attempt
//!   beside it with a nonce of its own; if that succeeds, [`HandshakeEvent::Established`] comes
//!   again, and if not, nothing happened.
//!
//! What it does not do: whoever relays packets between two nodes unchanged is not noticed, and
//! packets that follow are not protected. A binding to the channel beneath would be one more field
//! of the transcript.

mod handshake;
mod hello;
mod identity;
mod nonce;
mod outgoing;
mod reason;
mod secret;
mod transcript;

use std::time::Duration;

pub use handshake::{Handshake, HandshakeEvent, Side};
pub use identity::{LocalIdentity, PeerIdentity, Role, VersionRange};
pub use reason::{RefusalCode, RefusalReason, SecretMismatch};
pub use secret::{InvalidSecret, SECRET_BYTES_MAX, SECRET_BYTES_MIN, Secret};

/// How long an attempt may take: many times a round trip and the resends that a bad line needs, and
/// short enough that a stranger who says nothing does not hold a channel.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a hello is sent again: 25 times an attempt, so that where 30 % of the packets are
/// lost, one attempt in ten million fails of it.
pub const HELLO_RESEND_INTERVAL: Duration = Duration::from_millis(200);

/// Packets that wait for [`Handshake::poll_transmit`]. One call adds at most three; what does not
/// fit is left out, as if the channel had lost it.
pub const OUTGOING_PACKETS_MAX: usize = 8;

/// Hellos that were replaced by a newer one of the same channel and are remembered, so that a late
/// copy does not start an attempt: more than a channel sees within the time that a packet can be
/// late.
pub const REPLACED_HELLOS_MAX: usize = 8;

const _: () = assert!(HELLO_RESEND_INTERVAL.as_millis() * 10 <= HANDSHAKE_TIMEOUT.as_millis());

#[cfg(test)]
mod tests;
