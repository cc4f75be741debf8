//! The medium of the example: where another one has sockets, it has a tokio channel each way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use raftwire_protocol::{Lane, NodeId};
use raftwire_transport::{
    Channel, ChannelId, ChannelSecurity, EventsClosed, Initiator, SendError, TransportEvent,
    TransportEventSender, TransportSetup,
};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Packets that may wait on a line: 16 MiB of the largest.
const LINE_PACKETS_MAX: usize = 64;

/// How often a node looks for others that it has no line to.
const DIAL_PAUSE: Duration = Duration::from_millis(20);

/// Connects all nodes of one cluster in one process, and in one runtime. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Switchboard(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    plugs: BTreeMap<NodeId, Plug>,
    /// By who sends, who receives, and the lane.
    lines: BTreeMap<(NodeId, NodeId, Lane), Line>,
    lines_so_far: u64,
}

#[derive(Debug)]
struct Plug {
    setup: TransportSetup,
    events: TransportEventSender,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Line {
    id: ChannelId,
    packets: mpsc::Sender<Bytes>,
}

impl Switchboard {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a node, which reaches for all others from now on.
    pub(crate) fn plug_in(&self, setup: &TransportSetup, events: TransportEventSender) {
        let dialling = self.clone().dial(setup.node.clone(), events.clone());
        let plug = Plug {
            setup: setup.clone(),
            events,
            tasks: vec![setup.environment.spawn("switchboard", dialling)],
        };
        self.board().plugs.insert(setup.node.clone(), plug);
    }

    /// Takes a node away, with its lines and its tasks.
    pub(crate) fn unplug(&self, node: &NodeId) {
        let mut board = self.board();
        board
            .lines
            .retain(|(from, to, _), _| from != node && to != node);
        if let Some(plug) = board.plugs.remove(node) {
            plug.tasks.iter().for_each(JoinHandle::abort);
        }
    }

    /// Puts a packet on a line.
    pub(crate) fn send(
        &self,
        from: &NodeId,
        channel: &Channel,
        packet: Bytes,
    ) -> Result<(), SendError> {
        let (bytes, limit) = (packet.len(), channel.lane.packet_bytes_max());
        if bytes > limit {
            return Err(SendError::TooLarge { bytes, limit });
        }
        let key = (from.clone(), channel.peer.clone(), channel.lane);
        match self.board().lines.get(&key) {
            Some(line) if line.id == channel.id => {
                line.packets.try_send(packet).map_err(|error| match error {
                    TrySendError::Full(_) => SendError::Full,
                    TrySendError::Closed(_) => SendError::NotConnected,
                })
            }
            _ => Err(SendError::NotConnected),
        }
    }

    /// The channels of a node on a lane.
    pub(crate) fn channels(&self, of: &NodeId, lane: Lane) -> Vec<Channel> {
        let board = self.board();
        let lines = board.lines.iter();
        let lines = lines.filter(|((from, _, on), _)| from == of && *on == lane);
        let channels = lines.map(|((_, to, _), line)| Channel {
            peer: to.clone(),
            lane,
            id: line.id,
        });
        channels.collect()
    }

    /// Ends a channel, both ways.
    pub(crate) fn hang_up(&self, node: &NodeId, channel: &Channel) {
        self.board()
            .lines
            .retain(|(from, to, _), line| line.id != channel.id || (from != node && to != node));
    }

    /// Reaches for the others until the reader of this node's events has gone.
    async fn dial(self, node: NodeId, events: TransportEventSender) {
        while timeout(DIAL_PAUSE, events.closed()).await.is_err() {
            self.board().connect(&node);
        }
        self.unplug(&node);
    }
}

impl Board {
    /// Connects a node with each other one that it has no line to.
    fn connect(&mut self, node: &NodeId) {
        let others: Vec<NodeId> = self
            .plugs
            .keys()
            .filter(|id| *id != node)
            .cloned()
            .collect();
        for other in &others {
            for lane in Lane::ALL {
                let key = (node.clone(), other.clone(), lane);
                if !self.lines.contains_key(&key) {
                    self.lines_so_far += 1;
                    let id = ChannelId::new(self.lines_so_far);
                    self.open(node, other, lane, id);
                    self.open(other, node, lane, id);
                }
            }
        }
    }

    /// One direction, with the task that hands over what arrives.
    fn open(&mut self, from: &NodeId, to: &NodeId, lane: Lane, id: ChannelId) {
        let Some(plug) = self.plugs.get_mut(to) else {
            return;
        };
        let (packets, inbox) = mpsc::channel(LINE_PACKETS_MAX);
        let peer = from.clone();
        let receiving = receive(plug.events.clone(), Channel { peer, lane, id }, inbox);
        let receiving = plug.setup.environment.spawn("line", async move {
            // When nobody reads any more, the node is unplugged.
            let _ = receiving.await;
        });
        plug.tasks.retain(|task| !task.is_finished());
        plug.tasks.push(receiving);
        let key = (from.clone(), to.clone(), lane);
        self.lines.insert(key, Line { id, packets });
    }
}

async fn receive(
    events: TransportEventSender,
    channel: Channel,
    mut inbox: mpsc::Receiver<Bytes>,
) -> Result<(), EventsClosed> {
    let up = TransportEvent::PeerUp {
        channel: channel.clone(),
        initiator: Initiator::Unknown,
        security: ChannelSecurity::Loopback,
    };
    events.send(up).await?;
    while let Some(packet) = inbox.recv().await {
        let channel = channel.clone();
        let received = TransportEvent::Received { channel, packet };
        events.send(received).await?;
    }
    let reason = "hung up".to_owned();
    events
        .send(TransportEvent::PeerDown { channel, reason })
        .await
}
