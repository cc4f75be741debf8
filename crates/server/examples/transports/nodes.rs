//! Three nodes in this process, which embed the library.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use raftwire::{ClusterManager, ClusterOptions};
use raftwire_environment::Environment;

use crate::carrier::{Broker, Carrier, factory};
use crate::counted::{CountedFactory, Counts};
use crate::redis_server::free_port;

pub(crate) const NODES: usize = 3;

/// Only nodes that cannot work take this long.
const READY_MAX: Duration = Duration::from_secs(60);

pub(crate) struct Nodes {
    pub(crate) managers: Vec<ClusterManager>,
    /// What the first one has sent on the data lane.
    pub(crate) sent: Arc<Counts>,
}

impl Nodes {
    pub(crate) async fn start(
        environment: &Environment,
        carrier: Carrier,
        broker: Option<&Broker>,
    ) -> Result<Nodes, Box<dyn Error>> {
        let ports: Vec<u16> = (0..NODES).map(|_| free_port()).collect();
        let listed = ports.iter().enumerate();
        let listed = listed.map(|(node, port)| format!("ws://127.0.0.1:{port}/node{}", node + 1));
        let listed: Vec<String> = listed.collect();
        let mut managers = Vec::with_capacity(NODES);
        let mut sent = Vec::with_capacity(NODES);
        for (node, port) in ports.iter().enumerate() {
            let nodes: Result<Vec<_>, _> = listed.iter().map(|address| address.parse()).collect();
            let options = ClusterOptions {
                node_id: Some(format!("node{}", node + 1).parse()?),
                node_port: *port,
                nodes: nodes?,
                timings: carrier.timings(),
                secret: Some("what the nodes of a measurement know".parse()?),
                ephemeral: true,
                ..ClusterOptions::default()
            };
            let counts = Arc::new(Counts::default());
            let transports = CountedFactory {
                inner: factory(carrier, broker, *port)?,
                counts: Arc::clone(&counts),
            };
            let started = ClusterManager::start(options, environment.clone(), &transports);
            managers.push(started.await?);
            sent.push(counts);
        }
        let nodes = Nodes {
            managers,
            sent: sent.swap_remove(0),
        };
        let ready = async {
            for manager in &nodes.managers {
                manager.ready().await;
            }
        };
        tokio::time::timeout(READY_MAX, ready).await?;
        Ok(nodes)
    }

    pub(crate) async fn stop(&self) {
        for manager in &self.managers {
            manager.stop().await;
        }
    }
}
