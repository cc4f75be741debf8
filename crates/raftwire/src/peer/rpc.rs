//! Questions and answers on the control lane: small, and repeated until their deadline.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
use super::registry::{Peer, PeerRegistry};

/// The round trip that is assumed of a peer before one was measured.
const ROUND_TRIP_FIRST: Duration = Duration::from_millis(25);
/// A question is never repeated faster than this: a busy peer is not made busier.
const RESEND_MIN: Duration = Duration::from_millis(20);
/// How often a question is repeated within the time for which the peer may hold it.
const RESENDS_HELD: u32 = 4;
/// Questions of one peer that are worked on at a time. More are dropped, and asked again.
const INFLIGHT_MAX: usize = 256;
/// The longest that an answer is worked on: more than any question of this version waits.
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
    reply: oneshot::Sender<Bytes>,
}

#[derive(Debug, Default)]
struct Tables {
    pending: BTreeMap<u64, Pending>,
    inflight: BTreeMap<Session, Vec<u64>>,
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
        let deadline_ms = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
        let request = RequestBody {
            id: asked.id,
            deadline_ms,
            body: body.into(),
        };
        let packet = self.packet(PacketKind::Request, session, &request.encode_to_vec());

        let attempts = self.attempt(&peer, session, packet, hold, &mut asked.reply);
        tokio::time::timeout(deadline, attempts)
            .await
            .unwrap_or(Err(CallError::Deadline))
    }

    async fn attempt(
        &self,
        peer: &Peer,
        session: Session,
        packet: Bytes,
        hold: Duration,
        reply: &mut oneshot::Receiver<Bytes>,
    ) -> Result<Bytes, CallError> {
        let started = self.environment.now();
        let mut is_first = true;
        loop {
            let current = peer.control().filter(|control| control.session == session);
            let control = current.ok_or(CallError::Unreachable)?;
            // A full queue is a lost packet: the next attempt repairs it.
            let _ = control.send(&*self.transport, packet.clone());
            let round_trip = peer.round_trip().unwrap_or(ROUND_TRIP_FIRST);
            let wait = (round_trip * 2).max(RESEND_MIN).max(hold / RESENDS_HELD);
            match tokio::time::timeout(wait, &mut *reply).await {
                Ok(answer) => {
                    // Karn's rule: only the answer to a single attempt tells the round trip, and only
                    // if it was not held.
                    if is_first && hold.is_zero() {
                        peer.measured(self.environment.now() - started);
                    }
                    return answer.map_err(|_| CallError::Unreachable);
                }
                Err(_) => is_first = false,
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
            let _ = pending.reply.send(response.body);
        }
    }

    /// A question arrived from an authenticated session: it is answered in a task of its own.
    pub(super) fn asked(
        self: &Arc<Self>,
        answer: &Arc<dyn Answer>,
        from: &NodeId,
        control: PeerChannel,
        body: Bytes,
    ) {
        let Ok(RequestBody {
            id,
            mut body,
            deadline_ms,
        }) = RequestBody::decode(body)
        else {
            tracing::debug!(peer = %from, "malformed question dropped");
            return;
        };
        let Some(service) = body.first().copied().and_then(Service::from_byte) else {
            tracing::debug!(peer = %from, "question for an unknown service dropped");
            return;
        };
        let Some(inflight) = Inflight::begin(self, control.session, id) else {
            return;
        };
        let limit = Duration::from_millis(deadline_ms.into()).min(ANSWER_MAX);
        let question = body.split_off(1);
        let (rpc, answer, from) = (Arc::clone(self), Arc::clone(answer), from.clone());
        self.executor.spawn("answer", async move {
            let answered = answer.answer(service, &from, question);
            // Who asked has given up by then, and may ask again.
            let Ok(body) = tokio::time::timeout(limit, answered).await else {
                return;
            };
            let response = ResponseBody { id, body }.encode_to_vec();
            let packet = rpc.packet(PacketKind::Response, control.session, &response);
            // A lost answer is asked for again.
            let _ = control.send(&*rpc.transport, packet);
            drop(inflight);
        });
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
    reply: oneshot::Receiver<Bytes>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.rpc.lock().pending.remove(&self.id);
    }
}

/// A question that is being worked on: its repetitions are ignored meanwhile.
struct Inflight {
    rpc: Arc<Rpc>,
    session: Session,
    id: u64,
}

impl Inflight {
    fn begin(rpc: &Arc<Rpc>, session: Session, id: u64) -> Option<Inflight> {
        let mut tables = rpc.lock();
        let ids = tables.inflight.entry(session).or_default();
        if ids.len() >= INFLIGHT_MAX || ids.contains(&id) {
            return None;
        }
        ids.push(id);
        Some(Inflight {
            rpc: Arc::clone(rpc),
            session,
            id,
        })
    }
}

impl Drop for Inflight {
    fn drop(&mut self) {
        let mut tables = self.rpc.lock();
        if let Some(ids) = tables.inflight.get_mut(&self.session) {
            ids.retain(|id| *id != self.id);
            if ids.is_empty() {
                tables.inflight.remove(&self.session);
            }
        }
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
