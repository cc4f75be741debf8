//! A member inside this program that holds more names than a process may have sockets.

use std::error::Error;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use raftwire::{
    ClusterManager, ClusterOptions, ConnectionInfo, Name, NamePolicy, NodeId, Outbox, SeatPolicy,
    Secret,
};
use raftwire_environment::Environment;
use raftwire_transport_ws::{WsClusterTransportFactory, WsOptions};

use crate::cluster::{Cluster, EDGE, SECRET};

/// Registrations at a time: batches fill.
const REGISTERING_MAX: usize = 2_000;

pub(crate) struct Holder {
    manager: ClusterManager,
    /// Each is a connection: it ends when its outbox does.
    outboxes: Vec<Outbox>,
}

impl Holder {
    /// Joins the cluster as an edge.
    pub(crate) async fn start(
        environment: &Environment,
        cluster: &Cluster,
    ) -> Result<Holder, Box<dyn Error>> {
        let port = cluster.ports[EDGE + 1];
        let nodes = cluster.addresses();
        let nodes: Result<Vec<_>, _> = nodes.iter().map(|address| address.parse()).collect();
        let options = ClusterOptions {
            node_id: Some("holder".parse::<NodeId>()?),
            node_address: "127.0.0.1".to_owned(),
            node_port: port,
            nodes: nodes?,
            secret: Some(Secret::new(SECRET)?),
            ephemeral: true,
            seat: SeatPolicy::Edge,
            ..ClusterOptions::default()
        };
        let transports = WsClusterTransportFactory::new(WsOptions {
            listen: Some(("127.0.0.1".to_owned(), port)),
            ..WsOptions::default()
        });
        let manager = ClusterManager::start(options, environment.clone(), &transports).await?;
        manager.ready().await;
        Ok(Holder {
            manager,
            outboxes: Vec::new(),
        })
    }

    /// Registers so many names more.
    pub(crate) async fn register(&mut self, count: usize) -> Result<(), Box<dyn Error>> {
        let manager = &self.manager;
        let registering = (0..count).map(|number| async move {
            let name: Name = format!("name{number}").parse()?;
            let info = ConnectionInfo::default();
            let accepting = manager.accept_named("/ws", info, name, NamePolicy::TakeOver);
            let (_, outbox) = accepting.await?;
            Ok::<_, Box<dyn Error>>(outbox)
        });
        let registering = stream::iter(registering).buffer_unordered(REGISTERING_MAX);
        let registered: Vec<Outbox> = registering.try_collect().await?;
        self.outboxes.extend(registered);
        Ok(())
    }

    pub(crate) async fn stop(self) {
        self.manager.stop().await;
    }
}
