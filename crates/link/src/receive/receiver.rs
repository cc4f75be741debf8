use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use raftwire_protocol::link_packet::{
    Failure, LINK_FAILURE_TOO_LARGE, LINK_HEAD_BYTES_MAX, LINK_RANGES_MAX, SegmentHeader,
    SegmentPart, SequenceRange,
};

use super::reassembly::Reassembly;
use super::results::Results;
use super::waiting::{Arrived, Waiting};
use crate::{Incoming, LinkConfig, LinkStats};

/// One direction of a link at the end where its messages arrive.
///
/// Segments are taken in strictly in the order of their sequences. Each message is delivered when its last segment
/// is taken in, and the acknowledgement passes it when its result was reported.
#[derive(Debug)]
pub(crate) struct Receiver {
    window_bytes: u64,
    message_bytes_max: usize,
    /// The sequence that is taken in next.
    next: u64,
    /// The costs of all segments taken in.
    taken_cost: u64,
    waiting: Waiting,
    reassembly: Reassembly,
    results: Results,
    delivered: VecDeque<Incoming>,
    held: bool,
    duplicates: u64,
    beyond_window: u64,
    #[cfg(feature = "wrong-variants")]
    skip_dedupe: bool,
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acceptance {
    /// It continues what was received.
    InOrder,
    /// Something before it is missing.
    Early,
    /// It was received before.
    Duplicate,
    /// It is beyond the window and was not kept.
    BeyondWindow,
}

impl Receiver {
    pub(crate) fn new(config: &LinkConfig) -> Receiver {
        let message_bytes_max = config.message_bytes_max + LINK_HEAD_BYTES_MAX;
        Receiver {
            window_bytes: config.receive_window_bytes as u64,
            message_bytes_max,
            next: 1,
            taken_cost: 0,
            waiting: Waiting::new(config.receive_window_bytes as u64),
            reassembly: Reassembly::new(message_bytes_max),
            results: Results::new(config.receive_window_bytes),
            delivered: VecDeque::new(),
            held: false,
            duplicates: 0,
            beyond_window: 0,
            #[cfg(feature = "wrong-variants")]
            skip_dedupe: config.skip_dedupe,
        }
    }

    /// Takes in or keeps a segment that arrives now in a packet of this many bytes.
    pub(crate) fn accept(
        &mut self,
        header: SegmentHeader,
        body: Bytes,
        packet_bytes: usize,
        now: Instant,
    ) -> Acceptance {
        let sequence = header.sequence;
        let at = now;
        let arrived = Arrived { header, body, at };
        if sequence < self.next || self.waiting.contains(sequence) {
            self.duplicates += 1;
            #[cfg(feature = "wrong-variants")]
            self.deliver_again(arrived);
            return Acceptance::Duplicate;
        }
        if sequence == self.next && self.may_take() {
            self.take(arrived, now);
            self.take_waiting(now);
            return Acceptance::InOrder;
        }
        let received_end = self.received_end();
        if !self.waiting.insert(self.next, arrived, packet_bytes) {
            self.beyond_window += 1;
            Acceptance::BeyondWindow
        } else if sequence == received_end {
            Acceptance::InOrder
        } else {
            Acceptance::Early
        }
    }

    /// The lowest sequence that was not received.
    fn received_end(&self) -> u64 {
        match self.waiting.ranges().iter().next() {
            Some((first, last)) if first == self.next => last + 1,
            _ => self.next,
        }
    }

    fn may_take(&self) -> bool {
        !self.held && self.results.has_room()
    }

    /// Takes in what waits, as far as that may be now.
    fn take_waiting(&mut self, now: Instant) {
        while !self.waiting.is_empty()
            && self.may_take()
            && let Some(arrived) = self.waiting.take(self.next)
        {
            self.take(arrived, now);
        }
    }

    fn take(&mut self, arrived: Arrived, now: Instant) {
        self.next += 1;
        self.taken_cost += arrived.cost();
        let Arrived { header, body, at } = arrived;
        let SegmentHeader {
            sequence,
            acknowledge,
            ..
        } = header;
        match header.part {
            SegmentPart::Whole { order, deadline_ms } => {
                if body.len() > self.message_bytes_max {
                    self.results
                        .fail(sequence, LINK_FAILURE_TOO_LARGE, acknowledge);
                } else {
                    self.deliver(Incoming {
                        sequence,
                        order,
                        body,
                        deadline: deadline(deadline_ms, at),
                        acknowledge,
                    });
                }
            }
            SegmentPart::First {
                order,
                deadline_ms,
                total,
            } => {
                let deadline = deadline(deadline_ms, at);
                self.reassembly
                    .begin(sequence, order, deadline, total as usize, &body, now);
            }
            SegmentPart::Middle { stream } => self.reassembly.extend(stream, &body, now),
            SegmentPart::Last { stream } => match self.reassembly.finish(stream, &body, now) {
                Ok(message) => self.deliver(Incoming {
                    sequence,
                    order: message.order,
                    body: message.body,
                    deadline: message.deadline,
                    acknowledge,
                }),
                Err(code) => self.results.fail(sequence, code, acknowledge),
            },
            SegmentPart::Void { stream, .. } => self.reassembly.abandon(stream),
        }
    }

