use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use raftwire_protocol::{Lane, NodeId};

use super::connection::{Connection, ConnectionId, End, EndState, Side};
use super::endpoint::{Endpoint, EndpointId};
use super::inbox::{Inboxes, What};
use super::weather::Weather;
use crate::{Channel, ChannelId, Lanes};

/// How long a dialler waits after a connection ended before it tries again.
const REDIAL_DELAY: Duration = Duration::from_millis(200);

/// How many peers a transport can learn of: more than a cluster has nodes.
const LEARNT_MAX: usize = 1024;

/// Who is there, and who is connected with whom. Decides, and puts what is to come of it into the
/// inboxes; has no clock.
#[derive(Debug)]
pub(super) struct Fabric {
    pub(super) weather: Weather,
    pub(super) endpoints: BTreeMap<EndpointId, Endpoint>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// The one connection of two endpoints (the smaller first) on a lane.
    pairs: BTreeMap<(EndpointId, EndpointId, Lane), ConnectionId>,
    detect_cuts: Option<Duration>,
    ids: u64,
}

impl Fabric {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            weather: Weather::new(seed),
            endpoints: BTreeMap::new(),
            connections: BTreeMap::new(),
            pairs: BTreeMap::new(),
            detect_cuts: None,
            ids: 0,
        }
    }

    fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// A transport starts: it is connected with everybody whom it dials or who dials it.
    pub(super) fn attach(
        &mut self,
        (node, lanes): (NodeId, Lanes),
        peers: BTreeSet<NodeId>,
        inboxes: Inboxes,
    ) -> EndpointId {
        let id = EndpointId(self.next_id());
        let endpoint = Endpoint {
            node,
            lanes,
            peers,
            learnt: BTreeSet::new(),
            inboxes,
            channels: BTreeMap::new(),
            adopted: BTreeMap::new(),
        };
        self.endpoints.insert(id, endpoint);
        self.connect_all();
        id
    }

    /// A transport ends. `polite`: what it sent before still arrives. Does nothing when it has
    /// ended already.
    pub(super) fn detach(&mut self, id: EndpointId, polite: bool, reason: &str) {
        let Some(endpoint) = self.endpoints.remove(&id) else {
            return;
        };
        for lane in Lane::ALL {
            endpoint.inboxes.of(lane).close();
        }
        for side in self.sides_of(|end| end.endpoint == id) {
            let told = self.tell_other(side, &endpoint.node, polite, reason);
            self.set_state(side, EndState::Closed);
            if !told {
                self.remove_if_over(side.connection);
            }
        }
    }

    /// Ends every transport that runs under this node id, without a word of its own.
    pub(super) fn crash(&mut self, node: &NodeId) {
        let ids = self.endpoints.iter();
        let ids = ids.filter(|(_, endpoint)| endpoint.node == *node);
        let ids: Vec<EndpointId> = ids.map(|(id, _)| *id).collect();
        for id in ids {
            self.detach(id, false, "connection reset by peer");
        }
    }

    pub(super) fn set_detect_cuts(&mut self, after: Option<Duration>) {
        self.detect_cuts = after;
    }

    pub(super) fn cut_one_way(&mut self, from: &NodeId, to: &NodeId) {
        let cut = self.weather.cut(from, to);
        let Some(after) = self.detect_cuts else {
            return;
        };
        for side in self.sides_of(|end| end.state == EndState::Open) {
            let (Some(here), Some(there)) = (self.node_of(side), self.peer_of(side)) else {
                continue;
            };
            if (here == from && there == to) || (here == to && there == from) {
                self.put(side, after, What::CheckCut { side, cut });
            }
        }
    }

    /// The time of a cut's detection has come: the channel ends unless the cut has healed.
    pub(super) fn check_cut(&mut self, side: Side, cut: u64) {
        let (Some(here), Some(there)) = (self.node_of(side), self.peer_of(side)) else {
            return;
        };
        if self.weather.stands(cut, here, there) {
            self.close(side, "no sign of life");
        }
    }

    /// After cuts were healed: ends of connections whose other end has gone get to know it, and
    /// who can be connected is connected.
    pub(super) fn reconcile(&mut self) {
        for side in self.sides_of(|end| end.state == EndState::Open) {
            if self.state_of(side.other()) != Some(EndState::Open) {
                self.tell(side, true, "connection reset by peer");
            }
        }
        self.connect_all();
    }

    fn connect_all(&mut self) {
        let ids: Vec<EndpointId> = self.endpoints.keys().copied().collect();
        for (position, a) in ids.iter().enumerate() {
            for b in &ids[position + 1..] {
                for lane in Lane::ALL {
                    self.connect(*a, *b, lane);
                }
            }
        }
    }

    /// Connects two endpoints if one of them dials the other, and nothing is in the way.
    fn connect(&mut self, a: EndpointId, b: EndpointId, lane: Lane) {
        let (a, b) = (a.min(b), a.max(b));
        let (Some(at_a), Some(at_b)) = (self.endpoints.get(&a), self.endpoints.get(&b)) else {
            return;
        };
        let (node_a, node_b) = (at_a.node.clone(), at_b.node.clone());
        let dialled = at_a.dials(&node_b, lane) || at_b.dials(&node_a, lane);
        let possible = node_a != node_b
            && at_a.lanes.contains(lane)
            && at_b.lanes.contains(lane)
            && !self.pairs.contains_key(&(a, b, lane))
            && !self.weather.is_cut_either_way(&node_a, &node_b);
        if !dialled || !possible {
            return;
        }

        let id = ConnectionId(self.next_id());
        let ends = [(a, &node_b), (b, &node_a)].map(|(endpoint, peer)| {
            let channel = Channel {
                peer: peer.clone(),
                lane,
                id: ChannelId::new(self.next_id()),
            };
            End::new(endpoint, channel)
        });
        self.pairs.insert((a, b, lane), id);
        self.connections.insert(id, Connection { lane, ends });
        for index in [0, 1] {
            self.announce(Side {
                connection: id,
                index,
            });
        }
    }

    fn announce(&mut self, side: Side) {
        let Some(end) = self.end(side) else {
            return;
        };
        let (endpoint, channel) = (end.endpoint, end.channel.clone());
        let Some(at) = self.endpoints.get_mut(&endpoint) else {
            return;
        };
        at.channels.insert(channel.id, side);
        let delay = self.weather.delay(&channel.peer, &at.node, channel.lane);
        self.put(side, delay, What::Up(channel));
    }

    /// A transport dials one more peer from now on.
    pub(super) fn learn(&mut self, endpoint: EndpointId, peer: NodeId) {
        let Some(at) = self.endpoints.get_mut(&endpoint) else {
            return;
        };
        if at.node == peer || at.learnt.len() >= LEARNT_MAX || !at.learnt.insert(peer.clone()) {
            return;
        }
        for lane in Lane::ALL {
            self.redial(endpoint, &peer, lane);
        }
    }

    /// A transport dials a peer no more that it had learnt of.
    pub(super) fn forget(&mut self, endpoint: EndpointId, peer: &NodeId) {
        if let Some(at) = self.endpoints.get_mut(&endpoint) {
            at.learnt.remove(peer);
        }
    }

    /// Dials every transport that runs under a peer's id.
    pub(super) fn redial(&mut self, endpoint: EndpointId, peer: &NodeId, lane: Lane) {
        let ids = self.endpoints.iter();
        let ids = ids.filter(|(_, endpoint)| endpoint.node == *peer);
        let ids: Vec<EndpointId> = ids.map(|(id, _)| *id).collect();
        for id in ids {
            self.connect(endpoint, id, lane);
        }
    }

    pub(super) fn adopt(&mut self, endpoint: EndpointId, channel: &Channel) {
        let Some(at) = self.endpoints.get_mut(&endpoint) else {
            return;
        };
        if !at.channels.contains_key(&channel.id) {
            return;
        }
        at.adopted
            .insert((channel.peer.clone(), channel.lane), channel.id);
        let others: Vec<Side> = at.channels.values().copied().collect();
        for side in others {
            let other = self.end(side).is_some_and(|end| {
                let claims = (&end.channel.peer, end.channel.lane);
                claims == (&channel.peer, channel.lane) && end.channel.id != channel.id
            });
            if other {
                self.close(side, "another channel of this peer was adopted");
            }
        }
    }

    pub(super) fn disconnect(&mut self, endpoint: EndpointId, channel: &Channel, reason: &str) {
        let at = self.endpoints.get(&endpoint);
        if let Some(side) = at.and_then(|at| at.channels.get(&channel.id).copied()) {
            self.close(side, reason);
        }
    }

    /// One end closes the connection, and the other gets to know unless a cut is in between.
    fn close(&mut self, side: Side, reason: &str) {
        if self.state_of(side) != Some(EndState::Open) {
            return;
        }
        self.tell(side, false, reason);
        if let Some(node) = self.node_of(side).cloned() {
            self.tell_other(side, &node, true, &format!("closed by peer: {reason}"));
        }
    }

    /// Tells the other end unless a cut is in between; returns whether it was told.
    fn tell_other(&mut self, side: Side, node: &NodeId, polite: bool, reason: &str) -> bool {
        let other = side.other();
        let open = self.state_of(other) == Some(EndState::Open);
        let reached = self
            .node_of(other)
            .is_some_and(|there| !self.weather.is_cut(node, there));
        if open && reached {
            self.tell(other, polite, reason);
        }
        open && reached
    }

    /// Puts the end of the connection on its way to one end.
    fn tell(&mut self, side: Side, ordered: bool, reason: &str) {
        let Some(end) = self.end_mut(side) else {
            return;
        };
        end.state = EndState::Closing;
        let channel = end.channel.clone();
        let endpoint = end.endpoint;
        let Some(at) = self.endpoints.get_mut(&endpoint) else {
            return;
        };
        let delay = if ordered {
            self.weather.delay(&channel.peer, &at.node, channel.lane)
        } else {
            at.forget(channel.id);
            Duration::ZERO
        };
        let what = What::Down {
            channel,
            side,
            reason: reason.to_owned(),
            ordered,
        };
        self.put(side, delay, what);
    }

    /// One end has heard of the end of its connection.
    pub(super) fn finish(&mut self, side: Side) {
        let Some(end) = self.end_mut(side) else {
            return;
        };
        end.state = EndState::Closed;
        let (endpoint, channel) = (end.endpoint, end.channel.id);
        if let Some(at) = self.endpoints.get_mut(&endpoint) {
            at.forget(channel);
        }
        self.remove_if_over(side.connection);
    }

    fn remove_if_over(&mut self, id: ConnectionId) {
        if !self.connections.get(&id).is_some_and(Connection::is_over) {
            return;
        }
        let Some(Connection { lane, ends }) = self.connections.remove(&id) else {
            return;
        };
        let [a, b] = &ends;
        self.pairs.remove(&(a.endpoint, b.endpoint, lane));
        for end in &ends {
            if let Some(at) = self.endpoints.get(&end.endpoint) {
                let what = What::Redial(end.channel.peer.clone());
                at.inboxes.of(lane).put(REDIAL_DELAY, what);
            }
        }
    }

    pub(super) fn put(&self, side: Side, delay: Duration, what: What) {
        let end = self.end(side);
        if let Some(end) = end
            && let Some(at) = self.endpoints.get(&end.endpoint)
        {
            at.inboxes.of(end.channel.lane).put(delay, what);
        }
    }

    fn sides_of(&self, wanted: impl Fn(&End) -> bool) -> Vec<Side> {
        let sides = self.connections.iter().flat_map(|(id, connection)| {
            let ends = connection.ends.iter().enumerate();
            ends.map(|(index, end)| {
                (
                    Side {
                        connection: *id,
                        index,
                    },
                    end,
                )
            })
        });
        sides
            .filter(|(_, end)| wanted(end))
            .map(|(side, _)| side)
            .collect()
    }

    pub(super) fn end(&self, side: Side) -> Option<&End> {
        self.connections.get(&side.connection)?.ends.get(side.index)
    }

    fn end_mut(&mut self, side: Side) -> Option<&mut End> {
        let connection = self.connections.get_mut(&side.connection)?;
        connection.ends.get_mut(side.index)
    }

    fn state_of(&self, side: Side) -> Option<EndState> {
        self.end(side).map(|end| end.state)
    }

    fn set_state(&mut self, side: Side, state: EndState) {
        if let Some(end) = self.end_mut(side) {
            end.state = state;
        }
    }

    /// The node at this end; also when its transport has ended.
    pub(super) fn node_of(&self, side: Side) -> Option<&NodeId> {
        self.peer_of(side.other())
    }

    /// The node at the other end.
    fn peer_of(&self, side: Side) -> Option<&NodeId> {
        self.end(side).map(|end| &end.channel.peer)
    }
}
