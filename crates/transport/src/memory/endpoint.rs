use std::collections::{BTreeMap, BTreeSet};

use raftwire_protocol::{Lane, NodeId};

use super::connection::Side;
use super::inbox::Inboxes;
use crate::{ChannelId, Lanes};

/// Names one start of a transport. Two that run under the same node id are two endpoints, as two
/// processes that are configured with the same id would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EndpointId(pub(super) u64);

/// A running transport as the network sees it.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) node: NodeId,
    pub(super) lanes: Lanes,
    /// Whom it dials.
    pub(super) peers: BTreeSet<NodeId>,
    /// Whom it dials because it was told to, beside those.
    pub(super) learnt: BTreeSet<NodeId>,
    pub(super) inboxes: Inboxes,
    /// The channels that it may send on.
    pub(super) channels: BTreeMap<ChannelId, Side>,
    pub(super) adopted: BTreeMap<(NodeId, Lane), ChannelId>,
}

impl Endpoint {
    pub(super) fn dials(&self, peer: &NodeId, lane: Lane) -> bool {
        let is_known = self.peers.contains(peer) || self.learnt.contains(peer);
        is_known && !self.adopted.contains_key(&(peer.clone(), lane))
    }

    pub(super) fn forget(&mut self, channel: ChannelId) {
        self.channels.remove(&channel);
        self.adopted.retain(|_, adopted| *adopted != channel);
    }
}
