//! A broker, whichever it is, and traffic over it.

use crate::rabbitmq_server::RabbitMQServer;
use crate::redis_server::RedisServer;
use crate::support::{Client, Cluster, Settings, Traffic, eventually};

pub(crate) const CLIENTS_PER_NODE: usize = 8;

/// A private broker.
pub(crate) trait Broker {
    /// What the configuration calls it.
    const TRANSPORT: &'static str;
    /// What people call it.
    const NAME: &'static str;
    /// Names it to a node.
    const VARIABLE: &'static str;

    fn start() -> Self;
    fn url(&self) -> String;
    fn kill(&mut self);
    fn restart(&mut self);
    fn pause(&self);
    fn resume(&self);
}

impl Broker for RedisServer {
    const TRANSPORT: &'static str = "redis";
    const NAME: &'static str = "Redis";
    const VARIABLE: &'static str = "RAFTWIRE_REDIS_CONNECTION_STRING";

    fn start() -> Self {
        RedisServer::start()
    }

    fn url(&self) -> String {
        RedisServer::url(self)
    }

    fn kill(&mut self) {
        RedisServer::kill(self);
    }

    fn restart(&mut self) {
        RedisServer::restart(self);
    }

    fn pause(&self) {
        RedisServer::pause(self);
    }

    fn resume(&self) {
        RedisServer::resume(self);
    }
}

impl Broker for RabbitMQServer {
    const TRANSPORT: &'static str = "rabbitmq";
    const NAME: &'static str = "RabbitMQ";
    const VARIABLE: &'static str = "RAFTWIRE_RABBITMQ_CONNECTION_STRING";

    fn start() -> Self {
        RabbitMQServer::start()
    }

    fn url(&self) -> String {
        RabbitMQServer::url(self)
    }

    fn kill(&mut self) {
        RabbitMQServer::kill(self);
    }

    fn restart(&mut self) {
        RabbitMQServer::restart(self);
    }

    fn pause(&self) {
        RabbitMQServer::pause(self);
    }

    fn resume(&self) {
        RabbitMQServer::resume(self);
    }
}

/// Of nodes that know the broker, and each other's secret.
pub(crate) fn settings<B: Broker>(server: &B) -> Settings {
    Settings::default()
        .with_variable(B::VARIABLE, &server.url())
        .with_variable("RAFTWIRE_SECRET", "what the three nodes of the test know")
}

/// Three nodes that speak over the broker alone, and clients in a ring whose messages flow.
pub(crate) async fn three_nodes<B: Broker>(server: &B) -> (Cluster, Traffic) {
    let settings = settings(server).with_flag("transport-type", B::TRANSPORT);
    let cluster = Cluster::start_with(3, &settings).await;
    let traffic = ring(&cluster).await;
    (cluster, traffic)
}

/// Clients on every node that send to each other, once their messages flow.
pub(crate) async fn ring(cluster: &Cluster) -> Traffic {
    let mut clients: Vec<(usize, Client)> = Vec::new();
    for _ in 0..CLIENTS_PER_NODE {
        for node in 0..cluster.len() {
            clients.push((node, cluster.node(node).client().await));
        }
    }
    let mut traffic = Traffic::new();
    traffic.ring(clients);
    flows(&traffic, "messages over the broker").await;
    traffic
}

/// Waits until the traffic flows again.
pub(crate) async fn flows(traffic: &Traffic, what: &str) {
    let enough = traffic.received() + 20 * CLIENTS_PER_NODE;
    eventually(what, async || (traffic.received() > enough).then_some(())).await;
}

/// Waits until every node has lost its lease.
pub(crate) async fn nobody_is_ready(cluster: &Cluster) {
    for index in 0..cluster.len() {
        cluster
            .until(index, "the end of the lease", |report| !report.ready)
            .await;
    }
}

/// No client was closed by its node.
pub(crate) fn nobody_was_closed(traffic: &Traffic) {
    for node in 0..3 {
        assert_eq!(
            traffic.ended_on(node),
            0,
            "a client of node {node} was closed"
        );
    }
}

/// Everything that was acknowledged has arrived, and it was more than this.
pub(crate) async fn settled(traffic: Traffic, least: usize) {
    let tally = traffic.settle().await;
    assert!(tally.acknowledged > least, "{tally:?}");
}
