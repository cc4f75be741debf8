use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftwire_environment::Environment;
use raftwire_protocol::{Lane, NodeId};
use raftwire_transport::{Channel, EventsClosed, Lanes, TransportEvent, TransportEventSender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::WsOptions;
use crate::peer_book::PeerBook;
use crate::registry::Registry;
use crate::send_queue::SendQueue;
use crate::tasks::Tasks;
use crate::tls::RefusalLog;

/// What the parts of one transport share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: WsOptions,
    pub(crate) environment: Environment,
    /// The cluster's name, which certificates have.
    pub(crate) cluster: String,
    pub(crate) node: NodeId,
    pub(crate) lanes: Lanes,
    pub(crate) tasks: Tasks,
    pub(crate) refusals: RefusalLog,
    registry: Mutex<Registry>,
    peers: Mutex<PeerBook>,
    /// Changes whenever a channel is adopted or ends: the dialers look again then.
    changes: watch::Sender<u64>,
    stopping: watch::Sender<bool>,
    /// Places for connections from outside that are not adopted yet.
    places: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(
        options: WsOptions,
        environment: Environment,
        cluster: String,
        (node, lanes): (NodeId, Lanes),
    ) -> Self {
        let places = Arc::new(Semaphore::new(options.unadopted_inbound_max));
        Self {
            options,
            environment,
            cluster,
            node,
            lanes,
            tasks: Tasks::default(),
            refusals: RefusalLog::default(),
            registry: Mutex::default(),
            peers: Mutex::default(),
            changes: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
            places,
        }
    }

    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom this transport dials, and where.
    pub(crate) fn peers(&self) -> MutexGuard<'_, PeerBook> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the dialers that something has changed.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn begin_to_stop(&self) {
        self.stopping.send_replace(true);
        self.peers().clear();
    }
}

/// A running transport: what is shared, and where its events go.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) shared: Arc<Shared>,
    events: TransportEventSender,
}

impl Context {
    pub(crate) fn new(shared: Arc<Shared>, events: TransportEventSender) -> Self {
        Self { shared, events }
    }

    pub(crate) fn options(&self) -> &WsOptions {
        &self.shared.options
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    /// Spawns a task that `stop` waits for.
    pub(crate) fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = self.shared.environment.spawn(name, task);
        self.shared.tasks.push(task);
    }

    /// A place for a connection from outside; `None` when too many wait for their hello.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.shared.places).try_acquire_owned().ok()
    }

    pub(crate) fn add_channel(
        &self,
        peer: NodeId,
        lane: Lane,
        place: Option<OwnedSemaphorePermit>,
    ) -> OpenChannel {
        let queue = Arc::new(SendQueue::new(self.options().queue_bytes_max(lane)));
        let was_adopted: Arc<AtomicBool> = Arc::default();
        let channel = self.shared.registry().add(
            peer,
            lane,
            Arc::clone(&queue),
            Arc::clone(&was_adopted),
            place,
        );
        OpenChannel {
            shared: Arc::clone(&self.shared),
            channel,
            queue,
            was_adopted,
        }
    }

    /// Tells the reader something; gives up when the transport stops.
    pub(crate) async fn tell(&self, event: TransportEvent) -> Result<(), EventsClosed> {
        tokio::select! {
            biased;
            sent = self.events.send(event) => sent,
            () = self.ends() => Err(EventsClosed),
        }
    }

    /// Waits until the transport is to stop, or nobody reads its events any more.
    pub(crate) async fn ends(&self) {
        let mut stopping = self.shared.stopping.subscribe();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = self.events.closed() => {}
        }
    }

    /// Waits until no channel of this peer and lane is adopted.
    pub(crate) async fn until_wanted(&self, peer: &NodeId, lane: Lane) {
        let mut changes = self.shared.changes.subscribe();
        while self.shared.registry().has_adopted(peer, lane) {
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }
}

/// A channel in the registry, which is taken out when this is dropped.
#[derive(Debug)]
pub(crate) struct OpenChannel {
    shared: Arc<Shared>,
    pub(crate) channel: Channel,
    pub(crate) queue: Arc<SendQueue>,
    was_adopted: Arc<AtomicBool>,
}

impl OpenChannel {
    pub(crate) fn was_adopted(&self) -> bool {
        self.was_adopted.load(Ordering::Relaxed)
    }
}

impl Drop for OpenChannel {
    fn drop(&mut self) {
        self.shared.registry().remove(&self.channel);
        self.shared.changed();
    }
}
