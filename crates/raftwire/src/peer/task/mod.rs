//! The task that owns one peer's link: its turns, and when a link begins, holds what comes, and ends.

mod traffic;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use raftwire_consensus::LeaseView;
use raftwire_environment::Environment;
use raftwire_link::{Link, LinkConfig, LinkIdentity};
use raftwire_protocol::{Incarnation, NodeId};
use raftwire_transport::ClusterTransport;
use tokio::sync::watch;

use self::traffic::{refuse, refuse_fan};
use super::channel::PeerChannel;
use super::facts_lane::FactsLane;
use super::fan_lane::FanLane;
use super::handle::{Command, Packet, PeerHandle, Queues};
use super::inbound::Inbound;
use super::target::LinkTarget;
use super::waiting::{Death, Waiting};
use crate::facts::Facts;
use crate::metrics::NodeCounters;
use crate::{DropReason, RouteOutcome};

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
}

async fn sleep_until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at.into()).await;
    }
}