    fn deliver(&mut self, incoming: Incoming) {
        self.results
            .expect(incoming.sequence, incoming.body.len(), incoming.acknowledge);
        self.delivered.push_back(incoming);
    }

    #[cfg(feature = "wrong-variants")]
    fn deliver_again(&mut self, arrived: Arrived) {
        let Arrived { header, body, at } = arrived;
        if let SegmentPart::Whole { order, deadline_ms } = header.part
            && self.skip_dedupe
        {
            self.delivered.push_back(Incoming {
                sequence: header.sequence,
                order,
                body,
                deadline: deadline(deadline_ms, at),
                acknowledge: header.acknowledge,
            });
        }
    }

    /// The next message for the owner; none while held.
    pub(crate) fn poll_delivered(&mut self, now: Instant) -> Option<Incoming> {
        if self.held {
            return None;
        }
        let incoming = self.delivered.pop_front()?;
        if !incoming.acknowledge {
            // Nobody waits for its result.
            self.report(incoming.sequence, Ok(()), now);
        }
        Some(incoming)
    }

    /// Takes in what became of a message; returns whether there is something new to acknowledge.
    pub(crate) fn report(&mut self, sequence: u64, result: Result<(), u8>, now: Instant) -> bool {
        let news = self.results.report(sequence, result);
        self.take_waiting(now);
        news
    }

    /// Keeps from now on what arrives, or no longer.
    pub(crate) fn hold(&mut self, on: bool, now: Instant) {
        self.held = on;
        self.take_waiting(now);
    }

    /// The peer has processed acknowledgements up to `settled`; returns whether it may now be told more.
    pub(crate) fn forget_failures(&mut self, settled: u64, now: Instant) -> bool {
        let news = self.results.forget_failures(settled);
        self.take_waiting(now);
        news
    }

    /// Gives up messages that stalled.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.reassembly.expire(now);
    }

    /// When the next message will have stalled for too long.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.reassembly.poll_timeout()
    }

    /// The highest sequence that may be acknowledged.
    pub(crate) fn cumulative(&self) -> u64 {
        self.results.cumulative(self.next - 1)
    }

    /// The cost up to which there is room.
    pub(crate) fn window_end(&self) -> u64 {
        self.taken_cost + self.window_bytes
    }

    /// The failures to tell the peer.
    pub(crate) fn failures(&self) -> impl ExactSizeIterator<Item = Failure> {
        self.results.failures()
    }

    /// The most ranges that [`put_ranges`](Self::put_ranges) can have.
    pub(crate) fn ranges_max(&self) -> usize {
        (self.waiting.ranges().len() + 1).min(LINK_RANGES_MAX)
    }

    /// Fills `ranges` with what was received beyond the cumulative point.
    pub(crate) fn put_ranges(&self, ranges: &mut Vec<SequenceRange>) {
        ranges.clear();
        let (first, last) = (self.cumulative() + 1, self.next - 1);
        if first <= last {
            ranges.push(SequenceRange { first, last });
        }
        for (first, last) in self.waiting.ranges().iter() {
            if let Some(before) = ranges.last_mut()
                && before.last + 1 == first
            {
                before.last = last;
            } else if ranges.len() < LINK_RANGES_MAX {
                ranges.push(SequenceRange { first, last });
            } else {
                break;
            }
        }
    }

    pub(crate) fn add_stats(&self, stats: &mut LinkStats) {
        stats.segments_duplicate = self.duplicates;
        stats.segments_beyond_window = self.beyond_window;
        stats.waiting_segments = self.waiting.len();
        stats.waiting_bytes = self.waiting.cost() as usize;
        stats.unreported_bytes = self.results.unreported_bytes();
    }
}

fn deadline(deadline_ms: Option<u32>, arrived_at: Instant) -> Option<Instant> {
    deadline_ms.map(|ms| arrived_at + Duration::from_millis(ms.into()))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant serves as the first")]
mod tests;
