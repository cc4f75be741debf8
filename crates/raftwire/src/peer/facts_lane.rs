//! The owned facts on one link: this node's own to the peer, and the peer's into the copy of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use raftwire_link::{Head, Incoming, Link, LinkIdentity, Outgoing, Settlement};
use raftwire_protocol::NodeId;
use tokio::sync::watch;

use super::message::{FACTS_DIGEST, FACTS_PULL, FACTS_STEP, Failure, ORDER_OF_FACTS};
use crate::facts::{Cursor, Digest, Facts, Followed, Position, Progress, RemoteFacts, Since, Step};

/// How long changes gather before they are sent: a burst of joins is one message, and nobody notices.
const GATHER: Duration = Duration::from_millis(2);
/// How often a writer says how far it is.
const DIGEST_EVERY: Duration = Duration::from_secs(1);
/// After what time facts are offered again that the link's queue had no room for.
const FULL_RETRY: Duration = Duration::from_millis(20);
/// Messages with facts that the peer has not answered for. What does not go yet stays in the log of
/// changes, which is bounded, and takes no room from messages in the link's queue.
const IN_FLIGHT_MAX: usize = 16;
/// Marks the tokens of facts among those of a link; the rest is what an acknowledgement says that the
/// peer has.
const TOKEN: u64 = 1 << 63;

/// Belongs to the peer's task.
pub(super) struct FactsLane {
    facts: Arc<Facts>,
    pub(super) progress: watch::Receiver<Progress>,
    session: Option<FactsSession>,
}

/// One link's.
struct FactsSession {
    identity: LinkIdentity,
    /// `None`: the members have changed, and this link ends at the next turn.
    remote: Option<Arc<RemoteFacts>>,
    /// The number of the last change that went to the peer.
    sent: u64,
    in_flight: usize,
    /// When changes are sent that have gathered.
    gathered_at: Option<Instant>,
    digest_at: Instant,
}

impl FactsLane {
    pub(super) fn new(facts: Arc<Facts>) -> FactsLane {
        let progress = facts.memberships().progress();
        FactsLane {
            facts,
            progress,
            session: None,
        }
    }

    /// Whether a token of the link is one of facts.
    pub(super) fn is_token(token: u64) -> bool {
        token & TOKEN != 0
    }

    pub(super) fn begin(&mut self, node: &NodeId, identity: Option<LinkIdentity>, now: Instant) {
        self.session = identity.map(|identity| {
            let remote = self.facts.of(node);
            let own = self.facts.memberships().digest(identity.local_incarnation);
            FactsSession {
                identity,
                remote: remote.filter(|remote| *remote.identity() == identity),
                // A peer that has less than all of it says so to the first digest.
                sent: own.map_or(0, |digest| digest.sequence),
                in_flight: 0,
                gathered_at: None,
                digest_at: now,
            }
        });
    }

    /// Whether a change of this node's facts is news: not while others gather already.
    pub(super) fn listens(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| session.gathered_at.is_none())
    }

    pub(super) fn gather(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            session.gathered_at.get_or_insert(now + GATHER);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let session = self.session.as_ref()?;
        match session.gathered_at {
            _ if session.in_flight >= IN_FLIGHT_MAX => None,
            Some(at) => Some(at),
            None => Some(session.digest_at),
        }
    }

    /// Sends what is due.
    pub(super) fn turn(&mut self, link: &mut Link, now: Instant) {
        let Some(session) = &mut self.session else {
            return;
        };
        if session.in_flight >= IN_FLIGHT_MAX {
            return;
        }
        if session.gathered_at.is_some_and(|at| at <= now) {
            session.gathered_at = None;
            session.send_changes(&self.facts, link, now);
        }
        if session.gathered_at.is_none() && session.digest_at <= now {
            session.send_digest(&self.facts, link, now);
        }
    }

    /// Something of the peer's arrived.
    pub(super) fn accept(
        &mut self,
        incoming: Incoming,
        link: &mut Link,
        now: Instant,
    ) -> Result<(), Failure> {
        let session = self.session.as_mut().ok_or(Failure::Behind)?;
        let kind = incoming.body.first().copied();
        let body = incoming.body.slice(2.min(incoming.body.len())..);
        match kind {
            Some(FACTS_STEP) => {
                let step = Step::decode(body).map_err(|_| Failure::Refused)?;
                let needed = acknowledges(&step.to);
                session.follow(needed, link, now, |remote| remote.on_step(step, now))
            }
            Some(FACTS_DIGEST) => {
                let digest = Digest::decode(body).map_err(|_| Failure::Refused)?;
                let needed = Some(digest.sequence);
                let follow = |remote: &RemoteFacts| remote.on_digest(&digest, now);
                session.follow(needed, link, now, follow)
            }
            _ => {
                let position = Position::decode(body).map_err(|_| Failure::Refused)?;
                session.pulled(&self.facts, position, link, now);
                Ok(())
            }
        }
    }

    pub(super) fn settle(&mut self, token: u64, settlement: Settlement) {
        let Some(session) = &mut self.session else {
            return;
        };
        session.in_flight = session.in_flight.saturating_sub(1);
        if let (Settlement::Delivered, Some(remote)) = (settlement, &session.remote) {
            self.facts.acknowledged(remote, token & !TOKEN);
        }
    }
}

