//! Puts the parts of a node together, in the one order that works.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Weak};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use prost::Message as _;
use raftwire_consensus::{ClusterEvent, ClusterState, LeaseView, RaftNode, RaftOptions, Storage};
use raftwire_environment::Environment;
use raftwire_link::LinkConfig;
use raftwire_link::session::{LocalIdentity, PeerIdentity, RefusalReason, Role, VersionRange};
use raftwire_protocol::{NodeAddress, NodeId, Session};
use raftwire_transport::{
    ClusterTransport, ClusterTransportFactory, CreateError, Lanes, TransportSetup,
};
use tokio::sync::{broadcast, watch};

use crate::connection::{ConnectionTable, Delivery};
use crate::directory::{Directory, DirectoryWriter};
use crate::events::{self, EVENTS_MAX};
use crate::facts::{Facts, STEP_BYTES_MAX};
use crate::fan::LocalFans;
use crate::identity::{self, NameError};
use crate::manager::{ClusterManager, Inner};
use crate::metrics::NodeCounters;
use crate::names::{NameKeeper, NameService, RaftNames};
use crate::parking::Resolver;
use crate::peer::{
    Admission, Answer, ConsensusNetwork, Hub, HubContext, Inbound, PeerContext, PeerRegistry, Rpc,
    Service,
};
use crate::report::Report;
use crate::router::{ClusterRouter, RouterLimits};
use crate::variants::WrongVariants;
use crate::{ClusterOptions, ConnectionProvider, DefaultConnectionProvider, InvalidOptions};

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

/// What is there before the parts know each other.
struct Parts {
    options: ClusterOptions,
    environment: Environment,
    node: NodeId,
    session: Session,
    raft: Arc<RaftNode>,
    transport: Arc<dyn ClusterTransport>,
    table: Arc<ConnectionTable>,
    variants: WrongVariants,
}

impl Parts {
    fn assemble(self, provider: Option<Arc<dyn ConnectionProvider>>) -> (Inner, Hub) {
        let Parts {
            options,
            environment,
            node,
            session,
            raft,
            transport,
            table,
            variants,
        } = self;
        let state = raft.state();
        let delivery = delivery(&options, &table, provider);
        let counters = Arc::new(NodeCounters::default());
        let facts = Arc::new(Facts::new(Arc::clone(table.memberships())));
        let registry = Arc::new(PeerRegistry::new(PeerContext {
            environment: environment.clone(),
            transport: Arc::clone(&transport),
            inbound: Inbound::new(delivery.clone(), options.message_bytes_max),
            lease: raft.lease(),
            link: variants.apply_to_link(LinkConfig {
                // Facts pass whatever is set; the limit of messages is held exactly at both ends.
                message_bytes_max: options.message_bytes_max.max(STEP_BYTES_MAX),
                ..LinkConfig::default()
            }),
            message_bytes_max: options.message_bytes_max,
            counters: Arc::clone(&counters),
            facts: Arc::clone(&facts),
        }));
        let executor = environment.executor("raftwire-control");
        let rpc = Arc::new(Rpc::new(
            environment.clone(),
            executor.clone(),
            Arc::clone(&transport),
            Arc::clone(&registry),
            session,
        ));
        let directory = Arc::new(ArcSwap::from_pointee(Directory::default()));
        let (applied, applied_receiver) = watch::channel(0);
        let writer = DirectoryWriter::new(
            (node.clone(), session),
            Arc::clone(&registry),
            (Arc::clone(&table), delivery.clone(), Arc::clone(&facts)),
            Arc::clone(&directory),
            applied,
            Arc::clone(&transport),
        );
        let (fans, fan_task) = LocalFans::new(environment.clone(), delivery.clone());
        let tasks = vec![
            environment.spawn("directory", writer.run(state.clone())),
            environment.spawn("fan-outs", fan_task),
        ];
        let events = Mutex::new(Some(broadcast::channel(EVENTS_MAX).0));
        let resolver = Arc::new(CatchUp {
            raft: Arc::downgrade(&raft),
            applied: applied_receiver,
        });
        let service: Arc<dyn NameService> = Arc::new(RaftNames::new(Arc::downgrade(&raft)));
        let limits = RouterLimits {
            deadline: options.route_deadline,
            message_bytes_max: options.message_bytes_max,
        };
        let router = ClusterRouter::new(
            (node.clone(), environment.clone()),
            limits,
            Arc::clone(&directory),
            (delivery.clone(), raft.lease()),
            fans,
            resolver,
            Arc::clone(&service),
        );
        let names = Arc::new(NameKeeper::new(
            environment.clone(),
            service,
            Arc::clone(&table),
            delivery.clone(),
        ));
        let hub = Hub::new(HubContext {
            environment: environment.clone(),
            transport: Arc::clone(&transport),
            identity: Arc::new(LocalIdentity {
                cluster: options.cluster_name,
                node: node.clone(),
                session,
                raft_id: raft.raft_id(),
                role: Role::Voter,
                secret: options.secret,
                secret_previous: options.secret_previous,
                versions: VersionRange::CURRENT,
            }),
            registry: Arc::clone(&registry),
            rpc: Arc::clone(&rpc),
            answer: Arc::new(Answers {
                raft: Arc::clone(&raft),
                table: Arc::clone(&table),
            }),
            admission: Arc::new(Members {
                state: state.clone(),
                lease: raft.lease(),
                environment: environment.clone(),
            }),
            counters: Arc::clone(&counters),
            encrypt: options.encrypt,
        });
        let inner = Inner {
            node,
            environment,
            status: raft.status(),
            raft,
            state,
            router,
            table,
            delivery,
            facts,
            names,
            rpc,
            registry,
            transport,
            counters,
            events,
            is_stopping: AtomicBool::new(false),
            stopped: tokio::sync::Mutex::new(false),
            tasks,
            executor,
        };
        (inner, hub)
    }
}

