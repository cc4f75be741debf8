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
//! # Two secrets
//!
//! While the cluster's secret is exchanged, a node has two. Each hello has a tag for each of the sender's secrets,
//! HMAC(secret, session ‖ nonce), by which a peer that has the secret recognises it. So both ends know which secrets they
//! share before they prove anything, and use one for proofs, refusals and keys: of those, the one that the node
//! with the smaller session lists first. The proofs cover the tags. Whoever knows one of the two secrets belongs to the
//! cluster until no node accepts it any more.
//!
//! # TLS
//!
//! On a channel over TLS the hello has a digest of what TLS exports, which is the same at both ends of *one* TLS session
//! alone. Whoever relays between two TLS sessions can pass the hello on, which is refused, or change it, which the proof tells.
//!
//! # What follows
//!
//! Both ends' hellos, the secret and the exporter are what the keys of later packets are made of, where the hellos say
//! that those need [protection](crate::protection).

mod handshake;
mod hello;
mod identity;
mod medium;
mod nonce;
mod outgoing;
mod reason;
mod secret;
mod secret_tag;
mod transcript;

use std::time::Duration;

pub use handshake::{Handshake, HandshakeEvent, Side};
pub use identity::{LocalIdentity, PeerIdentity, Role, VersionRange};
pub use medium::Medium;
pub use reason::{RefusalCode, RefusalReason, SecretMismatch};
pub use secret::{InvalidSecret, SECRET_BYTES_MAX, SECRET_BYTES_MIN, Secret};

/// How long an attempt may take: many times a round trip and the resends that a bad line needs, and
/// short enough that a stranger who says nothing does not hold a channel.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a hello is sent again: 25 times an attempt, so that where 30 % of the packets are
/// lost, one attempt in ten million fails of it.
pub const HELLO_RESEND_INTERVAL: Duration = Duration::from_millis(200);

/// How often at most this end says hello anew because the peer's packets have unknown keys: a stranger
/// who forges such packets causes one hello a second, and two nodes that disagree do so for no longer.
pub const RENEWAL_INTERVAL_MIN: Duration = Duration::from_secs(1);

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
