mod receive;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use raftwire_protocol::{NodeId, PacketHeader, PacketKind};

use super::hello::{OwnHello, PeerHello};
use super::nonce::{Nonce, NonceSource};
use super::outgoing::{Outgoing, Refused};
use super::{
    HANDSHAKE_TIMEOUT, HELLO_RESEND_INTERVAL, LocalIdentity, Medium, PeerIdentity,
    RENEWAL_INTERVAL_MIN, RefusalReason,
};
use crate::protection::{KeySource, PacketKeys, Protection};

/// One end's hello on one channel; see the [module](super) for what is said and why.
///
/// It does no I/O: hand it the packets that arrive and the time, then send what [`poll_transmit`]
/// gives until it gives nothing, act on [`poll_event`], and call [`handle_timeout`] when
/// [`poll_timeout`] is due. Keep it as long as the channel: the peer may still need an answer. One
/// that failed stays so; for another attempt on the channel make another.
///
/// [`poll_transmit`]: Handshake::poll_transmit
/// [`poll_event`]: Handshake::poll_event
/// [`poll_timeout`]: Handshake::poll_timeout
/// [`handle_timeout`]: Handshake::handle_timeout
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Instant;
///
/// use raftwire_link::session::{Handshake, HandshakeEvent, LocalIdentity, Role, VersionRange};
/// use raftwire_protocol::{Lane, RaftId, Session, decode_packet};
///
/// let identity = |node: &str, session| {
///     Arc::new(LocalIdentity {
///         cluster: "example".to_owned(),
///         node: node.parse().expect("a node id"),
///         session: Session::new(session),
///         raft_id: RaftId::new(session as u64),
///         role: Role::Voter,
///         secret: None,
///         secret_previous: None,
///         versions: VersionRange::CURRENT,
///     })
/// };
/// let now = Instant::now();
/// let mut one = Handshake::new(identity("node1", 1), None, Lane::Data, [1; 32], now);
/// let mut two = Handshake::new(identity("node2", 2), None, Lane::Data, [2; 32], now);
/// for _ in 0..2 {
///     while let Some(packet) = one.poll_transmit() {
///         let (header, body) = decode_packet(packet)?;
///         two.handle(&header, body, now);
///     }
///     while let Some(packet) = two.poll_transmit() {
///         let (header, body) = decode_packet(packet)?;
///         one.handle(&header, body, now);
///     }
/// }
/// let Some(HandshakeEvent::Established(peer)) = one.poll_event() else { panic!("established") };
/// assert_eq!(peer.node.as_str(), "node2");
/// # Ok::<(), raftwire_protocol::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Handshake {
    local: Arc<LocalIdentity>,
    expected_peer: Option<NodeId>,
    medium: Medium,
    nonces: NonceSource,
    outgoing: Outgoing,
    state: State,
    /// At most one: a later event makes an earlier one that nobody fetched void.
    event: Option<HandshakeEvent>,
    renewed_at: Option<Instant>,
}

/// What a [`Handshake`] has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeEvent {
    /// The peer has proved who it is. When this comes again on the same channel, it has done so
    /// anew: its session may be another, if its process was restarted.
    Established(PeerIdentity),
    /// The channel is of no use; the last event.
    Failed {
        /// Why.
        reason: RefusalReason,
        /// Who found it out.
        by: Side,
    },
}

/// One of the two ends of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// This node.
    Us,
    /// The other.
    Peer,
}

#[derive(Debug)]
enum State {
    Greeting(Attempt),
    Established(Established),
    Failed {
        own: OwnHello,
        /// What to tell a peer that still says hello: nothing if it was the peer who refused.
        refusal: Option<RefusalReason>,
    },
}

/// A hello of ours that waits for its proof.
#[derive(Debug)]
struct Attempt {
    own: OwnHello,
    /// The hello of the peer that was answered last.
    answered: Option<PeerHello>,
    deadline: Instant,
    resend_at: Instant,
}

#[derive(Debug)]
struct Established {
    own: OwnHello,
    peer: PeerHello,
    /// Nonces of proved hellos that `peer` has replaced, the latest last.
    replaced: VecDeque<Nonce>,
    are_keys_taken: bool,
    /// A second attempt, because the peer says hello anew. It harms the first only by succeeding.
    again: Option<Box<Attempt>>,
}

impl Handshake {
    /// Begins: the hello is ready to be sent.
    ///
    /// `expected_peer` is whom the channel should lead to, if that is known. `nonce` is 32 random
    /// bytes, drawn for this handshake; they are not sent themselves, but each attempt's nonce is
    /// made from them.
    pub fn new(
        local: Arc<LocalIdentity>,
        expected_peer: Option<NodeId>,
        medium: impl Into<Medium>,
        nonce: [u8; 32],
        now: Instant,
    ) -> Handshake {
        let medium = medium.into();
        let mut nonces = NonceSource::new(nonce);
        let mut outgoing = Outgoing::new(Arc::clone(&local), medium.lane);
        let own = OwnHello::new(&local, &medium, nonces.issue());
        let state = State::Greeting(Attempt::begin(own, &mut outgoing, now));
        Handshake {
            local,
            expected_peer,
            medium,
            nonces,
            outgoing,
            state,
            event: None,
            renewed_at: None,
        }
    }

    /// Takes a packet that arrived on the channel.
    ///
    /// What is not a hello, proof or refusal, or not for this node and lane, is ignored: strangers
    /// and late copies may send anything.
    pub fn handle(&mut self, header: &PacketHeader, body: Bytes, now: Instant) {
        self.handle_timeout(now);
        let for_us = header.to.is_none() || header.to == self.local.session;
        if header.lane != self.medium.lane || !for_us {
            return;
        }
        // A hello of our own tells that we talk to ourselves, and so does the refusal that follows.
        // A proof of our own was thrown back by somebody.
        let is_own = header.from == self.local.session;
        match header.kind {
            PacketKind::Hello => self.receive_hello(header.from, body, now),
            PacketKind::Proof if !is_own => self.receive_proof(header.from, body),
            PacketKind::Refusal => self.receive_refusal(header.from, body),
            _ => {}
        }
    }

