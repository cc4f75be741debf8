//! The examples do what they say.

#[path = "../examples/custom_provider.rs"]
mod custom_provider;
#[path = "../examples/custom_transport/main.rs"]
mod custom_transport;
#[path = "../examples/three_nodes.rs"]
mod three_nodes;

#[test]
fn three_nodes_route_between_each_other() {
    three_nodes::main().expect("every step of the example");
}

#[test]
fn a_custom_transport_carries_a_cluster() {
    custom_transport::main().expect("every step of the example");
}

#[test]
fn an_application_that_owns_its_sockets_is_reached() {
    custom_provider::main().expect("every step of the example");
}

#[test]
fn a_custom_transport_and_a_custom_provider_take_fewer_than_80_lines() {
    let transport = include_str!("../examples/custom_transport/transport.rs");
    let provider = include_str!("../examples/custom_provider.rs");
    for source in [transport, provider] {
        assert!(source.lines().count() < 80);
    }
}

mod custom_transport_keeps_the_contract {
    use std::sync::Arc;

    use async_trait::async_trait;
    use raftwire::{
        ClusterTransport, ClusterTransportFactory, Environment, Lanes, NodeAddress, NodeId,
        TransportSetup,
    };
    use raftwire_transport::conformance::ConformanceHarness;

    use crate::custom_transport::Switchboard;

    struct Harness(Switchboard);

    #[async_trait]
    impl ConformanceHarness for Harness {
        async fn transport(&self, node: &NodeId, peers: &[NodeId]) -> Arc<dyn ClusterTransport> {
            let peers = peers.iter().map(|peer| NodeAddress {
                node: peer.clone(),
                endpoint: None,
            });
            let made = self.0.create_transport(TransportSetup {
                environment: Environment::real(),
                cluster: "conformance".to_owned(),
                node: node.clone(),
                peers: peers.collect(),
                lanes: Lanes::Both,
            });
            made.expect("a switchboard refuses nobody")
        }
    }

    raftwire_transport::conformance_tests! {
        #[tokio::test(start_paused = true)]
        Harness(Switchboard::default())
    }
}
