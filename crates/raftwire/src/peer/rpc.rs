//! Questions and answers on the control lane: small, and repeated until their deadline.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use prost::Message as _;
use raftwire_consensus::{CallError, ControlNetwork};
use raftwire_environment::{Environment, Executor};
use raftwire_protocol::messages::{RequestBody, ResponseBody};
use raftwire_protocol::{
    Incarnation, Lane, NodeId, PacketHeader, PacketKind, Session, encode_packet,
};
use raftwire_transport::ClusterTransport;
use tokio::sync::oneshot;

use super::channel::PeerChannel;
use super::questions::{Arrival, Questions};
use super::registry::{Peer, PeerRegistry};
use super::repetition::{micros, pause, round_trip};

/// The longest that an answer is worked on, and kept: more than any question of this version waits.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Which part of a node a question is for: its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Service {
    /// The Raft node.
    Consensus = 1,
    /// The node's report of itself.
    Node = 2,
}

/// Answers the questions of peers.
#[async_trait]
pub(crate) trait Answer: fmt::Debug + Send + Sync {
    async fn answer(&self, service: Service, from: &NodeId, question: Bytes) -> Bytes;
}

#[derive(Debug)]
struct Pending {
    session: Session,
    reply: oneshot::Sender<ResponseBody>,
}

#[derive(Debug, Default)]
struct Tables {
    pending: BTreeMap<u64, Pending>,
    questions: Questions,
}

/// Both ends of the questions between this node and its peers.
#[derive(Debug)]
pub(crate) struct Rpc {
    environment: Environment,
    executor: Executor,
    transport: Arc<dyn ClusterTransport>,
    registry: Arc<PeerRegistry>,
    local: Session,
    next_id: AtomicU64,
    tables: Mutex<Tables>,
}

impl Rpc {
    pub(crate) fn new(
        environment: Environment,
        executor: Executor,
        transport: Arc<dyn ClusterTransport>,
        registry: Arc<PeerRegistry>,
        local: Session,
    ) -> Rpc {
        Rpc {
            environment,
            executor,
            transport,
            registry,
            local,
            next_id: AtomicU64::new(1),
            tables: Mutex::new(Tables::default()),
        }
    }

    /// Asks a peer, again and again until it answers or the deadline has passed.
    ///
    /// # Cancel safety
    /// A dropped call forgets the question; the peer may answer it all the same.
    pub(crate) async fn call(
        &self,
        service: Service,
        to: &NodeId,
        question: &[u8],
        deadline: Duration,
    ) -> Result<Bytes, CallError> {
        self.call_held(service, to, question, deadline, Duration::ZERO)
            .await
    }

    /// Asks a peer that may hold the question for up to `hold` before it answers: it is repeated a
    /// few times within that, in case it was lost, and not all the time.
    pub(crate) async fn call_held(
        &self,
        service: Service,
        to: &NodeId,
        question: &[u8],
        deadline: Duration,
        hold: Duration,
    ) -> Result<Bytes, CallError> {
        let peer = self.registry.get(to).ok_or(CallError::Unreachable)?;
        let session = peer.control().ok_or(CallError::Unreachable)?.session;
        let mut asked = self.ask(session);
        let mut body = Vec::with_capacity(question.len() + 1);
        body.push(service as u8);
        body.extend_from_slice(question);
        let request = RequestBody {
            id: asked.id,
            deadline_ms: u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX),
            body: body.into(),
            stamp: None,
        };

