//! Nodes on a private Redis server.
#![allow(
    dead_code, // each test file uses some of it
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods // tests start real servers
)]

mod redis_server;

use raftwire_transport::TransportSetup;
use raftwire_transport::broker::BrokerTransport;
use raftwire_transport::conformance::broker::{BrokerHarness, FailingBrokerHarness, setup};
use raftwire_transport_redis::{RedisClusterTransportFactory, RedisOptions};

#[allow(unused_imports)]
pub use redis_server::{RedisServer, free_port};

/// A server of its own for each check.
pub struct RedisHarness {
    pub server: RedisServer,
}

impl RedisHarness {
    pub fn new() -> Self {
        Self {
            server: RedisServer::start(),
        }
    }
}

impl BrokerHarness for RedisHarness {
    fn transport(&self, cluster: &str, node: &str, peers: &[&str]) -> BrokerTransport {
        make(&self.server.url(), cluster, node, peers)
    }

    fn elsewhere(&self, cluster: &str, node: &str, peers: &[&str]) -> BrokerTransport {
        let prefixed = format!("127.0.0.1:{},channelPrefix=other:", self.server.port);
        make(&prefixed, cluster, node, peers)
    }
}

impl FailingBrokerHarness for RedisHarness {
    fn kill(&mut self) {
        self.server.kill();
    }

    fn restart(&mut self) {
        self.server.restart();
    }

    fn pause(&mut self) {
        self.server.pause();
    }

    fn resume(&mut self) {
        self.server.resume();
    }
}

pub fn make(url: &str, cluster: &str, id: &str, peers: &[&str]) -> BrokerTransport {
    let options = RedisOptions::new(url.parse().unwrap());
    make_with(options, setup(cluster, id, peers))
}

pub fn make_with(options: RedisOptions, setup: TransportSetup) -> BrokerTransport {
    let factory = RedisClusterTransportFactory::new(options);
    factory.transport(setup).unwrap()
}
