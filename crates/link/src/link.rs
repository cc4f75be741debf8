use std::time::Instant;

use bytes::{Bytes, BytesMut};
use raftwire_protocol::PacketHeader;
use raftwire_protocol::limits::{DATA_PACKET_BYTES_MAX, PACKET_HEADER_BYTES};
use raftwire_protocol::link_packet::{
    AckBlock, LINK_FAILURES_MAX, LINK_RANGES_MAX, LINK_SEGMENT_BYTES_MAX, LINK_SEQUENCE_MAX,
    LinkPacket, SegmentHeader, SequenceRange, link_packet_bytes,
};

use crate::ack_schedule::AckSchedule;
use crate::receive::{Acceptance, Receiver};
use crate::send::Sender;
use crate::transmit_gate::TransmitGate;
use crate::{
    LinkConfig, LinkError, LinkEvent, LinkIdentity, LinkSendError, LinkStats, Outgoing, Settlement,
};

/// Bytes of the packets that a link makes, header included: enough that the cost of a packet does not count, and half
/// of them pass a line of 100 Mbit/s in 2.6 ms, which is what a small message waits for a chunk before it.
pub(crate) const PACKET_BYTES: usize = 64 * 1024;

const _: () = {
    assert!(PACKET_BYTES <= DATA_PACKET_BYTES_MAX);
    assert!(
        PACKET_HEADER_BYTES
            + link_packet_bytes(LINK_RANGES_MAX, LINK_FAILURES_MAX)
            + SegmentHeader::BYTES_MAX
            + LINK_SEGMENT_BYTES_MAX
            <= PACKET_BYTES,
        "every segment has room beside the longest acknowledgement"
    );
};

/// Both directions of messages between two sessions: each arrives once and in order, and it is known what became of it,
/// over a lane that loses, repeats, reorders and delays.
///
/// A link does nothing by itself. Its owner passes in packets, messages, results and the time, and takes packets,
/// events and the next point in time out:
///
/// 1. [`handle`](Link::handle) each packet of the peer, [`send`](Link::send) messages,
///    [`handle_timeout`](Link::handle_timeout) when [`poll_timeout`](Link::poll_timeout) has come;
/// 2. then [`poll_event`](Link::poll_event) until there is none, and [`report`](Link::report) what became of
///    each delivered message, at once or later;
/// 3. then [`poll_transmit`](Link::poll_transmit) until there is none, handing each packet to the transport.
///
/// Reports come before packets so that one packet acknowledges what the last ones brought.
///
/// Nothing is given up before [`close`](Link::close): only the committed death of the peer ends a link.
#[derive(Debug)]
pub struct Link {
    identity: LinkIdentity,
    sender: Sender,
    receiver: Receiver,
    acks: AckSchedule,
    gate: TransmitGate,
    /// Packets made, and so the number of the last one.
    packets: u64,
    /// The largest packet number of the peer, and when it arrived.
    echo: Option<(u64, Instant)>,
    /// The latest time that was passed in.
    now: Instant,
    ranges: Vec<SequenceRange>,
    refused: u64,
    ignored: u64,
    bytes_made: u64,
    /// Packets of the peer that were taken in, and their bytes.
    received: (u64, u64),
}

impl Link {
    /// Makes the link of two sessions; the peer has to make one, too, and the two belong together until one is closed:
    /// channels come and go under them. A second link with the same identity would have its messages taken for
    /// repetitions of the first one's.
    ///
    /// Limits in `config` that make no sense are moved to where they do, as its fields say.
    pub fn new(config: LinkConfig, identity: LinkIdentity, now: Instant) -> Link {
        let config = config.within_bounds();
        Link {
            identity,
            sender: Sender::new(&config),
            receiver: Receiver::new(&config),
            acks: AckSchedule::new(now),
            gate: TransmitGate::new(),
            packets: 0,
            echo: None,
            now,
            ranges: Vec::new(),
            refused: 0,
            ignored: 0,
            bytes_made: 0,
            received: (0, 0),
        }
    }

    /// The link's two ends.
    pub fn identity(&self) -> &LinkIdentity {
        &self.identity
    }

