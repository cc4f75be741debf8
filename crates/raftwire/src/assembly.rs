//! The parts of a node, made to know each other.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Weak};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use prost::Message as _;
use raftwire_consensus::{ClusterState, LeaseView, RaftNode};
use raftwire_environment::Environment;
use raftwire_link::LinkConfig;
use raftwire_link::session::{LocalIdentity, PeerIdentity, RefusalReason, Role, VersionRange};
use raftwire_protocol::{NodeId, Session};
use raftwire_transport::ClusterTransport;
use tokio::sync::{broadcast, watch};

use crate::connection::{ConnectionTable, Delivery};
use crate::directory::{Directory, DirectoryWriter};
use crate::events::EVENTS_MAX;
use crate::facts::{Facts, STEP_BYTES_MAX};
use crate::fan::LocalFans;
use crate::manager::Inner;
use crate::metrics::NodeCounters;
use crate::names::{NameKeeper, NameService, RaftNames};
use crate::parking::Resolver;
use crate::peer::{
    Admission, Answer, Hub, HubContext, Inbound, PeerContext, PeerRegistry, Rpc, Service,
};
use crate::report::Report;
use crate::router::{ClusterRouter, RouterLimits};
use crate::variants::WrongVariants;
use crate::{ClusterOptions, ConnectionProvider, DefaultConnectionProvider};

/// What is there before the parts know each other.
pub(crate) struct Parts {
    pub(crate) options: ClusterOptions,
    pub(crate) environment: Environment,
    pub(crate) node: NodeId,
    pub(crate) session: Session,
    pub(crate) raft: Arc<RaftNode>,
    pub(crate) transport: Arc<dyn ClusterTransport>,
    pub(crate) table: Arc<ConnectionTable>,
    pub(crate) variants: WrongVariants,
}

impl Parts {
    /// A node that does nothing yet beyond following its own state, and the hub that is to read its transport.
    pub(crate) fn assemble(self, provider: Option<Arc<dyn ConnectionProvider>>) -> (Inner, Hub) {
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
