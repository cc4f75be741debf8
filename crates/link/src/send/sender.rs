use std::collections::VecDeque;
use std::time::Instant;

use bytes::BytesMut;
use raftwire_protocol::link_packet::{
    Failure, LINK_HEAD_BYTES_MAX, LINK_INITIAL_WINDOW_BYTES, LinkPacket, SegmentHeader, SegmentPart,
};

use super::deadlines::Deadlines;
use super::in_flight::{InFlight, Transmission};
use super::message::{MessageId, Messages};
use super::offer::{Allowance, cost};
use super::piece::{Piece, PieceKind};
use super::recovery::Recovery;
use super::scheduler::Scheduler;
use crate::{LinkConfig, LinkError, LinkSendError, LinkStats, Outgoing, Settlement};

/// Segments that may be without an acknowledgement, whatever window the peer grants: 6 MiB of bookkeeping.
const IN_FLIGHT_SEGMENTS_MAX: usize = 128 * 1024;

/// Bytes of large messages that may be on their way: 8 ms of a line of 1 Gbit/s, which a small message waits for
/// at most if all of it is queued before it below the link. The price is that a large message gets no more than this in
/// each round trip.
const CHUNK_BYTES_IN_FLIGHT_MAX: u64 = 1024 * 1024;

/// Bytes of large messages that may be on their way however small the window is: half of the smallest.
const CHUNK_BYTES_IN_FLIGHT_MIN: u64 = LINK_INITIAL_WINDOW_BYTES as u64 / 2;

/// The part of the window that large messages may fill.
const CHUNK_WINDOW_DIVISOR: u64 = 4;

/// One direction of a link at the end where its messages come from.
#[derive(Debug)]
pub(crate) struct Sender {
    message_bytes_max: usize,
    queue_bytes_max: usize,
    queue_messages_max: usize,
    messages: Messages,
    unsettled_messages: usize,
    unsettled_bytes: usize,
    scheduler: Scheduler,
    deadlines: Deadlines,
    in_flight: InFlight,
    recovery: Recovery,
    settled: VecDeque<(u64, Settlement)>,
    /// The highest cumulative acknowledgement.
    acknowledged: u64,
    /// The costs of all segments that have a sequence, and of those up to `acknowledged`.
    sequenced_cost: u64,
    acknowledged_cost: u64,
    /// The cost up to which the peer lets segments come.
    window_end: u64,
    /// The sequences in the packet that is being made.
    selected: Vec<u64>,
    sent: u64,
    resent: u64,
    resent_bytes: u64,
}

impl Sender {
    pub(crate) fn new(config: &LinkConfig) -> Sender {
        Sender {
            message_bytes_max: config.message_bytes_max,
            queue_bytes_max: config.queue_bytes_max,
            queue_messages_max: config.queue_messages_max,
            messages: Messages::default(),
            unsettled_messages: 0,
            unsettled_bytes: 0,
            scheduler: Scheduler::default(),
            deadlines: Deadlines::default(),
            in_flight: InFlight::new(),
            recovery: Recovery::new(),
            settled: VecDeque::new(),
            acknowledged: 0,
            sequenced_cost: 0,
            acknowledged_cost: 0,
            window_end: LINK_INITIAL_WINDOW_BYTES as u64,
            selected: Vec::new(),
            sent: 0,
            resent: 0,
            resent_bytes: 0,
        }
    }

    pub(crate) fn send(&mut self, outgoing: Outgoing, now: Instant) -> Result<(), LinkSendError> {
        let (head, payload) = (outgoing.head.len(), outgoing.payload.len());
        if head > LINK_HEAD_BYTES_MAX {
            return Err(LinkSendError::HeadTooLarge {
                bytes: head,
                max: LINK_HEAD_BYTES_MAX,
            });
        }
        if payload > self.message_bytes_max {
            return Err(LinkSendError::TooLarge {
                bytes: payload,
                max: self.message_bytes_max,
            });
        }
        let bytes = head + payload;
        // A message of the largest size has to pass, at least while there is no other.
        let limit = self.queue_bytes_max.max(bytes);
        if self.unsettled_bytes + bytes > limit
            || self.unsettled_messages >= self.queue_messages_max
        {
            return Err(LinkSendError::Busy {
                queued_bytes: self.unsettled_bytes,
                queued_messages: self.unsettled_messages,
                limit_bytes: self.queue_bytes_max,
                limit_messages: self.queue_messages_max,
            });
        }
        let deadline = outgoing.deadline;
        let id = self.messages.insert(outgoing);
        self.unsettled_bytes += bytes;
        self.unsettled_messages += 1;
        self.scheduler.push(id);
        if let Some(at) = deadline {
            self.deadlines
                .push(at, id, &self.messages, self.unsettled_messages);
            self.expire(now);
        }
        Ok(())
    }

