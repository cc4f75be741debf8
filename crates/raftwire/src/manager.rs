//! One node of the cluster, as an application holds it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftwire_consensus::{ClusterEvent, ClusterState, RaftNode, RaftStatus};
use raftwire_environment::{Environment, Executor};
use raftwire_protocol::{CloseCode, ConnectionId, NodeId};
use raftwire_transport::ClusterTransport;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use crate::connection::{ConnectionTable, Delivery};
use crate::facts::Facts;
use crate::metrics::NodeCounters;
use crate::names::NameKeeper;
use crate::peer::{PeerRegistry, Rpc};
use crate::{
    CONNECTION_INFO_BYTES_MAX, ClusterEvents, ClusterRouter, ConnectionInfo, ConnectionProvider,
    Outbox,
};

/// A connection was not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The cluster has not made this node a member yet, so that there is nothing to make an id
    /// of. Try again when the node is ready.
    #[error("this node is not a member of the cluster yet")]
    NotReady,
    /// The node stops.
    #[error("this node is stopping")]
    Stopping,
    /// Ids tell 2²⁴ connections of one process apart.
    #[error("this process holds as many connections as ids can tell apart")]
    Full,
    /// The application delivers by a provider of its own; use
    /// [`ClusterManager::register_connection`].
    #[error("this node delivers by the application's provider: register the connection instead")]
    OwnProvider,
    /// The node was started without a provider of the application; use
    /// [`ClusterManager::accept`].
    #[error("this node has no provider of the application's: accept the connection instead")]
    NoProvider,
    /// What the application says of the connection is too much to be asked for by other nodes.
    #[error("the connection's endpoint and metadata have {bytes} bytes, over the limit of {limit}")]
    InfoTooLarge {
        /// Bytes of endpoint, keys and values.
        bytes: usize,
        /// The limit: [`CONNECTION_INFO_BYTES_MAX`](crate::CONNECTION_INFO_BYTES_MAX).
        limit: usize,
    },
}

pub(crate) struct Inner {
    pub(crate) node: NodeId,
    pub(crate) environment: Environment,
    pub(crate) raft: Arc<RaftNode>,
    pub(crate) state: watch::Receiver<Arc<ClusterState>>,
    pub(crate) status: watch::Receiver<RaftStatus>,
    pub(crate) router: ClusterRouter,
    pub(crate) table: Arc<ConnectionTable>,
    pub(crate) delivery: Delivery,
    pub(crate) names: Arc<NameKeeper>,
    pub(crate) facts: Arc<Facts>,
    pub(crate) rpc: Arc<Rpc>,
    pub(crate) registry: Arc<PeerRegistry>,
    pub(crate) transport: Arc<dyn ClusterTransport>,
    pub(crate) counters: Arc<NodeCounters>,
    /// Taken at the end, so that who listens learns of it.
    pub(crate) events: Mutex<Option<broadcast::Sender<ClusterEvent>>>,
    pub(crate) is_stopping: AtomicBool,
    pub(crate) stopped: tokio::sync::Mutex<bool>,
    /// What runs for as long as the node lives.
    pub(crate) tasks: Vec<JoinHandle<()>>,
    /// Keeps the control lane's thread.
    pub(crate) executor: Executor,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.names.stop();
        self.facts.close();
        self.registry.close();
    }
}

/// One node of the cluster. Cheap to clone; the node lives until [`stop`](Self::stop), or until
/// the last clone is dropped, which to the others is a crash.
#[derive(Clone)]
pub struct ClusterManager {
    pub(crate) inner: Arc<Inner>,
}

impl fmt::Debug for ClusterManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterManager")
            .field("node", &self.inner.node)
            .finish_non_exhaustive()
    }
}

impl ClusterManager {
    /// This node's name.
    pub fn node_id(&self) -> &NodeId {
        &self.inner.node
    }

    /// Takes messages to connections, wherever they live.
    pub fn router(&self) -> &ClusterRouter {
        &self.inner.router
    }

    /// The consensus under this node: terms, indices, and what diagnosis needs.
    pub fn raft(&self) -> &RaftNode {
        &self.inner.raft
    }

    /// Gives a new client connection an id and an outbox. It costs the cluster nothing: no other
    /// node is asked or told. `endpoint` is the path that the client connected to.
    ///
    /// The connection is unregistered when the outbox is dropped.
    ///
    /// # Errors
    /// See [`AcceptError`].
    pub fn accept(
        &self,
        endpoint: &str,
        info: ConnectionInfo,
    ) -> Result<(ConnectionId, Outbox), AcceptError> {
        let Delivery::Outboxes(outboxes) = &self.inner.delivery else {
            return Err(AcceptError::OwnProvider);
        };
        let minting = self.inner.minting()?;
        let opened = outboxes.open(minting, self.inner.complete(endpoint, info)?);
        let (connection, outbox) = opened.map_err(|_| AcceptError::Full)?;
        // Whoever closes all closes what it finds; what came after it had looked is taken back here.
        self.inner.check_minting(minting)?;
        Ok((connection, outbox))
    }

