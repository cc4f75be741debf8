use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::message::MessageId;
use super::piece::Piece;
use super::transmissions::Transmissions;
use crate::ranges::RangeSet;

/// A piece with a sequence, until the peer acknowledged it.
#[derive(Debug)]
struct Entry {
    piece: Piece,
    state: State,
    /// How often it was handed to the transport.
    transmissions: u32,
    /// The packet that carried it last.
    packet: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// On its way, for all that is known.
    Sent,
    /// To be sent (again).
    Lost,
    /// The peer has it; its result is not known yet.
    Received,
}

/// What [`InFlight::transmit`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transmission {
    First,
    Again,
}

/// The pieces that have a sequence and are not acknowledged, in the order of their sequences.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// The sequence of the first entry.
    base: u64,
    entries: VecDeque<Entry>,
    /// Sequences beyond the cumulative point that the peer has.
    received: RangeSet,
    /// Sequences to be sent, of which those that are not in [`State::Lost`] any more are passed over.
    lost: VecDeque<u64>,
    transmissions: Transmissions,
    bytes: u64,
    chunk_bytes: u64,
}

impl InFlight {
    pub(crate) fn new() -> InFlight {
        InFlight {
            base: 1,
            entries: VecDeque::new(),
            received: RangeSet::default(),
            lost: VecDeque::new(),
            transmissions: Transmissions::default(),
            bytes: 0,
            chunk_bytes: 0,
        }
    }

    /// The sequence that the next piece gets.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    /// Pieces that are not acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that are not acknowledged.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of large messages that the peer, for all that is known, has not received.
    pub(crate) fn chunk_bytes(&self) -> u64 {
        self.chunk_bytes
    }

    /// Gives a piece the next sequence; it has yet to be [transmitted](Self::transmit).
    pub(crate) fn push(&mut self, piece: Piece) -> u64 {
        let sequence = self.next_sequence();
        self.bytes += u64::from(piece.length);
        if piece.kind.is_chunk() {
            self.chunk_bytes += u64::from(piece.length);
        }
        self.entries.push_back(Entry {
            piece,
            state: State::Lost,
            transmissions: 0,
            packet: 0,
        });
        sequence
    }

    /// The piece with this sequence, unless it is acknowledged.
    pub(crate) fn piece(&self, sequence: u64) -> Option<&Piece> {
        self.entry(sequence).map(|entry| &entry.piece)
    }

    fn entry(&self, sequence: u64) -> Option<&Entry> {
        self.entries.get(self.index(sequence)?)
    }

    fn entry_mut(&mut self, sequence: u64) -> Option<&mut Entry> {
        let index = self.index(sequence)?;
        self.entries.get_mut(index)
    }

    fn index(&self, sequence: u64) -> Option<usize> {
        usize::try_from(sequence.checked_sub(self.base)?).ok()
    }

    /// The first sequence that has to be sent (again).
    pub(crate) fn first_lost(&mut self) -> Option<u64> {
        while let Some(&sequence) = self.lost.front() {
            if self
                .entry(sequence)
                .is_some_and(|entry| entry.state == State::Lost)
            {
                return Some(sequence);
            }
            self.lost.pop_front();
        }
        None
    }

    /// The piece goes out with this packet. If it is the [first lost one](Self::first_lost), it is that no longer.
    pub(crate) fn transmit(&mut self, sequence: u64, packet: u64, now: Instant) -> Transmission {
        if self.lost.front() == Some(&sequence) {
            self.lost.pop_front();
        }
        self.transmissions.record(packet, sequence, now);
        let Some(entry) = self.entry_mut(sequence) else {
            return Transmission::Again;
        };
        entry.state = State::Sent;
        entry.packet = packet;
        entry.transmissions = entry.transmissions.saturating_add(1);
        if entry.transmissions == 1 {
            Transmission::First
        } else {
            Transmission::Again
        }
    }

