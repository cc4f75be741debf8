//! The one reader of the transport: greets whoever comes by a channel, then hands its packets on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use raftwire_environment::Environment;
use raftwire_link::session::{
    Handshake, HandshakeEvent, LocalIdentity, PeerIdentity, RefusalReason, Side,
};
use raftwire_protocol::{Lane, NodeId, PacketHeader, PacketKind, Session, decode_packet};
use raftwire_transport::{Channel, ClusterTransport, Initiator, TransportEvent, TransportEvents};

use super::registry::{ControlChannel, DataChannel, Peer, PeerRegistry};
use super::rpc::{Answer, Rpc};
use crate::DropReason;
use crate::metrics::NodeCounters;

/// Names whose last problem is remembered. Strangers may claim any name: beyond this, a problem may
/// be told again.
const TOLD_MAX: usize = 256;

/// Says whether an authenticated peer may be who it is.
pub(crate) trait Admission: std::fmt::Debug + Send + Sync {
    fn admit(&self, peer: &PeerIdentity) -> Result<(), RefusalReason>;
}

#[derive(Debug)]
struct ChannelState {
    handshake: Handshake,
    initiator: Initiator,
    peer: Option<Arc<Peer>>,
    /// Set once the hello has succeeded.
    session: Option<Session>,
}

/// What the hub works with.
#[derive(Debug)]
pub(crate) struct HubContext {
    pub(crate) environment: Environment,
    pub(crate) transport: Arc<dyn ClusterTransport>,
    pub(crate) identity: Arc<LocalIdentity>,
    pub(crate) registry: Arc<PeerRegistry>,
    pub(crate) rpc: Arc<Rpc>,
    pub(crate) answer: Arc<dyn Answer>,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) counters: Arc<NodeCounters>,
}

/// Owns the channels and their handshakes.
#[derive(Debug)]
pub(crate) struct Hub {
    context: HubContext,
    channels: BTreeMap<Channel, ChannelState>,
    /// The channel that each peer is reached by, and by which session.
    adopted: BTreeMap<(NodeId, Lane), (Channel, Session)>,
    /// The last problem told of each peer, so that a peer that keeps trying is not told again.
    told: BTreeMap<NodeId, String>,
}

impl Hub {
    pub(crate) fn new(context: HubContext) -> Hub {
        let (channels, adopted, told) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Hub {
            context,
            channels,
            adopted,
            told,
        }
    }

