//! The router's end of one peer: a bounded queue into the task that owns the link.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use raftwire_link::LinkIdentity;
use raftwire_protocol::{Frame, MintedId, NodeId, PacketHeader};
use tokio::sync::{mpsc, oneshot};

use crate::fan::{Audience, FanReply};
use crate::metrics::{NodeCounters, PeerFigures};
use crate::outcome_queue::OutcomeTicket;
use crate::{DropReason, FullQueue, LinkMetrics, RouteOutcome};

/// Messages that may wait for the peer's task. It empties the queue at every turn, so this much
/// gathers only while the task does not run.
const COMMANDS_MAX: usize = 4096;
/// Payload that may wait for the peer's task, so that few large messages are bounded too. At
/// least one message always passes.
const COMMAND_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Packets that may wait for the peer's task. A packet more is dropped, which the link repairs.
const PACKETS_MAX: usize = 1024;

/// A message on its way to the peer's link.
#[derive(Debug)]
pub(crate) struct Send {
    pub(crate) connection: MintedId,
    /// The registration of the name that the connection was found by.
    pub(crate) epoch: Option<u64>,
    pub(crate) frame: Frame,
    pub(crate) deadline: Instant,
    /// `None`: fire and forget.
    pub(crate) reply: Option<Reply>,
    /// Who wants to learn that it was written.
    pub(crate) written: Option<oneshot::Sender<bool>>,
}

/// Who wants to know what becomes of a message.
#[derive(Debug)]
pub(crate) enum Reply {
    Future(oneshot::Sender<RouteOutcome>),
    Queue(OutcomeTicket),
}

impl Reply {
    pub(super) fn send(self, outcome: RouteOutcome) {
        match self {
            // A sender that has gone no longer wants to know.
            Reply::Future(sender) => drop(sender.send(outcome)),
            Reply::Queue(ticket) => ticket.give(outcome),
        }
    }

    /// The sender is told at once.
    fn withdraw(self) {
        if let Reply::Queue(ticket) = self {
            ticket.withdraw();
        }
    }
}

/// A message on its way to all connections of an audience that the peer holds.
#[derive(Debug)]
pub(crate) struct Fan {
    pub(crate) audience: Audience,
    pub(crate) frame: Frame,
    pub(crate) deadline: Instant,
    /// `None`: fire and forget.
    pub(crate) reply: Option<oneshot::Sender<FanReply>>,
}

#[derive(Debug)]
pub(super) enum Command {
    Send(Send),
    Fan(Fan),
    TellWritten {
        asked_by: LinkIdentity,
        token: u64,
        written: bool,
    },
}

impl Command {
    /// What it takes of the bytes that may wait.
    pub(super) fn payload_bytes(&self) -> usize {
        match self {
            Command::Send(message) => message.frame.len(),
            Command::Fan(fan) => fan.frame.len(),
            Command::TellWritten { .. } => 0,
        }
    }
}

/// A packet of the peer's authenticated session.
pub(super) type Packet = (PacketHeader, Bytes);

#[derive(Debug)]
struct Shared {
    node: NodeId,
    commands: mpsc::Sender<Command>,
    packets: mpsc::Sender<Packet>,
    waiting_bytes: AtomicUsize,
    figures: PeerFigures,
    counters: Arc<NodeCounters>,
}

/// Reaches the task of one peer. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct PeerHandle {
    shared: Arc<Shared>,
}

/// The task's ends of the queues.
#[derive(Debug)]
pub(super) struct Queues {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) packets: mpsc::Receiver<Packet>,
}

impl PeerHandle {
    pub(super) fn new(node: NodeId, counters: Arc<NodeCounters>) -> (PeerHandle, Queues) {
        let (commands, commands_receiver) = mpsc::channel(COMMANDS_MAX);
        let (packets, packets_receiver) = mpsc::channel(PACKETS_MAX);
        let waiting_bytes = AtomicUsize::new(0);
        let shared = Arc::new(Shared {
            node,
            commands,
            packets,
            waiting_bytes,
            figures: PeerFigures::default(),
            counters,
        });
        let queues = Queues {
            commands: commands_receiver,
            packets: packets_receiver,
        };
        (PeerHandle { shared }, queues)
    }

    pub(crate) fn node(&self) -> &NodeId {
        &self.shared.node
    }

    /// Queues a message for the link. Never waits.
    pub(crate) fn send(&self, message: Send) -> Result<(), RouteOutcome> {
        self.queue(Command::Send(message))
    }

    /// Queues a message for many of the peer's connections. Never waits.
    pub(crate) fn send_fan(&self, fan: Fan) -> Result<(), RouteOutcome> {
        self.queue(Command::Fan(fan))
    }

    fn queue(&self, command: Command) -> Result<(), RouteOutcome> {
        let bytes = command.payload_bytes();
        let before = self
            .shared
            .waiting_bytes
            .fetch_add(bytes, Ordering::Relaxed);
        let is_room = before == 0 || before + bytes <= COMMAND_BYTES_MAX;
        let refused = if is_room {
            match self.shared.commands.try_send(command) {
                Ok(()) => return Ok(()),
                Err(error) => error.into_inner(),
            }
        } else {
            command
        };
        if let Command::Send(Send {
            reply: Some(reply), ..
        }) = refused
        {
            reply.withdraw();
        }
        self.shared
            .waiting_bytes
            .fetch_sub(bytes, Ordering::Relaxed);
        if self.shared.commands.is_closed() {
            return Err(RouteOutcome::Unavailable);
        }
        Err(RouteOutcome::Busy {
            queue: FullQueue::Peer,
        })
    }

    /// Tells the peer what became of a frame that it asked about. Where the queue is full the
    /// peer is not told, and its sender learns what it knew already: delivered.
    pub(crate) fn tell_written(&self, asked_by: LinkIdentity, token: u64, written: bool) {
        let _ = self.shared.commands.try_send(Command::TellWritten {
            asked_by,
            token,
            written,
        });
    }

    /// Says that the task has taken commands with so many bytes of payload out of its queue.
    pub(super) fn taken(&self, payload_bytes: usize) {
        self.shared
            .waiting_bytes
            .fetch_sub(payload_bytes, Ordering::Relaxed);
    }

    /// Hands a packet to the link. A full queue drops it: the link repairs what is lost.
    pub(super) fn packet(&self, packet: Packet) {
        if self.shared.packets.try_send(packet).is_err() {
            self.dropped(DropReason::QueueFull);
        }
    }

    pub(super) fn dropped(&self, reason: DropReason) {
        self.shared.counters.dropped(reason);
    }

    /// What the task writes of its links.
    pub(super) fn figures(&self) -> &PeerFigures {
        &self.shared.figures
    }

    pub(super) fn metrics(&self) -> LinkMetrics {
        let commands = &self.shared.commands;
        LinkMetrics {
            waiting_messages: commands.max_capacity() - commands.capacity(),
            waiting_bytes: self.shared.waiting_bytes.load(Ordering::Relaxed),
            ..self.shared.figures.snapshot()
        }
    }
}
