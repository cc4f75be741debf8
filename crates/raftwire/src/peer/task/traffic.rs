//! What the link carries: everything that goes to the peer's connections, and everything that comes from it for
//! ours.

use std::time::Instant;

use futures_util::FutureExt as _;
use raftwire_link::{Incoming, Link, LinkEvent, LinkSendError, Outgoing, Settlement};

use super::{PeerTask, TURN_MAX};
use crate::peer::facts_lane::FactsLane;
use crate::peer::fan_lane::FanLane;
use crate::peer::handle::{Command, Fan, Send};
use crate::peer::message::{Failure, Message, ORDER_OF_WRITTEN, Part};
use crate::peer::waiting::Death;
use crate::{FullQueue, RouteOutcome};

impl PeerTask {
    /// All at once: taking each command out by itself would cost more than most of them do.
    pub(super) fn execute_commands(&mut self, now: Instant) {
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
    pub(super) fn pump(&mut self, now: Instant) {
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
    pub(super) fn settle(&mut self, token: u64, settlement: Settlement, death: Option<&Death>) {
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

pub(super) fn refuse(message: Send, outcome: RouteOutcome) {
    if let Some(reply) = message.reply {
        reply.send(outcome);
    }
}

pub(super) fn refuse_fan(fan: Fan, outcome: RouteOutcome) {
    if let Some(reply) = fan.reply {
        let _ = reply.send(Err(outcome));
    }
}
