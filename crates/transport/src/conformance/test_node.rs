use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use raftwire_protocol::{Lane, NodeId};

use crate::{Channel, ChannelId, ClusterTransport, TransportEvent, TransportEvents};

/// One transport under test and what it has told so far. Each event is checked against the rules
/// that hold in every check: the order of a channel's events, and that nothing arrives that was
/// not sent.
pub(super) struct TestNode {
    pub(super) id: NodeId,
    pub(super) transport: Arc<dyn ClusterTransport>,
    pub(super) events: TransportEvents,
    /// Whether the events are read.
    pub(super) reads: bool,
    pub(super) ended: bool,
    /// The channels that are up.
    pub(super) up: BTreeMap<(Lane, ChannelId), Channel>,
    seen: BTreeSet<(Lane, ChannelId)>,
    pub(super) adopted: BTreeMap<(NodeId, Lane), Channel>,
    /// Packets that were sent to this node in the whole check.
    pub(super) expected: BTreeSet<Bytes>,
    pub(super) received: Vec<(Channel, Bytes)>,
}

impl TestNode {
    pub(super) async fn start(id: &NodeId, transport: Arc<dyn ClusterTransport>) -> Self {
        let events = match transport.start().await {
            Ok(events) => events,
            Err(error) => panic!("{id} does not start: {error}"),
        };
        Self {
            id: id.clone(),
            transport,
            events,
            reads: true,
            ended: false,
            up: BTreeMap::new(),
            seen: BTreeSet::new(),
            adopted: BTreeMap::new(),
            expected: BTreeSet::new(),
            received: Vec::new(),
        }
    }

    pub(super) fn record(&mut self, event: Option<TransportEvent>) {
        let Some(event) = event else {
            self.ended = true;
            return;
        };
        let id = &self.id;
        match event {
            TransportEvent::PeerUp { channel, .. } => {
                assert_ne!(channel.peer, *id, "{id}: a channel to itself came up");
                assert!(
                    self.seen.insert(key(&channel)),
                    "{id}: the id of {channel} was used before"
                );
                self.up.insert(key(&channel), channel);
            }
            TransportEvent::Received { channel, packet } => {
                assert_eq!(
                    self.up.get(&key(&channel)),
                    Some(&channel),
                    "{id}: a packet came by a channel that is not up"
                );
                let bytes = packet.len();
                assert!(
                    self.expected.contains(&packet),
                    "{id}: a packet of {bytes} bytes came by {channel} that nobody sent"
                );
                self.received.push((channel, packet));
            }
            TransportEvent::PeerDown { channel, .. } => {
                assert_eq!(
                    self.up.remove(&key(&channel)).as_ref(),
                    Some(&channel),
                    "{id}: a channel went down that was not up"
                );
                self.adopted.retain(|_, adopted| *adopted != channel);
            }
        }
    }

    /// The channels that claim to be this peer on this lane.
    pub(super) fn channels(&self, peer: &NodeId, lane: Lane) -> Vec<Channel> {
        let channels = self.up.values();
        let channels = channels.filter(|channel| channel.peer == *peer && channel.lane == lane);
        channels.cloned().collect()
    }

    pub(super) fn is_up(&self, channel: &Channel) -> bool {
        self.up.contains_key(&key(channel))
    }

    pub(super) fn has(&self, packet: &Bytes) -> bool {
        self.received.iter().any(|(_, received)| received == packet)
    }
}

/// What no two channels of a transport have in common, at whatever time.
const fn key(channel: &Channel) -> (Lane, ChannelId) {
    (channel.lane, channel.id)
}
