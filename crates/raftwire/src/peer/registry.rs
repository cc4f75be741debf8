//! All peers that this node has heard of, and the channels by which they are reached now.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use raftwire_protocol::{Lane, NodeId};
use tokio::sync::watch;

use super::channel::PeerChannel;
use super::handle::PeerHandle;
use super::target::LinkTarget;
use super::task::{PeerContext, PeerTask};
use super::waiting::Death;
use crate::metrics::{PeerMetrics, Reachability};

/// Peers that one node keeps. Far above what any cluster has: it bounds what authenticated but
/// misconfigured strangers can cost.
const PEERS_MAX: usize = 1024;
/// Weight of a new round trip in the average: one in eight, as RFC 6298 has it.
const ROUND_TRIP_WEIGHT: u32 = 8;

/// One peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) handle: PeerHandle,
    control: RwLock<Option<PeerChannel>>,
    data: watch::Sender<Option<PeerChannel>>,
    target: watch::Sender<LinkTarget>,
    round_trip: Mutex<Option<Duration>>,
    reachability: Reachability,
}

impl Peer {
    pub(crate) fn control(&self) -> Option<PeerChannel> {
        self.control
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_control(&self, channel: Option<PeerChannel>) {
        self.reachability.set_lane(Lane::Control, channel.is_some());
        *self.control.write().unwrap_or_else(PoisonError::into_inner) = channel;
    }

    pub(super) fn set_data(&self, channel: Option<PeerChannel>) {
        self.reachability.set_lane(Lane::Data, channel.is_some());
        self.data.send_replace(channel);
    }

    fn is_idle(&self) -> bool {
        let has_link = self.target.borrow().identity.is_some();
        !has_link && self.data.borrow().is_none() && self.control().is_none()
    }

    /// Which link the peer's task is to keep.
    pub(crate) fn set_target(&self, target: LinkTarget) {
        let remote = target.remote.as_ref();
        self.reachability
            .set_alive(remote.is_some_and(|remote| remote.is_alive));
        self.target.send_if_modified(|current| {
            let is_other = *current != target && !current.is_over;
            if is_other {
                *current = target;
            }
            is_other
        });
    }

    /// The members do not have it any more, from this index of the log on at the latest. Whoever saw
    /// only that has not seen its death.
    pub(crate) fn set_removed(&self, index: u64) {
        self.reachability.set_alive(false);
        let node = self.handle.node().clone();
        self.target.send_if_modified(|target| {
            let Some(remote) = target.remote.as_mut().filter(|remote| remote.is_alive) else {
                return false;
            };
            remote.is_alive = false;
            remote.last_death = Some(Death { node, index });
            target.identity = None;
            true
        });
    }

    /// Ends the task, after it has settled what waits.
    fn end(&self) {
        self.target.send_modify(|target| {
            *target = LinkTarget {
                is_over: true,
                ..LinkTarget::default()
            }
        });
    }

    pub(crate) fn metrics(&self, is_alive: bool) -> PeerMetrics {
        let (control, data) = self.reachability.lanes();
        PeerMetrics {
            node: self.handle.node().clone(),
            is_alive,
            cut_off_for: self.reachability.cut_off_for(),
            control,
            data,
            control_round_trip: self.round_trip(),
            link: self.handle.metrics(),
        }
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        *self
            .round_trip
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn measured(&self, sample: Duration) {
        let mut average = self
            .round_trip
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *average = Some(match *average {
            Some(old) => (old * (ROUND_TRIP_WEIGHT - 1) + sample) / ROUND_TRIP_WEIGHT,
            None => sample,
        });
    }
}

/// The peers by name. Dropping it ends their tasks.
#[derive(Debug)]
pub(crate) struct PeerRegistry {
    context: PeerContext,
    /// Where the peers' tasks run, whoever hears of a peer first: never on the control lane's
    /// thread, or load on the data lane would be an election.
    runtime: tokio::runtime::Handle,
    peers: Mutex<Peers>,
}

#[derive(Debug, Default)]
struct Peers {
    by_node: BTreeMap<NodeId, Arc<Peer>>,
    is_closed: bool,
}

impl Peers {
    /// Gives up a peer that is no living member and has no channel, if there is one.
    fn make_room(&mut self) -> bool {
        let mut peers = self.by_node.iter();
        let Some(idle) = peers
            .find(|(_, peer)| peer.is_idle())
            .map(|(node, _)| node.clone())
        else {
            return false;
        };
        if let Some(peer) = self.by_node.remove(&idle) {
            peer.end();
        }
        true
    }
}

impl PeerRegistry {
    /// Peers whose tasks run on the current runtime.
    pub(crate) fn new(context: PeerContext) -> PeerRegistry {
        PeerRegistry {
            context,
            runtime: tokio::runtime::Handle::current(),
            peers: Mutex::new(Peers::default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, node: &NodeId) -> Option<Arc<Peer>> {
        self.lock().by_node.get(node).cloned()
    }

    pub(crate) fn all(&self) -> Vec<(NodeId, Arc<Peer>)> {
        let peers = self.lock();
        let all = peers.by_node.iter();
        all.map(|(node, peer)| (node.clone(), Arc::clone(peer)))
            .collect()
    }

    /// Whether there are as many as can be kept.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().by_node.len() >= PEERS_MAX
    }

    /// The peer of that name, with a task of its own from now on. `None` when this node keeps as
    /// many as it can, or stops.
    pub(crate) fn get_or_create(&self, node: &NodeId) -> Option<Arc<Peer>> {
        let mut peers = self.lock();
        if let Some(peer) = peers.by_node.get(node) {
            return Some(Arc::clone(peer));
        }
        if peers.is_closed || (peers.by_node.len() >= PEERS_MAX && !peers.make_room()) {
            return None;
        }
        let (handle, queues) = PeerHandle::new(node.clone(), Arc::clone(&self.context.counters));
        let (data, data_receiver) = watch::channel(None);
        let (target, target_receiver) = watch::channel(LinkTarget::default());
        let context = self.context.clone();
        let task = PeerTask::new(
            handle.clone(),
            queues,
            context,
            target_receiver,
            data_receiver,
        );
        let _there = self.runtime.enter();
        drop(self.context.environment.spawn("peer", task.run()));
        let peer = Arc::new(Peer {
            handle,
            control: RwLock::new(None),
            data,
            target,
            round_trip: Mutex::new(None),
            reachability: Reachability::new(self.context.environment.clone()),
        });
        peers.by_node.insert(node.clone(), Arc::clone(&peer));
        Some(peer)
    }

    /// Ends the peers' tasks: what they have not settled is settled as the end of this node.
    pub(crate) fn close(&self) {
        let peers = {
            let mut peers = self.lock();
            peers.is_closed = true;
            std::mem::take(&mut peers.by_node)
        };
        for peer in peers.values() {
            peer.set_control(None);
            peer.set_data(None);
            peer.end();
        }
    }
}
