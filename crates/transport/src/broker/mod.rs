//! What transports over a message broker have in common: channels, where a broker has none.
//!
//! A broker carries messages to names, keeps what it likes, and knows nothing of who is alive. What
//! makes channels of that is here, once. A transport over a particular broker brings a
//! [`BrokerClient`], which connects one lane and says how to publish and to hear; a
//! [`BrokerTransport`] over it is a [`ClusterTransport`](crate::ClusterTransport).
//!
//! - Each node says on each lane that it is there, once a second, and so hears who else is. No
//!   addresses are needed.
//! - The two ends of a channel number it, and count their connections to the broker. After a cut, a
//!   restart or a long pause they agree on new numbers, and what the broker still had under the old
//!   ones is dropped as stale.
//! - Receivers tell how much they have taken in, and senders keep to a window: a node that is slow
//!   fills its peers' queues, which is an outcome, and not the memory of the broker.
//! - When the broker is away, every channel is down, and each node connects again for ever, with
//!   random pauses that grow.
//!
//! [`Servers`], [`Secret`], [`ConnectionOption`], [`unescaped`], [`connect`] and [`client_tls`] are the
//! parts that connection strings and clients have in common.

mod client;
mod connection_string;
mod envelope;
mod lane;
mod options;
mod socket;
mod statistics;
mod tls;
mod transport;

pub use client::{BrokerClient, BrokerSession, MessageSource};
pub use connection_string::{
    ConnectionOption, HostPort, InvalidOption, InvalidServers, NotEscaped, Secret, Servers,
    escaped, shown_scheme, unescaped,
};
pub use lane::{Lane, Listener, PACKET_OVERHEAD_BYTES, Publication, Recipient};
pub use options::BrokerOptions;
pub use socket::{BrokerSocket, ConnectError, connect};
pub use statistics::BrokerStatistics;
pub use tls::client_tls;
pub use transport::BrokerTransport;
