//! Nodes on a private RabbitMQ server, and a stranger who publishes what he likes.
#![allow(
    dead_code, // each test file uses some of it
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods // tests start real servers
)]

mod rabbitmq_server;
mod stranger;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use raftwire_protocol::Lane;
use raftwire_transport::TransportSetup;
use raftwire_transport::broker::BrokerTransport;
use raftwire_transport::conformance::broker::{BrokerHarness, FailingBrokerHarness, setup};
use raftwire_transport_rabbitmq::{RabbitMQClusterTransportFactory, RabbitMQOptions};

#[allow(unused_imports)]
pub use rabbitmq_server::{RabbitMQServer, free_ports};
#[allow(unused_imports)]
pub use stranger::Stranger;

/// A broker of its own for each check.
pub struct RabbitMQHarness {
    pub server: RabbitMQServer,
}

impl RabbitMQHarness {
    pub fn new() -> Self {
        Self {
            server: RabbitMQServer::start(),
        }
    }
}

impl BrokerHarness for RabbitMQHarness {
    fn transport(&self, cluster: &str, node: &str, peers: &[&str]) -> BrokerTransport {
        make(&self.server.url(), cluster, node, peers)
    }

    fn elsewhere(&self, cluster: &str, node: &str, peers: &[&str]) -> BrokerTransport {
        make_elsewhere(&self.server, cluster, node, peers)
    }
}

impl FailingBrokerHarness for RabbitMQHarness {
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

/// Clusters of its own for each check, on the broker that all share.
pub struct SharedHarness {
    pub server: Arc<RabbitMQServer>,
    suffix: String,
}

impl SharedHarness {
    pub fn new() -> Self {
        Self {
            server: shared_server(),
            suffix: unique(""),
        }
    }

    /// What a cluster that a check has named is called on the broker.
    pub fn cluster(&self, name: &str) -> String {
        format!("{name}{}", self.suffix)
    }
}

impl BrokerHarness for SharedHarness {
    fn transport(&self, cluster: &str, node: &str, peers: &[&str]) -> BrokerTransport {
        make(&self.server.url(), &self.cluster(cluster), node, peers)
    }

    fn elsewhere(&self, cluster: &str, node: &str, peers: &[&str]) -> BrokerTransport {
        make_elsewhere(&self.server, &self.cluster(cluster), node, peers)
    }
}

pub fn make(url: &str, cluster: &str, id: &str, peers: &[&str]) -> BrokerTransport {
    let options = RabbitMQOptions::new(url.parse().unwrap());
    make_with(options, setup(cluster, id, peers))
}

pub fn make_with(options: RabbitMQOptions, setup: TransportSetup) -> BrokerTransport {
    let factory = RabbitMQClusterTransportFactory::new(options);
    factory.transport(setup).unwrap()
}

/// In another virtual host, which is another broker.
fn make_elsewhere(
    server: &RabbitMQServer,
    cluster: &str,
    node: &str,
    peers: &[&str],
) -> BrokerTransport {
    server.ctl(&["add_vhost", "elsewhere"]);
    let all = ".*";
    server.ctl(&["set_permissions", "-p", "elsewhere", "guest", all, all, all]);
    let url = format!("{}/elsewhere", server.url());
    make(&url, cluster, node, peers)
}

/// The broker that the tests of one file share which do nothing to it: starting one takes seconds.
/// The last test that uses it ends it.
pub fn shared_server() -> Arc<RabbitMQServer> {
    static SHARED: Mutex<Weak<RabbitMQServer>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    match shared.upgrade() {
        Some(server) => server,
        None => {
            let server = Arc::new(RabbitMQServer::start());
            *shared = Arc::downgrade(&server);
            server
        }
    }
}

/// A name that no other test of the file has.
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// What a node of this name would say that it is there, in a session of its own.
pub fn hello_of(name: &str, lane: Lane) -> Vec<u8> {
    let mut hello = vec![0xA7, 1, 1, lane.number()];
    hello.extend_from_slice(&[0x5A; 16]);
    hello.extend_from_slice(&1_u64.to_be_bytes());
    hello.push(name.len() as u8);
    hello.extend_from_slice(name.as_bytes());
    bundled(&hello)
}

/// One publication as a message.
pub fn bundled(publication: &[u8]) -> Vec<u8> {
    let mut message = (publication.len() as u32).to_be_bytes().to_vec();
    message.extend_from_slice(publication);
    message
}
