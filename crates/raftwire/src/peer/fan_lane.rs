//! The fan-outs of one link: the answers that this node waits for, and the peer's fan-outs on their way
//! into this node's outboxes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use raftwire_link::{Incoming, Link, LinkSendError, Outgoing, Settlement};
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::fan_message::{FanAnswer, FanMessage};
use super::handle::Fan;
use super::message::{Failure, ORDER_OF_FANS};
use super::waiting::Death;
use crate::connection::Delivery;
use crate::fan::{FanCounts, FanJob, FanReply};
use crate::{FullQueue, RouteOutcome};

/// Fan-outs of one peer that wait for their turn here. Beyond it the link holds what arrives, so that
/// the peer's queue fills and its senders learn it.
const JOBS_MAX: usize = 64;
/// Their payload: as much as a link's window.
const JOB_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Senders that may wait for one peer's counts.
const ASKERS_MAX: usize = 65_536;
/// Marks the tokens of fan-outs among those of a link.
const TOKEN: u64 = 1 << 62;

struct Asker {
    reply: oneshot::Sender<FanReply>,
    deadline: Instant,
}

struct Job {
    job: FanJob,
    deadline: Option<Instant>,
    /// To whom the counts go, for each message of the job.
    answers: SmallVec<[Option<u64>; 1]>,
}

/// Belongs to the peer's task.
pub(super) struct FanLane {
    delivery: Delivery,
    message_bytes_max: usize,
    askers: BTreeMap<u64, Asker>,
    deadlines: BTreeSet<(Instant, u64)>,
    next_token: u64,
    jobs: VecDeque<Job>,
    job_bytes: usize,
}

impl FanLane {
    pub(super) fn new(delivery: Delivery, message_bytes_max: usize) -> FanLane {
        FanLane {
            delivery,
            message_bytes_max,
            askers: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            next_token: 0,
            jobs: VecDeque::new(),
            job_bytes: 0,
        }
    }

    /// Whether a token of the link is one of a fan-out.
    pub(super) fn is_token(token: u64) -> bool {
        token & TOKEN != 0
    }

    /// Whether the peer is to be held.
    pub(super) fn is_full(&self) -> bool {
        self.jobs.len() >= JOBS_MAX || self.job_bytes >= JOB_BYTES_MAX
    }

