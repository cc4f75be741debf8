//! The task that owns one peer's link: everything that goes to the peer's connections, and
//! everything that comes from it for ours.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use raftwire_consensus::LeaseView;
use raftwire_environment::Environment;
use raftwire_link::{
    Incoming, Link, LinkConfig, LinkEvent, LinkIdentity, LinkSendError, Outgoing, Settlement,
};
use raftwire_protocol::{Incarnation, NodeId};
use raftwire_transport::ClusterTransport;
use tokio::sync::watch;

use super::channel::PeerChannel;
use super::facts_lane::FactsLane;
use super::fan_lane::FanLane;
use super::handle::{Command, Fan, Packet, PeerHandle, Queues, Send};
use super::inbound::Inbound;
use super::message::{Failure, Message, ORDER_OF_WRITTEN, Part};
use super::target::LinkTarget;
use super::waiting::{Death, Waiting};
use crate::facts::Facts;
use crate::metrics::NodeCounters;
use crate::{DropReason, FullQueue, RouteOutcome};

/// Commands and packets taken from each queue before the link is flushed: bounds the time that
/// one turn takes.
const TURN_MAX: usize = 128;
/// How often a fenced node looks whether it may deliver again: well under the time that a sender
/// would notice.
const FENCE_CHECK: Duration = Duration::from_millis(10);
/// Packets of an incarnation that this node has not heard of yet, kept until it has. More is
/// dropped: the peer repeats them.
const EARLY_PACKETS_MAX: usize = 64;
/// How long they are kept: about what the log needs to tell this node as well. The time that is
/// left of a message is counted from when its packet is read, so an older one could be delivered
/// long after its deadline; the peer repeats it with what is left by then.
const EARLY_AGE_MAX: Duration = Duration::from_millis(100);

/// What the task shares with the rest of the node.
#[derive(Clone, Debug)]
pub(crate) struct PeerContext {
    pub(crate) environment: Environment,
    pub(crate) transport: Arc<dyn ClusterTransport>,
    pub(crate) inbound: Inbound,
    pub(crate) lease: LeaseView,
    pub(crate) link: LinkConfig,
    pub(crate) message_bytes_max: usize,
    pub(crate) counters: Arc<NodeCounters>,
    pub(crate) facts: Arc<Facts>,
}

pub(super) struct PeerTask {
    node: NodeId,
    context: PeerContext,
    queues: Queues,
    /// What was taken out of the queue of commands and is to be done in this turn.
    commands: Vec<Command>,
    handle: PeerHandle,
    target: watch::Receiver<LinkTarget>,
    channel: watch::Receiver<Option<PeerChannel>>,
    link: Option<Link>,
    identity: Option<LinkIdentity>,
    waiting: Waiting,
    facts: FactsLane,
    fans: FanLane,
    early: VecDeque<(Instant, Packet)>,
    is_fenced: bool,
    /// Messages of the peer in this turn: taken in, refused.
    brought: (u64, u64),
    /// Whether the link holds what arrives.
    holds: bool,
}

impl PeerTask {
    pub(super) fn new(
        handle: PeerHandle,
        queues: Queues,
        context: PeerContext,
        target: watch::Receiver<LinkTarget>,
        channel: watch::Receiver<Option<PeerChannel>>,
    ) -> PeerTask {
        let node = handle.node().clone();
        let waiting = Waiting::new(node.clone());
        let facts = FactsLane::new(Arc::clone(&context.facts));
        let delivery = context.inbound.delivery().clone();
        let fans = FanLane::new(delivery, context.message_bytes_max);
        PeerTask {
            node,
            context,
            queues,
            commands: Vec::with_capacity(TURN_MAX),
            handle,
            target,
            channel,
            link: None,
            identity: None,
            waiting,
            early: VecDeque::new(),
            is_fenced: false,
            brought: (0, 0),
            holds: false,
            facts,
            fans,
        }
    }