    /// Settles the messages whose deadline has come.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(id) = self.deadlines.pop_due(now, &self.messages) {
            let transmitted = self.messages[id].is_transmitted();
            self.settle(id, Settlement::Expired { transmitted });
            let message = &mut self.messages[id];
            message.drop_bytes();
            if !message.is_sequenced() {
                self.scheduler.note_dropped(&mut self.messages);
            }
        }
    }

    fn settle(&mut self, id: MessageId, settlement: Settlement) {
        let message = &self.messages[id];
        self.unsettled_bytes -= message.length as usize;
        self.unsettled_messages -= 1;
        if message.acknowledge {
            self.settled.push_back((message.token, settlement));
        }
    }

    /// Chooses what goes into the packet with this number, at most `room` bytes; returns how many it takes.
    ///
    /// Deadlines must have been looked at.
    pub(crate) fn select(&mut self, room: usize, packet: u64, now: Instant) -> usize {
        self.selected.clear();
        let mut bytes = 0;
        while let Some(sequence) = self.in_flight.first_lost() {
            let Some(header) = self.header(sequence, now) else {
                break;
            };
            let segment = header.encoded_bytes() + header.body_bytes();
            if bytes + segment > room {
                break;
            }
            bytes += segment;
            self.transmit(sequence, packet, now);
        }
        while self.in_flight.len() < IN_FLIGHT_SEGMENTS_MAX {
            let allowance = Allowance {
                room: room - bytes,
                credit: self.window_end.saturating_sub(self.sequenced_cost),
                chunk_bytes: self
                    .chunk_share()
                    .saturating_sub(self.in_flight.chunk_bytes()),
            };
            let Some(piece) = self.scheduler.next(&mut self.messages, allowance) else {
                break;
            };
            let sequence = self.sequence(piece);
            bytes += self
                .header(sequence, now)
                .map_or(0, |header| header.encoded_bytes() + header.body_bytes());
            self.transmit(sequence, packet, now);
        }
        if !self.selected.is_empty() {
            self.recovery.on_transmit(now);
        }
        bytes
    }

    fn chunk_share(&self) -> u64 {
        (self.window_end.saturating_sub(self.acknowledged_cost) / CHUNK_WINDOW_DIVISOR)
            .clamp(CHUNK_BYTES_IN_FLIGHT_MIN, CHUNK_BYTES_IN_FLIGHT_MAX)
    }

    fn sequence(&mut self, piece: Piece) -> u64 {
        self.sequenced_cost += cost(piece.length);
        let sequence = self.in_flight.push(piece);
        let message = &mut self.messages[piece.message];
        message.sequenced_bytes += piece.length;
        if !message.is_sequenced() {
            message.first_sequence = sequence;
        }
        sequence
    }

    fn transmit(&mut self, sequence: u64, packet: u64, now: Instant) {
        self.selected.push(sequence);
        match self.in_flight.transmit(sequence, packet, now) {
            Transmission::First => {
                self.sent += 1;
                if let Some(piece) = self.in_flight.piece(sequence) {
                    self.messages[piece.message].transmitted_segments += 1;
                }
            }
            Transmission::Again => {
                self.resent += 1;
                let piece = self.in_flight.piece(sequence);
                self.resent_bytes += piece.map_or(0, |piece| u64::from(piece.length));
            }
        }
    }

    /// The header of a segment, if it were sent now.
    fn header(&self, sequence: u64, now: Instant) -> Option<SegmentHeader> {
        let piece = self.in_flight.piece(sequence)?;
        let message = &self.messages[piece.message];
        let (order, stream) = (message.order, message.first_sequence);
        let deadline_ms = message.deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(now).as_millis();
            u32::try_from(left).unwrap_or(u32::MAX)
        });
        let part = match piece.kind {
            kind if message.is_dropped() => SegmentPart::Void {
                stream,
                last: kind.ends_message(),
            },
            PieceKind::Whole => SegmentPart::Whole { order, deadline_ms },
            PieceKind::First => SegmentPart::First {
                order,
                deadline_ms,
                total: message.length,
            },
            PieceKind::Middle => SegmentPart::Middle { stream },
            PieceKind::Last => SegmentPart::Last { stream },
            PieceKind::Terminator => SegmentPart::Void { stream, last: true },
        };
        Some(SegmentHeader {
            sequence,
            length: piece.length,
            acknowledge: message.acknowledge,
            part,
        })
    }

    /// Appends what was selected.
    pub(crate) fn encode_selected(&self, now: Instant, buffer: &mut BytesMut) {
        for &sequence in &self.selected {
            let (Some(header), Some(piece)) =
                (self.header(sequence, now), self.in_flight.piece(sequence))
            else {
                continue;
            };
            header.encode_into(buffer);
            if header.body_bytes() > 0 {
                self.messages[piece.message].put_bytes(piece.offset, piece.length, buffer);
            }
        }
    }

    /// The packet, the last one, was not handed to the transport after all.
    pub(crate) fn take_back(&mut self, packet: u64) {
        let messages = &mut self.messages;
        self.in_flight.take_back(packet, |message| {
            messages[message].transmitted_segments -= 1;
        });
    }

    /// Whether the peer is to be asked for an acknowledgement.
    pub(crate) fn wants_ping(&self) -> bool {
        self.recovery.wants_ping()
    }

    /// The peer is being asked.
    pub(crate) fn ping_sent(&mut self) {
        self.recovery.ping_sent();
    }

    /// Checks an acknowledgement against what was sent, where `packets` were made.
    pub(crate) fn check(&self, packet: &LinkPacket, packets: u64) -> Result<(), LinkError> {
        let sequenced = self.in_flight.next_sequence() - 1;
        let ack = packet.ack();
        let last = packet.ranges().last().map_or(0, |range| range.last);
        let acknowledged = ack.cumulative.max(last);
        if acknowledged > sequenced {
            return Err(LinkError::AcknowledgesUnsent {
                acknowledged,
                sent: sequenced,
            });
        }
        if ack.echo > packets {
            return Err(LinkError::AcknowledgesUnsent {
                acknowledged: ack.echo,
                sent: packets,
            });
        }
        Ok(())
    }

    /// Takes in an acknowledgement that was checked. Returns whether it reports failures that are news, which the peer
    /// repeats until it hears so.
    pub(crate) fn on_ack(&mut self, packet: &LinkPacket, now: Instant) -> bool {
        let ack = packet.ack();
        self.window_end = self.window_end.max(ack.window_end);
        let mut progress = false;
        let mut failures_are_news = false;
        if ack.cumulative > self.acknowledged {
            progress = true;
            failures_are_news = self.settle_up_to(ack.cumulative, packet.failures());
        }
        for range in packet.ranges() {
            progress |= self.in_flight.mark_received(range.first, range.last);
        }
        self.recovery
            .on_ack(packet, progress, &mut self.in_flight, now);
        failures_are_news
    }

    fn settle_up_to(&mut self, cumulative: u64, failures: impl Iterator<Item = Failure>) -> bool {
        let known = self.acknowledged;
        let mut failures = failures
            .skip_while(|failure| failure.sequence <= known)
            .peekable();
        let news = failures.peek().is_some();
        while let Some((sequence, piece)) = self.in_flight.pop_up_to(cumulative) {
            self.acknowledged_cost += cost(piece.length);
            if !piece.kind.ends_message() {
                continue;
            }
            while failures
                .next_if(|failure| failure.sequence < sequence)
                .is_some()
            {}
            let settlement = match failures.next_if(|failure| failure.sequence == sequence) {
                Some(failure) => Settlement::Failed(failure.code),
                None => Settlement::Delivered,
            };
            if !self.messages[piece.message].is_dropped() {
                self.settle(piece.message, settlement);
            }
            self.messages.free(piece.message);
        }
        self.acknowledged = cumulative;
        news
    }

    /// If the peer's answer is overdue, arranges for something to be sent that provokes one.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        self.recovery.on_timeout(&mut self.in_flight, now);
    }

    /// The path to the peer is a new one: what was on the old one may be gone.
    pub(crate) fn on_new_path(&mut self, now: Instant) {
        self.recovery.on_new_path(&mut self.in_flight, now);
    }

    /// When the peer's answer is overdue.
    pub(crate) fn overdue_at(&self) -> Option<Instant> {
        self.recovery.overdue_at()
    }

    /// When the next message expires.
    pub(crate) fn expires_at(&self) -> Option<Instant> {
        self.deadlines.poll_timeout()
    }

    pub(crate) fn poll_settled(&mut self) -> Option<(u64, Settlement)> {
        self.settled.pop_front()
    }

    /// The highest cumulative acknowledgement that was taken in.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// What became of each message whose settlement was not told yet.
    pub(crate) fn close(self) -> impl Iterator<Item = (u64, Settlement)> {
        let rest = self.messages.into_unsettled();
        self.settled
            .into_iter()
            .chain(rest.filter(|message| message.acknowledge).map(|message| {
                let settlement = if message.is_transmitted() {
                    Settlement::Lost
                } else {
                    Settlement::NotSent
                };
                (message.token, settlement)
            }))
    }

    pub(crate) fn add_stats(&self, stats: &mut LinkStats) {
        stats.queued_messages = self.unsettled_messages;
        stats.queued_bytes = self.unsettled_bytes;
        stats.in_flight_segments = self.in_flight.len();
        stats.in_flight_bytes = self.in_flight.bytes() as usize;
        stats.segments_sent = self.sent;
        stats.segments_resent = self.resent;
        stats.bytes_resent = self.resent_bytes;
        stats.round_trip = self.recovery.rtt().smoothed();
        stats.retransmission_timeout = self.recovery.rtt().timeout();
    }
}
