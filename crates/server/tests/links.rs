//! Whole nodes over simulated TCP: what their links do to each other.

use std::time::Duration;

use raftwire::{ClusterManager, ClusterOptions, Environment};
use raftwire_environment::SimulatedDisk;
use raftwire_transport_ws::{WsClusterTransportFactory, WsOptions};

const PORT: u16 = 5000;
const NODES: usize = 3;

fn name(index: usize) -> String {
    format!("node{}", index + 1)
}

async fn node(index: usize) -> ClusterManager {
    let environment = Environment::simulated(index as u64 + 1, SimulatedDisk::new(index as u64));
    let address = |other: usize| format!("ws://{0}:{PORT}/{0}", name(other));
    let options = ClusterOptions {
        node_id: Some(name(index).parse().expect("a node id")),
        nodes: (0..NODES)
            .map(|other| address(other).parse().expect("an address"))
            .collect(),
        ..ClusterOptions::default()
    };
    let listen = Some(("0.0.0.0".to_owned(), PORT));
    let transports = WsClusterTransportFactory::new(WsOptions {
        listen,
        ..WsOptions::default()
    });
    ClusterManager::start(options, environment, &transports)
        .await
        .expect("it starts")
}

#[test]
fn nodes_that_dial_each_other_at_once_end_with_one_connection_per_lane() {
    let mut simulation = turmoil::Builder::new()
        .simulation_duration(Duration::from_secs(60))
        .rng_seed(1)
        .build();
    for index in 0..NODES {
        simulation.host(name(index), move || async move {
            let node = node(index).await;
            node.ready().await;
            std::future::pending::<()>().await;
            drop(node);
            Ok(())
        });
    }
    simulation.client("observer", async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let (peers, lanes) = (NODES - 1, 2);
        for index in 0..NODES {
            assert_eq!(
                turmoil::established_tcp_stream_count_on(name(index)),
                peers * lanes
            );
        }
        Ok(())
    });

    simulation.run().expect("every host goes on");
}
