//! Links between nodes: who the peer is, and messages that arrive once, in order, with a known result.
//!
//! # The reliable link
//!
//! A transport may lose, repeat, reorder and delay packets. [`Link`] makes of it what the cluster promises:
//! *acknowledged* means received once and in order, and every other end of a message is told, too
//! ([`Settlement`]).
//!
//! - Every segment has a sequence, one for all messages of a direction, and is sent again until it is acknowledged.
//!   The receiver takes segments in by their sequence, each once.
//! - Every packet carries an acknowledgement: the cumulative point, which does not pass a message before its
//!   result is known; the failures up to there, repeated until the peer says that it has them; what arrived beyond it; and
//!   the byte window. So a success costs no message of its own.
//! - Packets are numbered and say the largest number received: losses are noticed by overtaking (RFC 9002) and round
//!   trips measured without ambiguity (RFC 6298).
//! - Messages of one *order* arrive in their order. A large message travels in chunks, between which messages
//!   of other orders pass.
//! - Memory is bounded at both ends by [`LinkConfig`].
//!
//! # Architecture invariant
//!
//! There is no clock, socket, task or randomness here: time is a parameter, what is random is passed in, and whoever owns
//! a link or session moves its packets.

mod ack_schedule;
mod config;
mod event;
mod head;
mod identity;
mod link;
mod link_error;
pub mod protection;
mod ranges;
mod receive;
mod rtt;
mod send;
pub mod session;
mod stats;
mod transmit_gate;

pub use config::{
    LinkConfig, QUEUE_BYTES_MAX_DEFAULT, QUEUE_MESSAGES_MAX_DEFAULT, RECEIVE_WINDOW_BYTES_DEFAULT,
};
pub use event::{Incoming, LinkEvent, Outgoing, Settlement};
pub use head::Head;
pub use identity::LinkIdentity;
pub use link::Link;
pub use link_error::LinkError;
pub use send::LinkSendError;
pub use stats::LinkStats;