    /// Runs until `target` is over; then everything unsettled is settled.
    pub(super) async fn run(mut self) {
        self.retarget();
        loop {
            let timer = self.next_timer();
            tokio::select! {
                biased;
                changed = self.target.changed() => match changed {
                    Ok(()) if !self.target.borrow().is_over => self.retarget(),
                    Ok(()) | Err(_) => break,
                },
                // Its end comes with that of `target`.
                Ok(()) = self.channel.changed() => self.follow_channel(),
                Some(packet) = self.queues.packets.recv() => self.receive(packet),
                1.. = self.queues.commands.recv_many(&mut self.commands, TURN_MAX) => {}
                Ok(()) = self.facts.progress.changed(), if self.facts.listens() => {
                    self.facts.gather(self.context.environment.now());
                }
                () = sleep_until(timer), if timer.is_some() => {}
            }
            self.turn();
        }
        self.end().await;
    }

    fn now(&self) -> Instant {
        self.context.environment.now()
    }

    fn next_timer(&self) -> Option<Instant> {
        let link = self.link.as_ref()?;
        let fence = self.is_fenced.then(|| self.now() + FENCE_CHECK);
        // What is on its way into this node's outboxes goes on at the next turn.
        let work = (self.fans.has_work() && !self.is_fenced).then(|| self.now());
        let lanes = [self.facts.poll_timeout(), self.fans.poll_timeout()];
        let timers = [link.poll_timeout(), fence, work].into_iter().chain(lanes);
        timers.flatten().min()
    }

    /// Takes what else has come, then lets the link speak.
    fn turn(&mut self) {
        self.check_fence();
        for _ in 0..TURN_MAX {
            let Ok(packet) = self.queues.packets.try_recv() else {
                break;
            };
            self.receive(packet);
        }
        let now = self.now();
        self.execute_commands(now);
        if let Some(link) = &mut self.link
            && link.poll_timeout().is_some_and(|at| at <= now)
        {
            link.handle_timeout(now);
        }
        self.pump(now);
        let brought = std::mem::take(&mut self.brought);
        let link = self.link.as_ref().map(Link::stats);
        self.handle.figures().turned(link, brought);
    }

    /// A node without its lease holds other nodes' frames: looked at once a turn.
    fn check_fence(&mut self) {
        let is_fenced = !self
            .context
            .lease
            .holds(self.context.environment.boot_time());
        self.is_fenced = is_fenced;
        self.hold();
    }

    /// Holds what the peer sends while this node is fenced, or has no room for more fan-outs.
    fn hold(&mut self) {
        let holds = self.is_fenced || self.fans.is_full();
        if let Some(link) = self.link.as_mut().filter(|_| holds != self.holds) {
            link.hold(holds);
            self.holds = holds;
        }
    }

    /// The channel of the session that the link is with. Another one's would take the packets and
    /// drop them, and they would count as transmitted.
    fn usable_channel(&self) -> Option<PeerChannel> {
        let session = self.identity.as_ref()?.remote_session;
        let channel = self.channel.borrow();
        let channel = channel
            .as_ref()
            .filter(|channel| channel.session == session);
        channel.cloned()
    }

    fn follow_channel(&mut self) {
        let now = self.now();
        self.channel.mark_unchanged();
        let is_up = self.usable_channel().is_some();
        let Some(link) = &mut self.link else { return };
        if is_up {
            link.channel_up(now);
        } else {
            link.channel_down();
        }
    }

    fn retarget(&mut self) {
        let target = self.target.borrow_and_update().clone();
        if self.identity == target.identity {
            return;
        }
        let death = self
            .identity
            .as_ref()
            .and_then(|ended| target.death_of(ended));
        self.close_link_for(death.as_ref());
        self.identity = target.identity;
        let now = self.now();
        let config = &self.context.link;
        self.link = self
            .identity
            .map(|identity| Link::new(config.clone(), identity, now));
        self.holds = false;
        self.facts.begin(&self.node, self.identity, now);
        self.check_fence();
        self.follow_channel();
        for (arrived, packet) in std::mem::take(&mut self.early) {
            if arrived + EARLY_AGE_MAX >= now {
                self.receive_at(arrived, packet);
            } else {
                self.handle.dropped(DropReason::Early);
            }
        }
    }

