use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raftwire_protocol::NodeId;

use super::fabric::Fabric;
use super::transport::MemoryTransport;
use super::{LinkProfile, MemoryStatistics};
use crate::{ClusterTransport, ClusterTransportFactory, CreateError, TransportSetup};

/// The network of one test. Cheap to clone; the clones are the same network.
///
/// Two nodes are connected, a channel a lane, while both run, one of them has the other among its
/// peers, and no cut is between them. What then becomes of packets is up to the
/// [`LinkProfile`]s. Channels survive losses. They end when a transport stops, disconnects or
/// [crashes](Self::crash), or when its runtime ends; and a cut ends them only
/// [if wanted](Self::detect_cuts).
///
/// The same seed, profiles and calls in the same order have the same outcome.
#[derive(Clone, Debug)]
pub struct MemoryNetwork {
    fabric: SharedFabric,
}

impl MemoryNetwork {
    /// A network without nodes; `seed` is where all its chances come from.
    pub fn new(seed: u64) -> Self {
        let fabric = Arc::new(Mutex::new(Fabric::new(seed)));
        Self {
            fabric: SharedFabric(fabric),
        }
    }

    /// Makes a transport on this network. Several may run under the same node id, as several
    /// processes may by mistake; each has its own channels.
    pub fn transport(&self, setup: TransportSetup) -> Arc<dyn ClusterTransport> {
        Arc::new(MemoryTransport::new(self.fabric.clone(), setup))
    }

    /// Cuts two nodes off from each other: packets vanish in both directions, new channels are
    /// not made, and those that exist stay up, as they do before a real node has noticed.
    pub fn cut(&self, a: &NodeId, b: &NodeId) {
        let mut fabric = self.fabric.lock();
        fabric.cut_one_way(a, b);
        fabric.cut_one_way(b, a);
    }

    /// Cuts one direction only.
    pub fn cut_one_way(&self, from: &NodeId, to: &NodeId) {
        self.fabric.lock().cut_one_way(from, to);
    }

    /// Undoes the cuts between two nodes. The end of a channel that only one side has heard of
    /// reaches the other now, and new channels come up.
    pub fn heal(&self, a: &NodeId, b: &NodeId) {
        let mut fabric = self.fabric.lock();
        fabric.weather.heal(a, b);
        fabric.weather.heal(b, a);
        fabric.reconcile();
    }

    /// Undoes the cut of one direction.
    pub fn heal_one_way(&self, from: &NodeId, to: &NodeId) {
        let mut fabric = self.fabric.lock();
        fabric.weather.heal(from, to);
        fabric.reconcile();
    }

    /// Undoes all cuts.
    pub fn heal_all(&self) {
        let mut fabric = self.fabric.lock();
        fabric.weather.heal_all();
        fabric.reconcile();
    }

    /// From the next cut on, both ends take their channels for dead this long after a cut that
    /// still stands then, as a transport with pings does. `None`, as at first: never.
    pub fn detect_cuts(&self, after: Option<Duration>) {
        self.fabric.lock().set_detect_cuts(after);
    }

    /// Sets what happens to packets in every direction that has no profile of its own.
    pub fn set_default_profile(&self, profile: LinkProfile) {
        self.fabric.lock().weather.set_default_profile(profile);
    }

    /// Sets what happens to packets in one direction between two nodes.
    pub fn set_profile(&self, from: &NodeId, to: &NodeId, profile: LinkProfile) {
        self.fabric.lock().weather.set_profile(from, to, profile);
    }

    /// Makes every direction good again.
    pub fn clear_profiles(&self) {
        self.fabric.lock().weather.clear_profiles();
    }

    /// Ends the transports that run under this id, as `kill -9` would: what they had queued is
    /// gone, their events end, and the peers get `PeerDown` unless a cut is in between. The node
    /// comes back with a new transport.
    pub fn crash(&self, node: &NodeId) {
        self.fabric.lock().crash(node);
    }

    /// What has become of packets so far.
    pub fn statistics(&self) -> MemoryStatistics {
        self.fabric.lock().weather.statistics
    }
}

impl ClusterTransportFactory for MemoryNetwork {
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError> {
        Ok(self.transport(setup))
    }
}

/// The fabric behind its lock, which is never held across an await.
#[derive(Clone, Debug)]
pub(super) struct SharedFabric(Arc<Mutex<Fabric>>);

impl SharedFabric {
    pub(super) fn lock(&self) -> MutexGuard<'_, Fabric> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