    /// Gives a connection an id, whose messages go to the application's
    /// [`ConnectionProvider`](crate::ConnectionProvider).
    ///
    /// # Errors
    /// See [`AcceptError`].
    pub fn register_connection(
        &self,
        endpoint: &str,
        info: ConnectionInfo,
    ) -> Result<ConnectionId, AcceptError> {
        if let Delivery::Outboxes(_) = &self.inner.delivery {
            return Err(AcceptError::NoProvider);
        }
        let minting = self.inner.minting()?;
        let info = Arc::new(self.inner.complete(endpoint, info)?);
        let entry = crate::connection::Entry { info, outbox: None };
        let id = self
            .inner
            .table
            .insert(minting, entry)
            .map_err(|_| AcceptError::Full)?;
        if let Err(error) = self.inner.check_minting(minting) {
            self.inner.table.remove(&id);
            return Err(error);
        }
        Ok(ConnectionId::Minted(id))
    }

    /// What delivers to the connections of this node: the application's own provider, or the
    /// library's [`DefaultConnectionProvider`](crate::DefaultConnectionProvider).
    pub fn connection_provider(&self) -> Arc<dyn ConnectionProvider> {
        self.inner.delivery.provider()
    }

    /// Ends a connection of this node, after what its outbox holds: its socket is to be closed
    /// with `code`. An unknown one is nothing to do.
    pub fn unregister_connection(&self, connection: &ConnectionId, code: CloseCode) {
        if let Some(id) = self.inner.local_id(connection) {
            self.inner.delivery.close(&id, code);
        }
    }

    /// The connections of this node.
    pub fn local_connections(&self) -> usize {
        self.inner.table.len()
    }

    /// Whether this node leads: a quorum has acknowledged it within its lease.
    pub fn is_leader(&self) -> bool {
        self.inner.raft.is_leader()
    }

    /// The leader that this node knows of.
    pub fn leader(&self) -> Option<NodeId> {
        self.inner.status.borrow().leader.clone()
    }

    /// The Raft term that this node is in.
    pub fn term(&self) -> u64 {
        self.inner.status.borrow().term
    }

    /// What this node knows of consensus, to watch.
    pub fn status(&self) -> watch::Receiver<RaftStatus> {
        self.inner.status.clone()
    }

    /// Whether this node may serve: it is a member, its lease holds, and it does not stop.
    pub fn is_ready(&self) -> bool {
        let lease = self.inner.raft.lease();
        !self.inner.is_stopping.load(Ordering::Relaxed)
            && self.inner.table.minting().is_some()
            && lease.holds(self.inner.environment.boot_time())
    }

    /// Waits until the node is ready for the first time. Ends as well when the node stops.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn ready(&self) {
        /// Fine enough for a person who waits at a prompt.
        const LOOK: std::time::Duration = std::time::Duration::from_millis(10);
        while !self.is_ready() && !self.inner.is_stopping.load(Ordering::Relaxed) {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Events from now on.
    pub fn events(&self) -> ClusterEvents {
        ClusterEvents::new(match &*self.inner.lock_events() {
            Some(events) => events.subscribe(),
            None => broadcast::channel(1).1,
        })
    }

    /// Leaves the cluster: clients are told to go, leadership is handed over, the others learn
    /// that this node has stopped. Ends within its own deadlines, whatever the peers do; calling
    /// it again does nothing. The data folder can be opened again afterwards.
    ///
    /// # Cancel safety
    /// A stop that was given up goes on where it is called again.
    pub async fn stop(&self) {
        let inner = &self.inner;
        inner.is_stopping.store(true, Ordering::Relaxed);
        let mut stopped = inner.stopped.lock().await;
        if *stopped {
            return;
        }
        for id in inner.table.ids() {
            inner.delivery.close(&id, CloseCode::GOING_AWAY);
        }
        inner.facts.close();
        inner.raft.stop().await;
        inner.registry.close();
        inner.transport.stop().await;
        drop(inner.lock_events().take());
        inner.tasks.iter().for_each(JoinHandle::abort);
        inner.names.stop();
        *stopped = true;
    }
}

impl Inner {
    fn check_running(&self) -> Result<(), AcceptError> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Err(AcceptError::Stopping);
        }
        Ok(())
    }

    fn minting(&self) -> Result<(raftwire_protocol::Slot, raftwire_protocol::Boot), AcceptError> {
        self.check_running()?;
        self.table.minting().ok_or(AcceptError::NotReady)
    }

    /// Whether ids are still minted of this slot and boot.
    fn check_minting(
        &self,
        minting: (raftwire_protocol::Slot, raftwire_protocol::Boot),
    ) -> Result<(), AcceptError> {
        if self.minting()? == minting {
            return Ok(());
        }
        Err(AcceptError::NotReady)
    }

    fn complete(
        &self,
        endpoint: &str,
        mut info: ConnectionInfo,
    ) -> Result<ConnectionInfo, AcceptError> {
        endpoint.clone_into(&mut info.endpoint);
        info.connected_at = Some(self.environment.unix_time());
        let (bytes, limit) = (info.bytes(), CONNECTION_INFO_BYTES_MAX);
        if bytes > limit {
            return Err(AcceptError::InfoTooLarge { bytes, limit });
        }
        Ok(info)
    }

    pub(crate) fn lock_events(&self) -> MutexGuard<'_, Option<broadcast::Sender<ClusterEvent>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