    async fn end(&mut self) {
        self.close_link_for(None);
        self.queues.commands.close();
        // Until nobody is in the middle of queueing one more.
        while let Some(command) = self.queues.commands.recv().await {
            match command {
                Command::Send(message) => refuse(message, RouteOutcome::Unavailable),
                Command::Fan(fan) => refuse_fan(fan, RouteOutcome::Unavailable),
                Command::TellWritten { .. } => {}
            }
        }
    }

    fn close_link_for(&mut self, death: Option<&Death>) {
        if let Some(link) = self.link.take() {
            self.handle.figures().link_ended(&link.stats());
            for (token, settlement) in link.close() {
                self.settle(token, settlement, death);
            }
            self.waiting.forget_written();
            self.fans.end(death);
        }
    }

    fn receive(&mut self, packet: Packet) {
        self.receive_at(self.now(), packet);
    }

    fn receive_at(&mut self, arrived: Instant, (header, body): Packet) {
        let known = self
            .identity
            .map_or(Incarnation::new(0), |identity| identity.remote_incarnation);
        if header.from_incarnation > known {
            if self.early.len() == EARLY_PACKETS_MAX {
                self.early.pop_front();
                self.handle.dropped(DropReason::Early);
            }
            self.early.push_back((arrived, (header, body)));
            return;
        }
        let now = self.now();
        if let Some(link) = &mut self.link
            && let Err(error) = link.handle(&header, body, now)
        {
            self.handle.dropped(DropReason::Link);
            tracing::debug!(peer = %self.node, %error, "packet dropped");
        }
    }

    /// All at once: taking each command out by itself would cost more than most of them do.
    fn execute_commands(&mut self, now: Instant) {
        if self.commands.is_empty() {
            let more = self.queues.commands.recv_many(&mut self.commands, TURN_MAX);
            more.now_or_never();
        }
        let mut commands = std::mem::take(&mut self.commands);
        let payload_bytes = commands.iter().map(Command::payload_bytes).sum();
        self.handle.taken(payload_bytes);
        for command in commands.drain(..) {
            self.execute(command, now);
        }
        self.commands = commands;
    }

    fn execute(&mut self, command: Command, now: Instant) {
        match command {
            Command::Send(message) => self.send(message, now),
            Command::Fan(fan) => self.send_fan(fan, now),
            // Asked by a link that has ended, its token means something else now, or nothing.
            Command::TellWritten { asked_by, .. } if self.identity != Some(asked_by) => {}
            Command::TellWritten { token, written, .. } => {
                let Some(link) = &mut self.link else { return };
                let head = Message::Written { token, written }.head();
                let outgoing = Outgoing {
                    token: 0,
                    order: ORDER_OF_WRITTEN,
                    head,
                    payload: bytes::Bytes::new(),
                    deadline: None,
                    acknowledge: false,
                };
                if let Err(error) = link.send(outgoing, now) {
                    tracing::debug!(peer = %self.node, %error, "the second reply was not sent");
                }
            }
        }
    }

    /// What a message without a link comes to: the peer is dead, or this node is no member.
    fn without_link(&self) -> RouteOutcome {
        match &self.target.borrow().remote {
            Some(remote) if remote.is_alive => RouteOutcome::Unavailable,
            _ => RouteOutcome::NodeDown {
                node: self.node.clone(),
            },
        }
    }