fn delivery(
    options: &ClusterOptions,
    table: &Arc<ConnectionTable>,
    provider: Option<Arc<dyn ConnectionProvider>>,
) -> Delivery {
    let table = Arc::clone(table);
    match provider {
        Some(provider) => Delivery::Application { table, provider },
        None => Delivery::Outboxes(DefaultConnectionProvider::new(
            table,
            options.outbox_bytes_max,
            options.outbox_policy,
        )),
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

/// Brings the directory up to what the leader knows.
#[derive(Debug)]
struct CatchUp {
    /// Not held: a router that is kept must not keep the node.
    raft: Weak<RaftNode>,
    applied: watch::Receiver<u64>,
}

#[async_trait]
impl Resolver for CatchUp {
    async fn catch_up(&self) -> bool {
        let Some(raft) = self.raft.upgrade() else {
            return false;
        };
        let Ok(index) = raft.read_index().await else {
            return false;
        };
        drop(raft);
        let mut applied = self.applied.clone();
        applied.wait_for(|applied| *applied >= index).await.is_ok()
    }

    fn applied(&self) -> watch::Receiver<u64> {
        self.applied.clone()
    }
}

/// Answers what peers ask of this node.
#[derive(Debug)]
struct Answers {
    raft: Arc<RaftNode>,
    table: Arc<ConnectionTable>,
}

#[async_trait]
impl Answer for Answers {
    async fn answer(&self, service: Service, from: &NodeId, question: Bytes) -> Bytes {
        match service {
            Service::Consensus => self.raft.handle(from, question).await,
            Service::Node => Report::answer(&self.table, question).encode_to_vec().into(),
        }
    }
}

/// Another data folder may not use the name of a node whose lease has not ended.
///
/// Only a node that holds its own lease knows whose lease that is. A fenced one may be the last to
/// hear that the peer lost its disk and came back as another; and if that peer leads by now, it is
/// the only one from whom it can hear so.
#[derive(Debug)]
struct Members {
    state: watch::Receiver<Arc<ClusterState>>,
    lease: LeaseView,
    environment: Environment,
}

impl Admission for Members {
    fn admit(&self, peer: &PeerIdentity) -> Result<(), RefusalReason> {
        if !self.lease.holds(self.environment.boot_time()) {
            return Ok(());
        }
        let state = self.state.borrow();
        match state.alive(&peer.node) {
            Some(member) if member.raft_id != peer.raft_id => Err(RefusalReason::DuplicateNodeId {
                node: peer.node.clone(),
                since: None,
            }),
            Some(_) | None => Ok(()),
        }
    }
}
