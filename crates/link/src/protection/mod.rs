//! The packets after the hello: each has a code that proves where it comes from, and may be encrypted.
//!
//! Whether a channel needs that is agreed on in the hello, which the proofs cover: the stronger of the two ends'
//! demands holds ([`Protection`]). Then each end has a [`Sealer`] for what it sends on the channel and an
//! [`Opener`] for what it receives, from [`Handshake::take_packet_keys`](crate::session::Handshake::take_packet_keys).
//!
//! # Keys
//!
//! HKDF-SHA256 (RFC 5869) makes them of what the two ends have in common:
//!
//! ```text
//! salt = SHA-256(field(lower hello) ‖ field(higher hello) ‖ field(TLS exporter, or nothing))
//! key material = the secret that both ends have
//! info = "raftwire packets v1" ‖ lane ‖ level ‖ session of the sender ‖ session of the receiver
//! 39 bytes: the key (32), the key's id (7)
//! ```
//!
//! A field is its length in eight bytes, then its bytes. The lower hello is that of the smaller session. Hellos contain
//! their nonces, so keys are never the same for two hellos; and they differ by lane, direction and level.
//!
//! # Packets
//!
//! ChaCha20-Poly1305 (RFC 8439), one primitive for both levels; its nonce is the packet's number under the key, which the
//! sender counts and never uses twice. [`Protection::Authenticated`]: everything before the code is associated data,
//! and there is no plaintext. [`Protection::Sealed`]: the body is encrypted where it lies, header and trailer are
//! associated data. The receiver refuses a number that it has seen, and one that is
//! [`REPLAY_WINDOW_PACKETS`] behind the largest: a transport may reorder, so the order itself means nothing.
//!
//! What it does not do: hide from an observer who talks to whom, how much and when; or keep recorded packets secret from
//! whoever learns the cluster's secret later. TLS between the nodes does the latter.

mod cipher;
mod keyring;
mod keys;
mod level;
mod opener;
mod replay_window;
mod sealer;

pub use keyring::Keyring;
pub(crate) use keys::KeySource;
pub use keys::PacketKeys;
pub use level::Protection;
pub use opener::{OpenError, Opener};
pub use replay_window::REPLAY_WINDOW_PACKETS;
pub use sealer::Sealer;

#[cfg(test)]
mod tests;