    /// The packet, the last one, was not handed over after all. Calls `unsent` with the message of each piece that
    /// was handed over never.
    pub(crate) fn take_back(&mut self, packet: u64, mut unsent: impl FnMut(MessageId)) {
        while let Some(run) = self.transmissions.pop_last(packet) {
            for sequence in (run.first..=run.last).rev() {
                let Some(entry) = self.entry_mut(sequence) else {
                    continue;
                };
                entry.state = State::Lost;
                entry.transmissions -= 1;
                let never = entry.transmissions == 0;
                let message = entry.piece.message;
                self.lost.push_front(sequence);
                if never {
                    unsent(message);
                }
            }
        }
    }

    /// Takes out the first piece if its sequence is not beyond `cumulative`.
    pub(crate) fn pop_up_to(&mut self, cumulative: u64) -> Option<(u64, Piece)> {
        if self.base > cumulative {
            return None;
        }
        let entry = self.entries.pop_front()?;
        let sequence = self.base;
        self.base += 1;
        self.bytes -= u64::from(entry.piece.length);
        if entry.state != State::Received {
            self.chunk_left(&entry.piece);
        }
        if self.entries.is_empty() {
            self.lost.clear();
        }
        Some((sequence, entry.piece))
    }

    fn chunk_left(&mut self, piece: &Piece) {
        if piece.kind.is_chunk() {
            self.chunk_bytes -= u64::from(piece.length);
        }
    }

    /// The peer has these: they are not sent again. Returns whether that is news.
    pub(crate) fn mark_received(&mut self, first: u64, last: u64) -> bool {
        let first = first.max(self.base);
        let last = last.min(self.next_sequence() - 1);
        if first > last {
            return false;
        }
        self.received.remove_up_to(self.base - 1);
        let mut received = std::mem::take(&mut self.received);
        let mut news = false;
        received.insert(first, last, |first, last| {
            news = true;
            for sequence in first..=last {
                if let Some(entry) = self.entry_mut(sequence) {
                    entry.state = State::Received;
                    let piece = entry.piece;
                    self.chunk_left(&piece);
                }
            }
        });
        self.received = received;
        news
    }

    /// When the packet was made, if it carried segments and is among the last.
    pub(crate) fn sent_at(&self, packet: u64) -> Option<Instant> {
        self.transmissions.sent_at(packet)
    }

    /// Finds what was lost, knowing that the peer received packet `echo` and, when it did, had none of the sequences
    /// up to `horizon` that are not marked as received (RFC 9002 §6.1).
    pub(crate) fn detect_losses(
        &mut self,
        echo: u64,
        horizon: u64,
        loss_delay: Duration,
        now: Instant,
    ) {
        while let Some(run) = self.transmissions.pop_lost(echo, horizon, loss_delay, now) {
            for sequence in run.first..=run.last {
                if let Some(entry) = self.entry_mut(sequence)
                    && entry.state == State::Sent
                    && entry.packet == run.packet
                {
                    entry.state = State::Lost;
                    self.lost.push_back(sequence);
                }
            }
        }
    }