        let attempts = self.attempt(&peer, session, request, hold, &mut asked.reply);
        tokio::time::timeout(deadline, attempts)
            .await
            .unwrap_or(Err(CallError::Deadline))
    }

    async fn attempt(
        &self,
        peer: &Peer,
        session: Session,
        mut request: RequestBody,
        hold: Duration,
        reply: &mut oneshot::Receiver<ResponseBody>,
    ) -> Result<Bytes, CallError> {
        let started = self.environment.now();
        let mut sendings = 0;
        loop {
            let current = peer.control().filter(|control| control.session == session);
            let control = current.ok_or(CallError::Unreachable)?;
            request.stamp = Some(micros(self.environment.now() - started));
            let packet = self.packet(PacketKind::Request, session, &request.encode_to_vec());
            // A full queue is a lost packet: the next attempt repairs it.
            let _ = control.send(&*self.transport, packet);
            sendings += 1;
            let pause = pause(peer.round_trip(), hold, sendings);
            if let Ok(answer) = tokio::time::timeout(pause, &mut *reply).await {
                let answer = answer.map_err(|_| CallError::Unreachable)?;
                let is_plain = sendings == 1 && hold.is_zero();
                if let Some(sample) =
                    round_trip(&answer, self.environment.now() - started, is_plain)
                {
                    peer.measured(sample);
                }
                return Ok(answer.body);
            }
        }
    }

    fn ask(&self, session: Session) -> Asked<'_> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        self.lock().pending.insert(
            id,
            Pending {
                session,
                reply: sender,
            },
        );
        Asked {
            rpc: self,
            id,
            reply,
        }
    }

    fn packet(&self, kind: PacketKind, to: Session, body: &[u8]) -> Bytes {
        // Questions are fenced by sessions: Raft needs no incarnation to found a cluster.
        let none = Incarnation::new(0);
        let header = PacketHeader {
            kind,
            flags: 0,
            lane: Lane::Control,
            from: self.local,
            to,
            from_incarnation: none,
            to_incarnation: none,
        };
        encode_packet(&header, body)
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer arrived from an authenticated session.
    pub(super) fn answered(&self, from: Session, body: Bytes) {
        let Ok(response) = ResponseBody::decode(body) else {
            tracing::debug!(%from, "malformed answer dropped");
            return;
        };
        let mut tables = self.lock();
        let is_theirs = |pending: &Pending| pending.session == from;
        if tables.pending.get(&response.id).is_some_and(is_theirs)
            && let Some(pending) = tables.pending.remove(&response.id)
        {
            // An asker that has gone no longer wants to know.
            let _ = pending.reply.send(response);
        }
    }

    /// A question arrived from an authenticated session: it is answered in a task of its own, once.
    pub(super) fn asked(
        self: &Arc<Self>,
        answer: &Arc<dyn Answer>,
        from: &NodeId,
        control: PeerChannel,
        body: Bytes,
    ) {
        let Ok(mut request) = RequestBody::decode(body) else {
            tracing::debug!(peer = %from, "malformed question dropped");
            return;
        };
        let Some(service) = request.body.first().copied().and_then(Service::from_byte) else {
            tracing::debug!(peer = %from, "question for an unknown service dropped");
            return;
        };
        let (session, id, stamp) = (control.session, request.id, request.stamp);
        let arrived = self.environment.now();
        let arrival = self.lock().questions.arrive(session, id, arrived);
        match arrival {
            Arrival::New => {}
            Arrival::InWork | Arrival::TooMany => return,
            Arrival::Answered(body) => {
                self.respond(&control, id, body, (stamp, Duration::ZERO));
                return;
            }
        }
        let work = InWork {
            rpc: Arc::clone(self),
            session,
            id,
        };
        let limit = Duration::from_millis(request.deadline_ms.into()).min(ANSWER_MAX);
        let question = request.body.split_off(1);
        let (answer, from) = (Arc::clone(answer), from.clone());
        self.executor.spawn("answer", async move {
            let answered = answer.answer(service, &from, question);
            // Who asked has given up by then, and may ask again.
            let Ok(body) = tokio::time::timeout(limit, answered).await else {
                return;
            };
            work.is_done(body.clone(), arrived + limit);
            let rpc = &work.rpc;
            let worked = rpc.environment.now() - arrived;
            rpc.respond(&control, id, body, (stamp, worked));
        });
    }

    /// Sends an answer. A lost one is asked for again.
    fn respond(
        &self,
        control: &PeerChannel,
        id: u64,
        body: Bytes,
        (stamp, worked): (Option<u64>, Duration),
    ) {
        let response = ResponseBody {
            id,
            body,
            stamp,
            worked_us: micros(worked),
        };
        let packet = self.packet(
            PacketKind::Response,
            control.session,
            &response.encode_to_vec(),
        );
        let _ = control.send(&*self.transport, packet);
    }
}

impl Service {
    fn from_byte(byte: u8) -> Option<Service> {
        [Service::Consensus, Service::Node]
            .into_iter()
            .find(|service| *service as u8 == byte)
    }
}

/// A question that waits for its answer; forgotten when it is dropped.
struct Asked<'a> {
    rpc: &'a Rpc,
    id: u64,
    reply: oneshot::Receiver<ResponseBody>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.rpc.lock().pending.remove(&self.id);
    }
}

/// A question that is being worked on; given up when it is dropped without an answer.
struct InWork {
    rpc: Arc<Rpc>,
    session: Session,
    id: u64,
}

impl InWork {
    fn is_done(&self, answer: Bytes, until: Instant) {
        let questions = &mut self.rpc.lock().questions;
        questions.answered(self.session, self.id, answer, until);
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.rpc.lock().questions.given_up(self.session, self.id);
    }
}

/// The consensus's way to its peers.
#[derive(Debug)]
pub(crate) struct ConsensusNetwork(pub(crate) Arc<Rpc>);

#[async_trait]
impl ControlNetwork for ConsensusNetwork {
    async fn call(
        &self,
        to: &NodeId,
        request: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, CallError> {
        self.0
            .call(Service::Consensus, to, &request, deadline)
            .await
    }

    async fn call_held(
        &self,
        to: &NodeId,
        request: Bytes,
        deadline: Duration,
        hold: Duration,
    ) -> Result<Bytes, CallError> {
        self.0
            .call_held(Service::Consensus, to, &request, deadline, hold)
            .await
    }
}