    /// Runs until the transport has stopped.
    pub(crate) async fn run(mut self, mut events: TransportEvents) {
        loop {
            let timer = self
                .channels
                .values()
                .filter_map(|state| state.handshake.poll_timeout());
            let timer = timer.min();
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(event) => self.handle(event),
                    None => break,
                },
                () = sleep_until(timer), if timer.is_some() => self.handle_timeouts(),
            }
        }
    }

    fn handle(&mut self, event: TransportEvent) {
        match event {
            TransportEvent::PeerUp {
                channel, initiator, ..
            } => self.greet(channel, initiator),
            TransportEvent::Received { channel, packet } => self.receive(&channel, packet),
            TransportEvent::PeerDown { channel, reason } => self.forget(&channel, &reason),
        }
    }

    fn greet(&mut self, channel: Channel, initiator: Initiator) {
        let mut nonce = [0; 32];
        self.context.environment.fill_random(&mut nonce);
        let handshake = Handshake::new(
            Arc::clone(&self.context.identity),
            Some(channel.peer.clone()),
            channel.lane,
            nonce,
            self.context.environment.now(),
        );
        let state = ChannelState {
            handshake,
            initiator,
            peer: None,
            session: None,
        };
        self.channels.insert(channel.clone(), state);
        self.drive(&channel);
    }

    fn forget(&mut self, channel: &Channel, reason: &str) {
        self.channels.remove(channel);
        let key = (channel.peer.clone(), channel.lane);
        if self
            .adopted
            .get(&key)
            .is_some_and(|(adopted, _)| adopted == channel)
        {
            tracing::info!(%channel, reason, "channel lost");
            self.adopted.remove(&key);
            self.publish(channel);
        }
    }

    fn receive(&mut self, channel: &Channel, packet: Bytes) {
        let (header, body) = match decode_packet(packet) {
            Ok(packet) => packet,
            Err(error) => {
                self.context.counters.dropped(DropReason::Malformed);
                tracing::debug!(%channel, %error, "packet dropped");
                return;
            }
        };
        match header.kind {
            PacketKind::Hello | PacketKind::Proof | PacketKind::Refusal => {
                let now = self.context.environment.now();
                if let Some(state) = self.channels.get_mut(channel) {
                    state.handshake.handle(&header, body, now);
                }
                self.drive(channel);
            }
            _ => self.dispatch(channel, header, body),
        }
    }

    /// A packet counts only from the session that has proved itself on this very channel.
    fn dispatch(&self, channel: &Channel, header: PacketHeader, body: Bytes) {
        let Some(ChannelState {
            session: Some(session),
            peer: Some(peer),
            ..
        }) = self.channels.get(channel)
        else {
            self.context.counters.dropped(DropReason::BeforeHello);
            return;
        };
        let is_theirs = header.from == *session && header.to == self.context.identity.session;
        if !is_theirs || header.lane != channel.lane {
            self.context.counters.dropped(DropReason::ForeignSession);
            tracing::debug!(%channel, "packet of another session dropped");
            return;
        }
        match (header.kind, channel.lane) {
            (PacketKind::Request, Lane::Control) => {
                let control = ControlChannel {
                    channel: channel.clone(),
                    session: *session,
                };
                self.context
                    .rpc
                    .asked(&self.context.answer, &channel.peer, control, body);
            }
            (PacketKind::Response, Lane::Control) => self.context.rpc.answered(*session, body),
            (PacketKind::Link, Lane::Data) => peer.handle.packet((header, body)),
            _ => {
                self.context.counters.dropped(DropReason::UnexpectedKind);
                tracing::debug!(%channel, kind = ?header.kind, "unexpected packet dropped");
            }
        }
    }

    fn handle_timeouts(&mut self) {
        let now = self.context.environment.now();
        let is_due =
            |state: &ChannelState| state.handshake.poll_timeout().is_some_and(|at| at <= now);
        let due: Vec<Channel> = self
            .channels
            .iter()
            .filter(|(_, state)| is_due(state))
            .map(|(channel, _)| channel.clone())
            .collect();
        for channel in due {
            if let Some(state) = self.channels.get_mut(&channel) {
                state.handshake.handle_timeout(now);
            }
            self.drive(&channel);
        }
    }

    /// Lets a handshake speak, and acts on what it has found.
    fn drive(&mut self, channel: &Channel) {
        self.transmit(channel);
        while let Some(event) = self
            .channels
            .get_mut(channel)
            .and_then(|state| state.handshake.poll_event())
        {
            match event {
                HandshakeEvent::Established(peer) => self.established(channel, &peer),
                HandshakeEvent::Failed { reason, by } => self.failed(channel, &reason, by),
            }
            self.transmit(channel);
        }
    }

    fn transmit(&mut self, channel: &Channel) {
        let Some(state) = self.channels.get_mut(channel) else {
            return;
        };
        while let Some(packet) = state.handshake.poll_transmit() {
            // What is lost is repeated by the handshake.
            let _ = self.context.transport.send(channel, packet);
        }
    }

    fn failed(&mut self, channel: &Channel, reason: &RefusalReason, by: Side) {
        self.context.counters.hello_failed(reason.code(), by);
        let text = reason.to_string();
        if self.told.len() >= TOLD_MAX {
            self.told.clear();
        }
        let by_peer = matches!(by, Side::Peer);
        // A node may list itself: nothing to act on.
        let is_oneself = matches!(reason, RefusalReason::OwnSession);
        let is_known = self
            .told
            .insert(channel.peer.clone(), text.clone())
            .as_ref()
            == Some(&text);
        if is_known || is_oneself {
            tracing::debug!(%channel, by_peer, reason = %text, "hello failed, which is known");
        } else {
            tracing::warn!(%channel, by_peer, reason = %text, "hello failed");
        }
        self.transmit(channel);
        self.channels.remove(channel);
        self.context.transport.disconnect(channel, &text);
    }

    fn established(&mut self, channel: &Channel, identity: &PeerIdentity) {
        let admitted = self.context.admission.admit(identity);
        let peer = self.context.registry.get_or_create(&identity.node);
        let Some(state) = self.channels.get_mut(channel) else {
            return;
        };
        if let Err(reason) = admitted {
            state.handshake.refuse(reason);
            return;
        }
        let Some(peer) = peer else {
            self.channels.remove(channel);
            let reason = "this node keeps as many peers as it can";
            self.context.transport.disconnect(channel, reason);
            return;
        };
        state.peer = Some(peer);
        state.session = Some(identity.session);
        self.told.remove(&channel.peer);
        self.choose(channel, identity.session);
    }

    /// Keeps one channel a lane. Both ends choose the same one: of two of the same session, the
    /// one that the node with the smaller name opened; else the newer.
    fn choose(&mut self, channel: &Channel, session: Session) {
        let key = (channel.peer.clone(), channel.lane);
        let keeps_old = self.adopted.get(&key).is_some_and(|(old, old_session)| {
            *old_session == session && old != channel && self.is_preferred(old, channel)
        });
        if keeps_old {
            self.channels.remove(channel);
            self.context
                .transport
                .disconnect(channel, "another channel of this peer is kept");
            return;
        }
        tracing::info!(%channel, %session, "channel up");
        let old = self.adopted.insert(key, (channel.clone(), session));
        self.context.transport.adopt(channel);
        if let Some((old, _)) = old.filter(|(old, _)| old != channel) {
            self.channels.remove(&old);
            // Adopting closes it, unless the new one was gone already: then nobody would listen to
            // the old one, and the peer, to whom it is the channel, would never dial another.
            self.context
                .transport
                .disconnect(&old, "another channel of this peer is kept");
        }
        self.publish(channel);
    }

    fn is_preferred(&self, old: &Channel, new: &Channel) -> bool {
        let initiator = |channel| self.channels.get(channel).map(|state| state.initiator);
        let local = &self.context.identity.node;
        match (initiator(old), initiator(new)) {
            (Some(Initiator::Local), Some(Initiator::Remote)) => *local < old.peer,
            (Some(Initiator::Remote), Some(Initiator::Local)) => old.peer < *local,
            _ => false,
        }
    }

    /// Tells the peer's other parts which channel to use.
    fn publish(&self, channel: &Channel) {
        let adopted = self.adopted.get(&(channel.peer.clone(), channel.lane));
        let Some(peer) = self.context.registry.get(&channel.peer) else {
            return;
        };
        match channel.lane {
            Lane::Control => peer.set_control(adopted.map(|(channel, session)| ControlChannel {
                channel: channel.clone(),
                session: *session,
            })),
            Lane::Data => peer.set_data(adopted.map(|(channel, session)| DataChannel {
                channel: channel.clone(),
                session: *session,
            })),
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at.into()).await;
    }
}
