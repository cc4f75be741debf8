//! The control lane over WebSocket, the data lane over a broker: the suite, and three real nodes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use raftwire::{Lanes, SplitClusterTransportFactory, TransportSetup};
use raftwire_environment::Environment;
use raftwire_protocol::{NodeAddress, NodeId};
use raftwire_server::ClusterReport;
use raftwire_transport::conformance::ConformanceHarness;
use raftwire_transport::{ClusterTransport, ClusterTransportFactory};
use raftwire_transport_redis::{RedisClusterTransportFactory, RedisOptions};
use raftwire_transport_ws::{WsClusterTransportFactory, WsOptions};

use crate::broker::{Broker, flows, ring, settings};
use crate::rabbitmq_server::RabbitMQServer;
use crate::redis_server::RedisServer;
use crate::support::{Cluster, Settings, eventually, free_ports};

/// How long it is away at first: longer than the lease of 5 s, so that a lease that went by the
/// broker would end.
const LONG_OUTAGE: Duration = Duration::from_secs(7);

const OUTAGE: Duration = Duration::from_millis(700);

/// WebSocket for the control lane, a private Redis for the data lane.
struct SplitHarness {
    server: RedisServer,
    ports: tokio::sync::OnceCell<BTreeMap<NodeId, u16>>,
}

impl SplitHarness {
    fn new() -> Self {
        Self {
            server: RedisServer::start(),
            ports: tokio::sync::OnceCell::new(),
        }
    }

    /// A node keeps its port.
    async fn ports(&self) -> &BTreeMap<NodeId, u16> {
        let choose = async || {
            let ids = ["a", "b", "c"].map(|id| id.parse().unwrap());
            ids.into_iter().zip(free_ports(3).await).collect()
        };
        self.ports.get_or_init(choose).await
    }
}

fn address(node: &NodeId, ports: &BTreeMap<NodeId, u16>) -> NodeAddress {
    let port = ports[node];
    format!("ws://127.0.0.1:{port}/{node}").parse().unwrap()
}

#[async_trait]
impl ConformanceHarness for SplitHarness {
    async fn transport(&self, node: &NodeId, peers: &[NodeId]) -> Arc<dyn ClusterTransport> {
        let ports = self.ports().await;
        let ws = WsClusterTransportFactory::new(WsOptions {
            listen: Some(("127.0.0.1".to_owned(), ports[node])),
            ..WsOptions::default()
        });
        let redis = RedisOptions::new(self.server.url().parse().unwrap());
        let redis = RedisClusterTransportFactory::new(redis);
        let factory = SplitClusterTransportFactory::new(Arc::new(ws), Arc::new(redis));
        let setup = TransportSetup {
            environment: Environment::real(),
            cluster: "conformance".to_owned(),
            node: node.clone(),
            peers: peers.iter().map(|peer| address(peer, ports)).collect(),
            lanes: Lanes::Both,
        };
        factory.create_transport(setup).unwrap()
    }

    fn address(&self, node: &NodeId) -> NodeAddress {
        address(node, self.ports.get().expect("a node was made"))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }
}

mod control_over_websocket_data_over_redis {
    use super::SplitHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        SplitHarness::new()
    }
}

fn split_settings<B: Broker>(server: &B) -> Settings {
    settings(server)
        .with_flag("control", "ws")
        .with_flag("data", B::TRANSPORT)
}

/// Each node is ready, and says the same of leader and term.
async fn agreed(cluster: &Cluster) -> (String, u64) {
    let (leader, report) = cluster.leader_among(&[0, 1, 2]).await;
    let agreed = (cluster.node(leader).name.clone(), report.term);
    for node in 0..cluster.len() {
        let same = |report: &ClusterReport| {
            report.ready && (report.leader.as_ref(), report.term) == (Some(&agreed.0), agreed.1)
        };
        cluster.until(node, "agreement on the leader", same).await;
    }
    agreed
}

/// How often a node has heard that there is another leader, or none.
fn elections(cluster: &Cluster, node: usize) -> usize {
    let log = cluster.node(node).log();
    log.matches("another leader").count() + log.matches("no leader is known").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_election_happens_while_the_broker_of_the_data_lane_dies() {
    broker_of_the_data_lane_dies(RedisServer::start(), 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_election_happens_while_rabbitmq_under_the_data_lane_dies() {
    broker_of_the_data_lane_dies(RabbitMQServer::start(), 2).await;
}

/// Kills the broker so many times under acknowledged traffic.
async fn broker_of_the_data_lane_dies<B: Broker>(mut server: B, kills: u32) {
    let cluster = Cluster::start_with(3, &split_settings(&server)).await;
    let elected = agreed(&cluster).await;
    let before = [0, 1, 2].map(|node| elections(&cluster, node));
    let traffic = ring(&cluster).await;

    for run in 0..kills {
        server.kill();
        let outage = if run == 0 { LONG_OUTAGE } else { OUTAGE * run };
        tokio::time::sleep(outage).await;
        for node in 0..cluster.len() {
            let report = cluster.node(node).report().await.expect("it answers");
            assert!(report.ready, "{} lost its lease", cluster.node(node).name);
            assert_eq!(
                (report.leader, report.term),
                (Some(elected.0.clone()), elected.1)
            );
        }
        server.restart();
        flows(
            &traffic,
            &format!("messages after death {run} of the broker"),
        )
        .await;
    }

    assert_eq!(agreed(&cluster).await, elected);
    for (node, before) in before.into_iter().enumerate() {
        assert_eq!(
            elections(&cluster, node),
            before,
            "{}",
            cluster.node(node).log()
        );
        assert_eq!(
            traffic.ended_on(node),
            0,
            "a client of node {node} was closed"
        );
    }
    let tally = traffic.settle().await;
    assert!(tally.acknowledged > 500, "{tally:?}");
    assert!(
        tally.refused + tally.unknown > 0,
        "the long outage was no outage: {tally:?}"
    );
}

#[tokio::test]
async fn a_node_says_what_carries_each_lane_and_refuses_the_other_transports_peers() {
    let server = RedisServer::start();
    let secret = Settings::default()
        .with_variable("RAFTWIRE_SECRET", "what the three nodes of the test know");
    let mut cluster = Cluster::prepare_each(&[&split_settings(&server), &secret]).await;
    for node in 0..2 {
        cluster.node_mut(node).start();
    }
    cluster.ready(0).await;

    let log = cluster.node(0).log();
    for words in [
        "timings between nodes: those for ws, which carries the control lane",
        "control=\"ws\"",
        "data=\"redis\"",
        "heartbeat=100ms",
        "lease=5s",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
    let reason = "the data lane rides on redis at this node";
    eventually("the reason in the log of the other node", async || {
        cluster.node(1).log().contains(reason).then_some(())
    })
    .await;
}
