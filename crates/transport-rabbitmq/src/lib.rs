//! The transport over RabbitMQ (3.10 and later) by AMQP 0.9.1, for sites that run it already.
//!
//! What [`RabbitMQClusterTransportFactory`] makes needs no addresses of its peers: each node says on
//! each lane that it is there once a second, and so hears who else is. How channels come of that is the same over
//! every broker, and is told in [`raftwire_transport::broker`].
//!
//! What a cluster has on the broker:
//!
//! - One exchange, `raftwire.<cluster>`, direct and durable. It is all that stays when the nodes
//!   have gone, and holds nothing; one that went with its last queue would go under the feet of
//!   whoever publishes.
//! - A queue for each lane of each connection of each session of a node, exclusive and
//!   auto-deleted: it ends with the connection, and what is in it with it, so nobody who comes back
//!   is sent what was meant for his predecessor. It is bound by the node's key and by that of all.
//! - A queue is bounded in messages and bytes and *refuses* what is over that (`reject-publish`; the
//!   default of RabbitMQ drops from the head what was confirmed). On the control lane the broker
//!   drops what is older than an election.
//! - Messages are kept in memory only. They are confirmed, and those for one node mandatory: one that
//!   comes back says that the peer has gone. Consumers acknowledge many at once, by a prefetch.
//!
//! Nothing here needs what RabbitMQ 4 has taken away: no transient queue is shared, no prefetch is
//! that of a connection.
//!
//! Losses are allowed here; the links above repeat what was lost. What this transport sees to:
//!
//! - Many packets for one node are one message, since a message costs the broker more than its
//!   bytes do.
//! - Receivers tell how much they have taken in, and senders keep to a window: a node that is slow
//!   fills its peers' queues, which is an outcome, and not the memory of the broker.
//! - A broker that takes no messages (`connection.blocked`: an alarm of memory or disk) fills the
//!   senders' queues, and `send` says so; after three seconds without a hello the channels are down.
//!   The connections stay. Hearing has a connection of its own, since a broker in that state does not
//!   read from those that publish.
//! - What cannot be read is acknowledged and counted. It is never put back.
//!
//! **What is absent.** No authentication of peers: the hello above the transport does that, and every
//! channel is [`Untrusted`](raftwire_transport::ChannelSecurity::Untrusted). Whoever may publish on the
//! exchange can interrupt channels, and can be nobody by that.
//!
//! **Why a client of its own.** Some twenty methods of AMQP are used, over the sockets of
//! [`Environment`](raftwire_environment::Environment). `lapin` (4.12), the client that is kept best,
//! opens sockets and a thread for each connection by itself, so that no node that uses it could be
//! simulated; it hands publications and deliveries on through queues without a bound; and 46 packages
//! come with it, one of a licence that `deny.toml` does not have (BSD-2-Clause). `amqprs` (2.1) opens its
//! sockets by itself as well.

mod amqp;
mod bundle;
mod connection;
mod connection_string;
mod factory;
mod names;
mod options;
mod session;

pub use connection_string::{InvalidRabbitMQConnectionString, RabbitMQConnectionString};
pub use factory::RabbitMQClusterTransportFactory;
pub use options::RabbitMQOptions;