    /// Takes the oldest pieces that the peer has not received for lost, up to this many bytes. Returns whether there
    /// were any.
    pub(crate) fn lose_oldest(&mut self, bytes: usize) -> bool {
        let mut taken = 0;
        for (index, entry) in self.entries.iter_mut().enumerate() {
            if taken >= bytes {
                break;
            }
            if entry.state == State::Sent {
                entry.state = State::Lost;
                self.lost.push_back(self.base + index as u64);
                taken += (entry.piece.length as usize).max(1);
            }
        }
        taken > 0
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant serves as the first")]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Outgoing;
    use crate::send::message::Messages;
    use crate::send::piece::PieceKind;

    const NO_DELAY: Duration = Duration::ZERO;
    const LONG_DELAY: Duration = Duration::from_secs(60);

    fn in_flight(pieces: u64, now: Instant) -> InFlight {
        let mut messages = Messages::default();
        let mut in_flight = InFlight::new();
        for packet in 1..=pieces {
            let message = messages.insert(Outgoing {
                token: packet,
                order: 0,
                head: crate::Head::new(),
                payload: Bytes::new(),
                deadline: None,
                acknowledge: true,
            });
            let sequence = in_flight.push(Piece {
                message,
                offset: 0,
                length: 10,
                kind: PieceKind::Whole,
            });
            assert_eq!(
                in_flight.transmit(sequence, packet, now),
                Transmission::First
            );
        }
        in_flight
    }

    fn lost(in_flight: &mut InFlight, packet: u64, now: Instant) -> Vec<u64> {
        let mut lost = Vec::new();
        while let Some(sequence) = in_flight.first_lost() {
            in_flight.transmit(sequence, packet, now);
            lost.push(sequence);
        }
        lost
    }

    #[test]
    fn three_later_packets_or_the_loss_delay_make_a_segment_lost() {
        let now = Instant::now();
        let mut in_flight = in_flight(6, now);

        in_flight.mark_received(5, 5);
        in_flight.detect_losses(5, u64::MAX, LONG_DELAY, now);
        assert_eq!(lost(&mut in_flight, 7, now), [1, 2]);

        in_flight.detect_losses(5, u64::MAX, NO_DELAY, now);
        assert_eq!(lost(&mut in_flight, 8, now), [3, 4]);

        in_flight.detect_losses(10, u64::MAX, LONG_DELAY, now);
        assert_eq!(lost(&mut in_flight, 11, now), [6, 1, 2], "lost twice");
    }

    #[test]
    fn a_segment_sent_again_is_judged_by_its_last_packet() {
        let now = Instant::now();
        let mut in_flight = in_flight(2, now);
        in_flight.lose_oldest(1);
        assert_eq!(lost(&mut in_flight, 9, now), [1]);
        in_flight.detect_losses(8, u64::MAX, LONG_DELAY, now);
        assert_eq!(lost(&mut in_flight, 10, now), [2]);
        in_flight.detect_losses(12, u64::MAX, LONG_DELAY, now);
        assert_eq!(lost(&mut in_flight, 13, now), [1]);
    }

    #[test]
    fn nothing_beyond_the_horizon_is_judged() {
        let now = Instant::now();
        let mut in_flight = in_flight(6, now);
        in_flight.detect_losses(6, 2, NO_DELAY, now);
        assert_eq!(lost(&mut in_flight, 7, now), [1, 2]);
    }

    #[test]
    fn what_was_received_is_not_sent_again() {
        let now = Instant::now();
        let mut in_flight = in_flight(5, now);
        assert!(in_flight.lose_oldest(usize::MAX));
        assert!(in_flight.mark_received(2, 3));
        assert!(!in_flight.mark_received(2, 3));
        assert!(in_flight.pop_up_to(1).is_some());
        assert!(in_flight.pop_up_to(1).is_none());
        assert_eq!(lost(&mut in_flight, 6, now), [4, 5]);
        assert!(in_flight.mark_received(1, 100));
        assert!(!in_flight.lose_oldest(usize::MAX));
        assert_eq!(in_flight.bytes(), 40);
    }

    #[test]
    fn a_packet_taken_back_was_never_sent() {
        let now = Instant::now();
        let mut in_flight = in_flight(2, now);
        let message = in_flight.piece(1).expect("sent").message;
        in_flight.lose_oldest(1);
        assert_eq!(in_flight.first_lost(), Some(1));
        assert_eq!(in_flight.transmit(1, 3, now), Transmission::Again);
        let fresh = in_flight.push(Piece {
            message,
            offset: 0,
            length: 10,
            kind: PieceKind::Whole,
        });
        in_flight.transmit(fresh, 3, now);

        let mut unsent = 0;
        in_flight.take_back(3, |_| unsent += 1);

        assert_eq!(unsent, 1);
        assert_eq!(in_flight.sent_at(3), None);
        assert_eq!(lost(&mut in_flight, 4, now), [1, 3]);
    }
}
