use std::path::PathBuf;

use raftwire_transport::broker::BrokerOptions;

use crate::RedisConnectionString;

/// How a transport of [`RedisClusterTransportFactory`](crate::RedisClusterTransportFactory) behaves.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// The broker, and how to log in to it.
    pub connection: RedisConnectionString,
    /// A PEM file with the authorities that may sign the broker's certificate. Default: none,
    /// those of the system.
    pub tls_authorities: Option<PathBuf>,
    /// The channels. What all peers together may have on the way to one node should stay below
    /// `client-output-buffer-limit pubsub` of Redis (32 MiB): beyond it Redis cuts off a node that
    /// cannot follow, and what was on its way is sent again.
    pub channels: BrokerOptions,
}

impl RedisOptions {
    /// The defaults, for this broker.
    pub fn new(connection: RedisConnectionString) -> Self {
        Self {
            connection,
            tls_authorities: None,
            channels: BrokerOptions::default(),
        }
    }
}