    /// Accepts a message for the peer.
    ///
    /// # Errors
    ///
    /// If it is too large, or too much waits already; then it did not happen.
    pub fn send(&mut self, message: Outgoing, now: Instant) -> Result<(), LinkSendError> {
        let now = self.advance(now);
        self.sender.send(message, now)
    }

    /// Takes in a packet of the peer.
    ///
    /// # Errors
    ///
    /// If the packet is for another link, malformed or contradicts what was sent. Then it has changed nothing, as if
    /// it had been lost, and is counted.
    pub fn handle(
        &mut self,
        header: &PacketHeader,
        body: Bytes,
        now: Instant,
    ) -> Result<(), LinkError> {
        let now = self.advance(now);
        let packet_bytes = body.len();
        let packet = match self.check(header, body) {
            Ok(packet) => packet,
            Err(error) => {
                self.ignored += 1;
                return Err(error);
            }
        };
        self.received.0 += 1;
        self.received.1 += (PACKET_HEADER_BYTES + packet_bytes) as u64;
        let ack = packet.ack();
        if self.echo.is_none_or(|(echo, _)| echo < ack.packet) {
            self.echo = Some((ack.packet, now));
        }
        let mut news = self.sender.on_ack(&packet, now);
        news |= self.receiver.forget_failures(ack.settled, now);
        if news {
            self.acks.owe(0, now);
        }
        if ack.ack_requested {
            self.acks.owe_at_once(now);
        }
        if packet.has_segments() {
            self.accept_segments(&packet, packet_bytes, now);
        }
        Ok(())
    }

    fn check(&self, header: &PacketHeader, body: Bytes) -> Result<LinkPacket, LinkError> {
        self.identity.check(header)?;
        let packet = LinkPacket::decode(body)?;
        self.sender.check(&packet, self.packets)?;
        let (settled, acknowledged) = (packet.ack().settled, self.receiver.cumulative());
        if settled > acknowledged {
            return Err(LinkError::SettledUnacknowledged {
                settled,
                acknowledged,
            });
        }
        Ok(packet)
    }

    fn accept_segments(&mut self, packet: &LinkPacket, packet_bytes: usize, now: Instant) {
        let mut at_once = false;
        for (header, body) in packet.segments() {
            at_once |= match self.receiver.accept(header, body, packet_bytes, now) {
                Acceptance::InOrder => false,
                Acceptance::Early | Acceptance::Duplicate | Acceptance::BeyondWindow => true,
            };
        }
        if at_once {
            self.acks.owe_at_once(now);
        } else {
            self.acks.owe(packet_bytes as u64, now);
        }
    }

