use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_protocol::{Lane, NodeAddress, NodeId};
use tokio::task::JoinHandle;

use super::endpoint::EndpointId;
use super::inbox::Inboxes;
use super::network::SharedFabric;
use super::receiver::Receiver;
use crate::{
    Channel, ClusterTransport, SendError, StartError, TransportEvents, TransportSetup, event_queue,
};

/// One node's way into a [`MemoryNetwork`](super::MemoryNetwork).
#[derive(Debug)]
pub(super) struct MemoryTransport {
    fabric: SharedFabric,
    setup: TransportSetup,
    phase: Mutex<Phase>,
}

#[derive(Debug)]
enum Phase {
    Created,
    Running {
        endpoint: EndpointId,
        tasks: [JoinHandle<()>; 2],
    },
    Stopped,
}

impl MemoryTransport {
    pub(super) fn new(fabric: SharedFabric, setup: TransportSetup) -> Self {
        Self {
            fabric,
            setup,
            phase: Mutex::new(Phase::Created),
        }
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endpoint(&self) -> Option<EndpointId> {
        match &*self.phase() {
            Phase::Running { endpoint, .. } => Some(*endpoint),
            Phase::Created | Phase::Stopped => None,
        }
    }
}

#[async_trait]
impl ClusterTransport for MemoryTransport {
    async fn start(&self) -> Result<TransportEvents, StartError> {
        let mut phase = self.phase();
        match &*phase {
            Phase::Created => {}
            Phase::Running { .. } => return Err(StartError::AlreadyStarted),
            Phase::Stopped => return Err(StartError::Stopped),
        }
        let TransportSetup {
            environment,
            node,
            peers,
            lanes,
            ..
        } = &self.setup;
        let (sender, events) = event_queue();
        let inboxes = Inboxes::default();
        let peers = peers.iter().map(|peer| peer.node.clone()).collect();
        let endpoint = self
            .fabric
            .lock()
            .attach((node.clone(), *lanes), peers, inboxes.clone());
        let tasks = Lane::ALL.map(|lane| {
            let receiver = Receiver::new(
                self.fabric.clone(),
                endpoint,
                lane,
                Arc::clone(inboxes.of(lane)),
                environment.clone(),
                sender.clone(),
            );
            environment.spawn("memory network", receiver.run())
        });
        *phase = Phase::Running { endpoint, tasks };
        Ok(events)
    }

    async fn stop(&self) {
        let phase = std::mem::replace(&mut *self.phase(), Phase::Stopped);
        let Phase::Running { endpoint, tasks } = phase else {
            return;
        };
        self.fabric.lock().detach(endpoint, true, "peer stopped");
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            // It ends by being aborted, and a task that was aborted is an error here.
            let _ = task.await;
        }
    }

    fn send(&self, channel: &Channel, packet: Bytes) -> Result<(), SendError> {
        let endpoint = self.endpoint().ok_or(SendError::NotConnected)?;
        self.fabric.lock().send(endpoint, channel, packet)
    }

    fn broadcast(&self, lane: Lane, packet: Bytes) -> Result<usize, SendError> {
        let endpoint = self.endpoint().ok_or(SendError::NotConnected)?;
        self.fabric.lock().broadcast(endpoint, lane, &packet)
    }

    fn adopt(&self, channel: &Channel) {
        if let Some(endpoint) = self.endpoint() {
            self.fabric.lock().adopt(endpoint, channel);
        }
    }

    fn disconnect(&self, channel: &Channel, reason: &str) {
        if let Some(endpoint) = self.endpoint() {
            self.fabric.lock().disconnect(endpoint, channel, reason);
        }
    }

    // Peers are reached by their names here; addresses make no difference.
    fn learn(&self, peer: NodeAddress) {
        if let Some(endpoint) = self.endpoint() {
            self.fabric.lock().learn(endpoint, peer.node);
        }
    }

    fn forget(&self, peer: &NodeId) {
        if let Some(endpoint) = self.endpoint() {
            self.fabric.lock().forget(endpoint, peer);
        }
    }
}