    pub(super) fn has_work(&self) -> bool {
        !self.jobs.is_empty()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    pub(super) fn send(&mut self, fan: Fan, link: &mut Link, now: Instant) {
        let Fan {
            audience,
            frame,
            deadline,
            reply,
        } = fan;
        let busy = RouteOutcome::Busy {
            queue: FullQueue::Peer,
        };
        let answer = match reply {
            None => None,
            Some(reply) if self.askers.len() >= ASKERS_MAX => {
                let _ = reply.send(Err(busy));
                return;
            }
            Some(reply) => Some(self.ask(reply, deadline)),
        };
        let payload = frame.payload().clone();
        let message = FanMessage {
            audience,
            frame,
            answer,
        };
        let outgoing = Outgoing {
            token: answer.unwrap_or(0),
            order: ORDER_OF_FANS,
            head: message.head(),
            payload,
            deadline: Some(deadline),
            acknowledge: answer.is_some(),
        };
        if let (Err(error), Some(token)) = (link.send(outgoing, now), answer) {
            let outcome = match error {
                LinkSendError::TooLarge { .. } => RouteOutcome::TooLarge {
                    limit_bytes: Some(self.message_bytes_max),
                },
                _ => busy,
            };
            self.answer(token, Err(outcome));
        }
    }

    fn ask(&mut self, reply: oneshot::Sender<FanReply>, deadline: Instant) -> u64 {
        let token = TOKEN | self.next_token;
        self.next_token += 1;
        self.deadlines.insert((deadline, token));
        self.askers.insert(token, Asker { reply, deadline });
        token
    }

    fn answer(&mut self, token: u64, reply: FanReply) {
        if let Some(asker) = self.askers.remove(&token) {
            self.deadlines.remove(&(asker.deadline, token));
            // A sender that has gone no longer wants to know.
            let _ = asker.reply.send(reply);
        }
    }

    /// The link says what became of a fan-out. That it arrived is not the answer yet: the counts follow.
    pub(super) fn settle(
        &mut self,
        token: u64,
        settlement: Settlement,
        outcome: impl FnOnce(Settlement) -> RouteOutcome,
    ) {
        if settlement != Settlement::Delivered {
            self.answer(token, Err(outcome(settlement)));
        }
    }

    /// The owner says what it counted.
    pub(super) fn accept_answer(&mut self, body: Bytes) -> Result<(), Failure> {
        let answer = FanAnswer::read(body).map_err(|_| Failure::Refused)?;
        self.answer(answer.token, answer.result().map_err(RouteOutcome::from));
        Ok(())
    }

    /// A fan-out of the peer for this node's connections: queued behind those before it.
    pub(super) fn accept(&mut self, incoming: Incoming, now: Instant) -> Result<(), Failure> {
        if is_past(incoming.deadline, now) {
            return Err(Failure::Expired);
        }
        let fan = FanMessage::decode(incoming.body).map_err(|_| Failure::Refused)?;
        if fan.frame.len() > self.message_bytes_max {
            return Err(Failure::TooLarge);
        }
        let job = FanJob::new(&fan.audience, fan.frame, incoming.acknowledge);
        self.job_bytes += job.bytes();
        self.jobs.push_back(Job {
            job,
            deadline: incoming.deadline,
            answers: SmallVec::from([fan.answer]),
        });
        Ok(())
    }

    /// Reaches some more connections, then lets others have their turn.
    pub(super) fn advance(&mut self, link: &mut Link, now: Instant) {
        let Some(mut first) = self.jobs.pop_front() else {
            return;
        };
        if !first.job.has_begun() {
            if is_past(first.deadline, now) {
                self.job_bytes -= first.job.bytes();
                Self::say(
                    (link, now),
                    &first.answers,
                    std::iter::once(Err(Failure::Expired)),
                );
                return;
            }
            let may_join = |first: &Job, next: &mut Job| {
                !is_past(next.deadline, now) && first.job.takes(&next.job)
            };
            while let Some(next) = self.jobs.pop_front_if(|next| may_join(&first, next)) {
                first.job.join(next.job);
                first.answers.extend(next.answers);
            }
        }
        let Some(counts) = first.job.advance(&self.delivery) else {
            return self.jobs.push_front(first);
        };
        Self::say((link, now), &first.answers, counts.map(Ok));
        self.job_bytes -= first.job.bytes();
    }

    /// Tells the peer what became of its fan-outs.
    fn say(
        (link, now): (&mut Link, Instant),
        answers: &[Option<u64>],
        results: impl Iterator<Item = Result<FanCounts, Failure>>,
    ) {
        for (answer, result) in answers.iter().zip(results) {
            let Some(token) = *answer else { continue };
            let (head, payload) = FanAnswer::new(token, result).wire();
            let outgoing = Outgoing {
                token: 0,
                order: ORDER_OF_FANS,
                head,
                payload,
                deadline: None,
                acknowledge: false,
            };
            // Where the queue is full the sender learns at its deadline that nothing is known.
            if let Err(error) = link.send(outgoing, now) {
                tracing::debug!(%error, "the counts of a fan-out were not sent");
            }
        }
    }

    /// Answers those whose deadline has passed; what the link knew of them it has said by now.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((deadline, token)) = self.deadlines.first().copied()
            && deadline <= now
        {
            self.answer(token, Err(RouteOutcome::Deadline { transmitted: true }));
        }
    }

    /// The link has ended: no counts will come by it, and what the peer sent is not delivered further.
    /// `death` says why, `None` that this node stops.
    pub(super) fn end(&mut self, death: Option<&Death>) {
        self.jobs.clear();
        self.job_bytes = 0;
        self.deadlines.clear();
        for asker in std::mem::take(&mut self.askers).into_values() {
            let _ = asker.reply.send(Err(RouteOutcome::lost(death)));
        }
    }
}

fn is_past(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}