    /// The next packet to hand to the transport.
    ///
    /// It counts as transmitted: call this only to hand the packet over at once, and
    /// [`undo_transmit`](Link::undo_transmit) if the transport did not take it. There is none while the channel
    /// is down, or for a short while after a packet was refused.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        let now = self.advance(now);
        if !self.gate.pass(now) || self.packets == LINK_SEQUENCE_MAX {
            return None;
        }
        self.sender.expire(now);
        let number = self.packets + 1;
        let failures = self.receiver.failures().len();
        let reserved =
            PACKET_HEADER_BYTES + link_packet_bytes(self.receiver.ranges_max(), failures);
        let segments = self.sender.select(PACKET_BYTES - reserved, number, now);
        let ping = self.sender.wants_ping();
        if segments == 0 && !ping && !self.acks.is_due(now) {
            return None;
        }
        self.packets = number;
        self.gate.made(number);
        self.acks.sent(segments == 0);
        self.sender.ping_sent();
        self.receiver.put_ranges(&mut self.ranges);
        let (echo, arrived_at) = self.echo.unwrap_or((0, now));
        let echo_delay = now.saturating_duration_since(arrived_at).as_micros();
        let ack = AckBlock {
            packet: number,
            echo,
            echo_delay_us: u32::try_from(echo_delay).unwrap_or(u32::MAX),
            cumulative: self.receiver.cumulative(),
            window_end: self.receiver.window_end(),
            settled: self.sender.acknowledged(),
            ack_requested: ping,
        };
        let body_bytes = link_packet_bytes(self.ranges.len(), failures) + segments;
        let mut packet = BytesMut::with_capacity(PACKET_HEADER_BYTES + body_bytes);
        self.identity.header().encode_into(body_bytes, &mut packet);
        let ranges = self.ranges.iter().copied();
        LinkPacket::encode_ack(&ack, ranges, self.receiver.failures(), &mut packet);
        self.sender.encode_selected(now, &mut packet);
        debug_assert_eq!(packet.len(), PACKET_HEADER_BYTES + body_bytes);
        self.bytes_made += packet.len() as u64;
        Some(packet.freeze())
    }

    /// The transport did not take the last packet of [`poll_transmit`](Link::poll_transmit): nothing in it was
    /// transmitted by it. There is no further packet for a short while, which grows with each refusal.
    ///
    /// Without a packet that could be meant, nothing happens.
    pub fn undo_transmit(&mut self, now: Instant) {
        let now = self.advance(now);
        if let Some(packet) = self.gate.refuse(now) {
            self.refused += 1;
            self.sender.take_back(packet);
            self.acks.owe_at_once(now);
        }
    }

    /// There is a channel to the peer (again): what was in flight on the one before is looked after at once.
    ///
    /// A new link takes its channel to be up.
    pub fn channel_up(&mut self, now: Instant) {
        let now = self.advance(now);
        self.gate.set_up(true);
        self.sender.on_new_path(now);
    }

    /// There is no channel to the peer: no packet is made until there is one. Messages are accepted and expire.
    pub fn channel_down(&mut self) {
        self.gate.set_up(false);
    }

    /// What happened since the last call, one by one.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        if let Some((token, settlement)) = self.sender.poll_settled() {
            return Some(LinkEvent::Settled { token, settlement });
        }
        let incoming = self.receiver.poll_delivered(self.now)?;
        if !incoming.acknowledge {
            self.acks.owe(0, self.now);
        }
        Some(LinkEvent::Delivered(incoming))
    }

    /// What became of the delivered message with this sequence: success, or a failure code up to
    /// [`LINK_FAILURE_OWNER_MAX`](raftwire_protocol::link_packet::LINK_FAILURE_OWNER_MAX).
    ///
    /// The peer's sender learns it. Results may come in any order, but an acknowledgement does not pass a message
    /// without one. A second result for the same message is ignored, as is one for a fire-and-forget message, which
    /// needs none.
    pub fn report(&mut self, sequence: u64, result: Result<(), u8>) {
        if self.receiver.report(sequence, result, self.now) {
            self.acks.owe(0, self.now);
        }
    }

    /// Keeps (`true`) what arrives, as far as the window goes, unacknowledged and undelivered, until it is let go
    /// (`false`).
    ///
    /// For a node that is fenced, or does not yet know of the peer's incarnation.
    pub fn hold(&mut self, on: bool) {
        self.receiver.hold(on, self.now);
        if !on {
            // What was taken in left room in the window.
            self.acks.owe(0, self.now);
        }
    }

    /// When [`handle_timeout`](Link::handle_timeout) wants to be called, which may be in the past.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let transmit = [self.acks.poll_timeout(), self.sender.overdue_at()];
        let transmit = self.gate.when(transmit.into_iter().flatten().min());
        [
            transmit,
            self.sender.expires_at(),
            self.receiver.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due; [`poll_event`](Link::poll_event) and [`poll_transmit`](Link::poll_transmit) follow.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        self.sender.expire(now);
        self.receiver.expire(now);
        if self.gate.is_open(now) {
            self.sender.on_timeout(now);
        }
    }

    /// Ends the link, as the peer is dead: what became of each acknowledged message that was not
    /// [settled](LinkEvent::Settled) yet. Messages of the peer that were not delivered are gone.
    pub fn close(self) -> impl Iterator<Item = (u64, Settlement)> {
        self.sender.close()
    }

    /// The link's figures.
    pub fn stats(&self) -> LinkStats {
        let mut stats = LinkStats {
            packets_made: self.packets,
            packets_refused: self.refused,
            packets_ignored: self.ignored,
            bytes_made: self.bytes_made,
            packets_received: self.received.0,
            bytes_received: self.received.1,
            ..LinkStats::default()
        };
        self.sender.add_stats(&mut stats);
        self.receiver.add_stats(&mut stats);
        stats
    }

    /// Time does not go back, whatever the owner says.
    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}