impl FactsSession {
    fn send_changes(&mut self, facts: &Facts, link: &mut Link, now: Instant) {
        let incarnation = self.identity.local_incarnation;
        loop {
            let step = match facts.memberships().changes_since(incarnation, self.sent) {
                Since::Changes(step) => step,
                Since::Nothing => return,
                Since::Forgotten { sequence } => {
                    // The digest tells the peer that it is behind, and it asks for the whole set.
                    self.sent = sequence;
                    self.digest_at = now;
                    return;
                }
            };
            if self.in_flight >= IN_FLIGHT_MAX {
                self.gathered_at = Some(now);
                return;
            }
            if !self.send_step(&step, link, now) {
                self.gathered_at = Some(now + FULL_RETRY);
                return;
            }
            self.sent = step.to.sequence;
        }
    }

    fn send_step(&mut self, step: &Step, link: &mut Link, now: Instant) -> bool {
        let sequence = acknowledges(&step.to).unwrap_or(0);
        let token = Some(TOKEN | sequence);
        self.send(FACTS_STEP, step.encode(), token, link, now)
    }

    fn send_digest(&mut self, facts: &Facts, link: &mut Link, now: Instant) {
        let own = facts.memberships().digest(self.identity.local_incarnation);
        let Some(digest) = own.filter(|digest| digest.sequence == self.sent) else {
            // Changes have come that have not gone: they are first. Or this incarnation has ended.
            self.gathered_at = own.map(|_| now + GATHER);
            self.digest_at = now + own.map_or(DIGEST_EVERY, |_| GATHER);
            return;
        };
        self.digest_at = now + DIGEST_EVERY;
        let token = Some(TOKEN | digest.sequence);
        self.send(FACTS_DIGEST, digest.encode(), token, link, now);
    }

    /// Brings the copy forward. The answer says whether it contains the change with number `needed`.
    fn follow(
        &mut self,
        needed: Option<u64>,
        link: &mut Link,
        now: Instant,
        follow: impl FnOnce(&RemoteFacts) -> Option<Followed>,
    ) -> Result<(), Failure> {
        let remote = self.remote.as_ref().ok_or(Failure::Behind)?;
        let Followed { sequence, pull } = follow(remote).ok_or(Failure::Refused)?;
        if let Some(position) = pull {
            self.send(FACTS_PULL, position.encode(), None, link, now);
        }
        let has_it = needed.is_some_and(|needed| sequence >= needed);
        has_it.then_some(()).ok_or(Failure::Behind)
    }

    /// The peer is behind: the changes go to it once more from where it is, or the whole set in parts.
    fn pulled(&mut self, facts: &Facts, position: Position, link: &mut Link, now: Instant) {
        let incarnation = self.identity.local_incarnation;
        let sequence = position.sequence;
        match facts.memberships().step(incarnation, position) {
            None => {
                self.sent = sequence;
                self.gathered_at = Some(now);
                self.digest_at = now;
            }
            Some(step) => {
                let is_last = step.to.cursor == Cursor::End;
                // Without room it is lost, and asked for again.
                if self.send_step(&step, link, now) && is_last {
                    self.sent = step.to.sequence;
                    self.gathered_at = Some(now);
                    self.digest_at = now;
                }
            }
        }
    }

    /// Facts never expire: they are sent until the link ends. Returns whether there was room.
    fn send(
        &mut self,
        kind: u8,
        payload: Bytes,
        token: Option<u64>,
        link: &mut Link,
        now: Instant,
    ) -> bool {
        let outgoing = Outgoing {
            token: token.unwrap_or(0),
            order: ORDER_OF_FACTS,
            head: Head::from(&[kind, 0]),
            payload,
            deadline: None,
            acknowledge: token.is_some(),
        };
        let is_queued = link.send(outgoing, now).is_ok();
        self.in_flight += usize::from(is_queued && token.is_some());
        is_queued
    }
}

/// How much of a history a copy has that has taken everything up to this position; nothing to speak of
/// before it is whole.
fn acknowledges(to: &Position) -> Option<u64> {
    (to.cursor == Cursor::End).then_some(to.sequence)
}
