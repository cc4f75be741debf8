//! Starts a node: opens what it needs, in the one order that works, and sets it going.

use std::sync::Arc;

use raftwire_consensus::{ClusterEvent, RaftNode, RaftOptions, Storage};
use raftwire_environment::Environment;
use raftwire_protocol::{NodeAddress, NodeId, Session};
use raftwire_transport::{ClusterTransportFactory, CreateError, Lanes, TransportSetup};

use crate::assembly::Parts;
use crate::connection::ConnectionTable;
use crate::events;
use crate::identity::{self, NameError};
use crate::manager::{ClusterManager, Inner};
use crate::peer::ConsensusNetwork;
use crate::variants::WrongVariants;
use crate::{ClusterOptions, ConnectionProvider, InvalidOptions};

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An option cannot be.
    #[error(transparent)]
    Options(#[from] InvalidOptions),
    /// The generated name cannot be kept.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The transport cannot be made of these options.
    #[error(transparent)]
    Transport(#[from] CreateError),
    /// The transport did not start.
    #[error(transparent)]
    TransportStart(#[from] raftwire_transport::StartError),
    /// The data folder cannot be used.
    #[error(transparent)]
    Open(#[from] raftwire_consensus::OpenError),
    /// Consensus did not start.
    #[error(transparent)]
    Consensus(#[from] raftwire_consensus::StartError),
}

impl ClusterManager {
    /// Starts a node with the library's own outboxes for its connections, and returns without
    /// waiting for the others; [`ready`](Self::ready) does.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing runs after an error.
    pub async fn start(
        options: ClusterOptions,
        environment: Environment,
        transports: &dyn ClusterTransportFactory,
    ) -> Result<ClusterManager, StartError> {
        let right = WrongVariants::default();
        Self::start_with(options, environment, transports, None, right).await
    }

    /// Starts a node whose connections belong to the application: messages go to `provider`.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing runs after an error.
    pub async fn start_with_provider(
        options: ClusterOptions,
        environment: Environment,
        transports: &dyn ClusterTransportFactory,
        provider: Arc<dyn ConnectionProvider>,
    ) -> Result<ClusterManager, StartError> {
        let right = WrongVariants::default();
        Self::start_with(options, environment, transports, Some(provider), right).await
    }

    /// Starts a node that is wrong on purpose.
    ///
    /// # Errors
    /// See [`StartError`].
    #[cfg(feature = "wrong-variants")]
    pub async fn start_wrong(
        options: ClusterOptions,
        environment: Environment,
        transports: &dyn ClusterTransportFactory,
        variants: WrongVariants,
    ) -> Result<ClusterManager, StartError> {
        Self::start_with(options, environment, transports, None, variants).await
    }

    async fn start_with(
        options: ClusterOptions,
        environment: Environment,
        transports: &dyn ClusterTransportFactory,
        provider: Option<Arc<dyn ConnectionProvider>>,
        variants: WrongVariants,
    ) -> Result<ClusterManager, StartError> {
        options.validate()?;
        let (node, data_dir) = identity::resolve(&options, &environment).await?;
        let peers = options.peers(Some(&node))?;
        let session = random_session(&environment);
        let raft_options = raft_options(&options, (&node, session), &peers, data_dir);
        let raft_options = variants.apply_to_raft(raft_options);
        let raft = Arc::new(RaftNode::open(raft_options, environment.clone()).await?);
        let transport = transports.create_transport(TransportSetup {
            environment: environment.clone(),
            cluster: options.cluster_name.clone(),
            node: node.clone(),
            peers,
            lanes: Lanes::Both,
        })?;
        let events = transport.start().await?;

        let table = Arc::new(ConnectionTable::new(environment.clone()));
        let parts = Parts {
            options,
            environment,
            node,
            session,
            raft,
            transport,
            table,
            variants,
        };
        let (mut inner, hub) = parts.assemble(provider);
        inner
            .tasks
            .push(inner.executor.spawn("hub", hub.run(events)));
        let started = inner
            .raft
            .start(Arc::new(ConsensusNetwork(Arc::clone(&inner.rpc))))
            .await;
        if let Err(error) = started {
            inner.registry.close();
            inner.transport.stop().await;
            return Err(error.into());
        }
        inner.forward_events();
        inner.keep_names();
        Ok(ClusterManager {
            inner: Arc::new(inner),
        })
    }
}

fn random_session(environment: &Environment) -> Session {
    let halves = [environment.random_u64(), environment.random_u64()].map(u128::from);
    Session::new(halves[0] << 64 | halves[1])
}

/// Host and port as one text; an IPv6 address stands in brackets.
fn address(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        return format!("[{host}]:{port}");
    }
    format!("{host}:{port}")
}

fn raft_options(
    options: &ClusterOptions,
    (node, session): (&NodeId, Session),
    peers: &[NodeAddress],
    data_dir: Option<std::path::PathBuf>,
) -> RaftOptions {
    let founding = peers
        .iter()
        .map(|peer| peer.node.clone())
        .chain([node.clone()]);
    let storage = data_dir.map_or(Storage::Ephemeral, Storage::Durable);
    RaftOptions {
        founding: founding.collect(),
        timings: options.timings,
        address: Some(address(&options.node_address, options.node_port)),
        names_max: options.names_max,
        seat: options.seat,
        ..RaftOptions::new(&options.cluster_name, node.clone(), session, storage)
    }
}

impl Inner {
    /// Passes on what consensus tells, which it does from its start on.
    fn forward_events(&mut self) {
        let Some(mut source) = self.raft.events() else {
            return;
        };
        let Some(events) = self.lock_events().clone() else {
            return;
        };
        let counters = Arc::clone(&self.counters);
        let task = self.environment.spawn("events", async move {
            while let Some(event) = source.recv().await {
                if let ClusterEvent::LeaderChanged {
                    leader: Some(_), ..
                } = &event
                {
                    counters.leader_changed();
                }
                events::log(&event);
                // Nobody listens: nobody missed it.
                let _ = events.send(event);
            }
        });
        self.tasks.push(task);
    }
}

impl Inner {
    /// Keeps the log's names and this node's connections the same.
    fn keep_names(&mut self) {
        let names = &self.names;
        let mut tasks = vec![
            self.environment
                .spawn("released names", Arc::clone(names).release_all()),
            self.environment
                .spawn("names taken back", Arc::clone(names).take_all_back()),
        ];
        if let Some(lost) = self.raft.lost_names() {
            let closing = Arc::clone(names).close_superseded(lost);
            tasks.push(self.environment.spawn("lost names", closing));
        }
        self.tasks.append(&mut tasks);
    }
}