    fn send(&mut self, mut message: Send, now: Instant) {
        // The router may know of a return that this task has not heard of yet.
        if self.target.has_changed().unwrap_or(false) {
            self.retarget();
        }
        let Some(link) = &mut self.link else {
            refuse(message, self.without_link());
            return;
        };
        let tell_written = message
            .written
            .take()
            .map(|asker| self.waiting.ask_written(asker));
        let connection = message.connection;
        let payload = message.frame.payload().clone();
        let head = Message::Deliver {
            connection,
            epoch: message.epoch,
            frame: message.frame,
            tell_written,
        }
        .head();
        let acknowledge = message.reply.is_some();
        let token = message
            .reply
            .map_or(0, |reply| self.waiting.ask(reply, tell_written));
        let outgoing = Outgoing {
            token,
            order: u128::from_be_bytes(connection.to_bytes()),
            head,
            payload,
            deadline: Some(message.deadline),
            acknowledge,
        };
        if let Err(error) = link.send(outgoing, now) {
            let outcome = match error {
                LinkSendError::TooLarge { .. } => RouteOutcome::TooLarge {
                    limit_bytes: Some(self.context.message_bytes_max),
                },
                _ => RouteOutcome::Busy {
                    queue: FullQueue::Peer,
                },
            };
            if acknowledge {
                self.waiting.answer(token, outcome);
            }
        }
    }

    fn send_fan(&mut self, fan: Fan, now: Instant) {
        if self.target.has_changed().unwrap_or(false) {
            self.retarget();
        }
        match &mut self.link {
            Some(link) => self.fans.send(fan, link, now),
            None => refuse_fan(fan, self.without_link()),
        }
    }

    /// Delivers what has arrived, settles what is known, transmits what may go.
    fn pump(&mut self, now: Instant) {
        while let Some(event) = self.link.as_mut().and_then(Link::poll_event) {
            match event {
                LinkEvent::Delivered(incoming) => self.accept(incoming, now),
                LinkEvent::Settled { token, settlement } => self.settle(token, settlement, None),
            }
        }
        self.fans.expire(now);
        if let Some(link) = &mut self.link {
            if !self.is_fenced {
                self.fans.advance(link, now);
            }
            self.facts.turn(link, now);
        }
        self.hold();
        self.transmit(now);
    }

    fn accept(&mut self, incoming: Incoming, now: Instant) {
        let Some(link) = &mut self.link else { return };
        let sequence = incoming.sequence;
        let part = Part::of(&incoming.body);
        let result = match part {
            Part::Connections => {
                let from = (&self.handle, link.identity());
                let inbound = &self.context.inbound;
                inbound.accept(incoming, now, from, &mut self.waiting)
            }
            Part::Facts => self.facts.accept(incoming, link, now),
            Part::Fans => self.fans.accept(incoming, now),
            Part::FanAnswers => self.fans.accept_answer(incoming.body),
        };
        match result {
            // Not messages of anybody's.
            _ if matches!(part, Part::Facts | Part::FanAnswers) => {}
            Ok(()) => self.brought.0 += 1,
            Err(_) => self.brought.1 += 1,
        }
        link.report(sequence, result.map_err(Failure::code));
        self.hold();
    }

    /// `death` says why the link ended, if it did.
    fn settle(&mut self, token: u64, settlement: Settlement, death: Option<&Death>) {
        if FactsLane::is_token(token) {
            self.facts.settle(token, settlement);
        } else if FanLane::is_token(token) {
            let node = &self.node;
            let outcome = |settlement| RouteOutcome::settled(settlement, node, death);
            self.fans.settle(token, settlement, outcome);
        } else {
            self.waiting.settle(token, settlement, death);
        }
    }

    fn transmit(&mut self, now: Instant) {
        let Some(channel) = self.usable_channel() else {
            return;
        };
        let Some(link) = &mut self.link else { return };
        while let Some(packet) = link.poll_transmit(now) {
            if channel.send(&*self.context.transport, packet).is_err() {
                // Full, or just gone: the link waits a little, or for the next channel.
                link.undo_transmit(now);
                return;
            }
        }
    }
}

fn refuse(message: Send, outcome: RouteOutcome) {
    if let Some(reply) = message.reply {
        reply.send(outcome);
    }
}

fn refuse_fan(fan: Fan, outcome: RouteOutcome) {
    if let Some(reply) = fan.reply {
        let _ = reply.send(Err(outcome));
    }
}

async fn sleep_until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at.into()).await;
    }
}