    /// Does what is due at `now`; early or needless calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::Greeting(attempt) if now >= attempt.deadline => {
                let refused = attempt.answered.as_ref().map(Refused::from);
                self.fail(RefusalReason::Timeout, refused);
            }
            State::Greeting(attempt) => attempt.resend(&mut self.outgoing, now),
            State::Established(established) => match &mut established.again {
                Some(again) if now >= again.deadline => established.again = None,
                Some(again) => again.resend(&mut self.outgoing, now),
                None => {}
            },
            State::Failed { .. } => {}
        }
    }

    /// The next packet to send on the channel, header and body.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.outgoing.next()
    }

    /// When [`handle_timeout`](Handshake::handle_timeout) is to be called, if it is.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let attempt = match &self.state {
            State::Greeting(attempt) => Some(attempt),
            State::Established(established) => established.again.as_deref(),
            State::Failed { .. } => None,
        };
        attempt.map(|attempt| attempt.resend_at.min(attempt.deadline))
    }

    /// What has become of the handshake since the last call.
    pub fn poll_event(&mut self) -> Option<HandshakeEvent> {
        self.event.take()
    }

    /// Refuses the peer for a reason that only the caller can know, such as a node id that is
    /// taken.
    ///
    /// The peer is told, with a code that it believes even if it has established the channel
    /// already, and
    /// [`HandshakeEvent::Failed`] follows here. Does nothing after a failure.
    pub fn refuse(&mut self, reason: RefusalReason) {
        let refused = match &self.state {
            State::Greeting(attempt) => attempt.answered.as_ref().map(Refused::from),
            State::Established(established) => Some(Refused::from(&established.peer)),
            State::Failed { .. } => return,
        };
        self.fail(reason, refused);
    }

    /// The keys of the packets after the hello; `None` where nothing is to protect them, and before
    /// anything is established. They are given once for each time that it is: with a second copy,
    /// numbers of packets would be used twice.
    pub fn take_packet_keys(&mut self) -> Option<PacketKeys> {
        let State::Established(established) = &mut self.state else {
            return None;
        };
        if std::mem::replace(&mut established.are_keys_taken, true) {
            return None;
        }
        let Established { own, peer, .. } = &*established;
        let secret = self.local.secret_shared_with(peer)?;
        let level = peer.protection(&self.local, &self.medium).ok()?;
        if level == Protection::None {
            return None;
        }
        let source = KeySource {
            level,
            lane: self.medium.lane,
            exporter: self.medium.exporter.as_ref(),
            own: (self.local.session, &own.bytes),
            peer: (peer.session, &peer.bytes),
        };
        Some(source.derive(secret.as_bytes()))
    }

    /// Says hello anew, because the peer uses other keys than this end: whoever may put packets of
    /// his own on the channel can bring two nodes to take different hellos for the last.
    ///
    /// Does nothing more often than every [`RENEWAL_INTERVAL_MIN`], or while an attempt is under way.
    pub fn renew(&mut self, now: Instant) {
        let is_early = self
            .renewed_at
            .is_some_and(|at| now < at + RENEWAL_INTERVAL_MIN);
        let State::Established(established) = &mut self.state else {
            return;
        };
        if is_early || established.again.is_some() {
            return;
        }
        self.renewed_at = Some(now);
        let own = OwnHello::new(&self.local, &self.medium, self.nonces.issue());
        let attempt = Attempt::begin(own, &mut self.outgoing, now);
        established.again = Some(Box::new(attempt));
    }

    /// Ends the handshake for a reason that this node found, and tells `refused`.
    fn fail(&mut self, reason: RefusalReason, refused: Option<Refused>) {
        let own = self.own().clone();
        if let Some(refused) = refused {
            self.outgoing.refusal(&own, &refused, &reason);
        }
        self.state = State::Failed {
            own,
            refusal: Some(reason.clone()),
        };
        self.event = Some(HandshakeEvent::Failed {
            reason,
            by: Side::Us,
        });
    }

    /// Ends the handshake because the peer said so.
    fn told(&mut self, reason: RefusalReason) {
        self.state = State::Failed {
            own: self.own().clone(),
            refusal: None,
        };
        self.event = Some(HandshakeEvent::Failed {
            reason,
            by: Side::Peer,
        });
    }

    /// The hello in whose name a refusal is sent.
    fn own(&self) -> &OwnHello {
        match &self.state {
            State::Greeting(attempt) => &attempt.own,
            State::Established(established) => &established.own,
            State::Failed { own, .. } => own,
        }
    }

    /// The hello of ours that waits for a proof.
    fn attempt(&mut self) -> Option<&mut Attempt> {
        match &mut self.state {
            State::Greeting(attempt) => Some(attempt),
            State::Established(established) => established.again.as_deref_mut(),
            State::Failed { .. } => None,
        }
    }
}

impl Attempt {
    fn begin(own: OwnHello, outgoing: &mut Outgoing, now: Instant) -> Attempt {
        outgoing.hello(&own);
        Attempt {
            own,
            answered: None,
            deadline: now + HANDSHAKE_TIMEOUT,
            resend_at: now + HELLO_RESEND_INTERVAL,
        }
    }

    fn resend(&mut self, outgoing: &mut Outgoing, now: Instant) {
        if now >= self.resend_at {
            outgoing.hello(&self.own);
            self.resend_at = now + HELLO_RESEND_INTERVAL;
        }
    }
}
