//! The transport over the Pub/Sub of Redis (6 and later) and Valkey, for sites that run it
//! already.
//!
//! What [`RedisClusterTransportFactory`] makes needs no addresses of its peers: each node subscribes
//! to a channel of its own and to one that goes to all, on each lane, says that it is there once a
//! second, and so hears who else is. All names begin with `raftwire:{<cluster>:<lane>}:`, so that clusters of
//! other names on the same server are never heard.
//!
//! Redis keeps nothing: what is published while a subscriber is away is lost. That is allowed
//! here, and the links above repeat it. What this transport sees to is that a loss is noticed,
//! that nothing old is taken for something new, and that memory stays bounded:
//!
//! - The two ends of a channel number it, and count their connections to the broker. After a cut,
//!   a restart or a long pause they agree on new numbers, and what the broker still had under the
//!   old ones is dropped.
//! - A peer that stops says so. One that cannot any more is gone when a publication finds no
//!   subscriber, or when nothing was heard of it for three seconds.
//! - Receivers tell how much they have taken in, and senders keep to a window: a node that is slow
//!   fills its peers' queues, which is an outcome, and not the memory of Redis.
//! - When the broker is away, every channel is down, and each node connects again for ever, with
//!   random pauses that grow up to two seconds.
//!
//! In a Redis Cluster sharded Pub/Sub is used (Redis 7), so that each lane is one server's work;
//! with Sentinel the master is asked for before each connection. See [`RedisConnectionString`].
//!
//! **What is absent.** No keys: nothing is stored on the server. No authentication of peers: the
//! hello above the transport does that, and every channel is
//! [`Untrusted`](raftwire_transport::ChannelSecurity::Untrusted). Whoever may publish on the server
//! can interrupt channels, and can be nobody by that.
//!
//! **Why a client of its own.** Seven commands are used, over the sockets of
//! [`Environment`](raftwire_environment::Environment). The `redis` crate (1.8) hands publications to
//! its user through a queue without a bound, where this transport must not read what it has no
//! room for.

mod broker;
mod channel_names;
mod connection_string;
mod factory;
mod options;
mod publisher;
mod resp;
mod session;

pub use connection_string::{InvalidRedisConnectionString, RedisConnectionString};
pub use factory::RedisClusterTransportFactory;
pub use options::RedisOptions;
