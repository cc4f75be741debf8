use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use raftwire_protocol::link_packet::{LINK_SEGMENT_COST_BYTES, SegmentHeader};

use crate::ranges::RangeSet;

/// A segment that shares a packet's memory is copied if it is less than this part of it, so that what waits never
/// holds on to more than this multiple of its size.
const SHARED_PACKET_DIVISOR: usize = 4;

/// A segment that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) header: SegmentHeader,
    pub(crate) body: Bytes,
    /// When: the time left until its deadline is counted from then.
    pub(crate) at: Instant,
}

impl Arrived {
    /// What it takes from the window; a void one as much as what it stands for, as the sender had counted that.
    pub(crate) fn cost(&self) -> u64 {
        u64::from(self.header.length) + LINK_SEGMENT_COST_BYTES as u64
    }
}

/// Segments that have arrived and cannot be taken in yet, within the bytes of a window.
#[derive(Debug)]
pub(crate) struct Waiting {
    window_bytes: u64,
    segments: BTreeMap<u64, Arrived>,
    ranges: RangeSet,
    cost: u64,
}

impl Waiting {
    pub(crate) fn new(window_bytes: u64) -> Waiting {
        Waiting {
            window_bytes,
            segments: BTreeMap::new(),
            ranges: RangeSet::default(),
            cost: 0,
        }
    }

    pub(crate) fn contains(&self, sequence: u64) -> bool {
        self.ranges.contains(sequence)
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Keeps a segment that is not there yet, where `next` is the one that is to be taken in next. Returns whether
    /// there was room; an honest peer never sends one for which there is none.
    pub(crate) fn insert(&mut self, next: u64, mut arrived: Arrived, packet_bytes: usize) -> bool {
        let sequence = arrived.header.sequence;
        let cost = arrived.cost();
        let ahead = sequence - next;
        if self.cost + cost > self.window_bytes
            || ahead > self.window_bytes / LINK_SEGMENT_COST_BYTES as u64
        {
            return false;
        }
        if arrived.body.len() * SHARED_PACKET_DIVISOR < packet_bytes {
            arrived.body = Bytes::copy_from_slice(&arrived.body);
        }
        self.cost += cost;
        self.ranges.insert(sequence, sequence, |_, _| ());
        self.segments.insert(sequence, arrived);
        true
    }

    /// Takes out the segment with this sequence, before which none waits.
    pub(crate) fn take(&mut self, sequence: u64) -> Option<Arrived> {
        let first = self.segments.first_entry()?;
        if *first.key() != sequence {
            return None;
        }
        let arrived = first.remove();
        self.cost -= arrived.cost();
        self.ranges.remove_up_to(sequence);
        Some(arrived)
    }

    /// The received sequences, as ranges.
    pub(crate) fn ranges(&self) -> &RangeSet {
        &self.ranges
    }

    /// Segments that wait.
    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    /// Bytes that wait, with the cost of each segment.
    pub(crate) fn cost(&self) -> u64 {
        self.cost
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant serves as the first")]
mod tests {
    use raftwire_protocol::link_packet::SegmentPart;

    use super::*;

    fn segment(sequence: u64, body: Bytes, at: Instant) -> Arrived {
        let header = SegmentHeader {
            sequence,
            length: body.len() as u32,
            acknowledge: true,
            part: SegmentPart::Whole {
                order: 0,
                deadline_ms: None,
            },
        };
        Arrived { header, body, at }
    }

    fn zeros(bytes: usize) -> Bytes {
        Bytes::from(vec![0; bytes])
    }

    #[test]
    fn segments_beyond_the_window_are_not_kept() {
        let now = Instant::now();
        let mut waiting = Waiting::new(1024);
        for (sequence, bytes, kept) in [
            (2, 500, true),
            (3, 500, false),
            (4, 200, true),
            (9, 0, false),
        ] {
            let arrived = segment(sequence, zeros(bytes), now);
            assert_eq!(waiting.insert(1, arrived, bytes), kept, "{sequence}");
        }
        assert_eq!(waiting.len(), 2);
        assert!(waiting.contains(2) && !waiting.contains(3) && waiting.contains(4));
        assert_eq!(waiting.take(1), None);
        assert_eq!(waiting.take(2), Some(segment(2, zeros(500), now)));
        assert_eq!(waiting.take(3), None);
        assert_eq!(waiting.take(4), Some(segment(4, zeros(200), now)));
        assert!(waiting.is_empty());
        assert_eq!(waiting.cost(), 0);

        let far_ahead = segment(10, zeros(0), now);
        assert!(!waiting.insert(1, far_ahead, 0));
    }

    #[test]
    fn a_small_segment_does_not_hold_on_to_its_packet() {
        let now = Instant::now();
        let mut waiting = Waiting::new(1 << 20);
        let packet = Bytes::from(vec![7; 1000]);
        let small = segment(2, packet.slice(..249), now);
        assert!(waiting.insert(1, small, packet.len()));
        assert!(packet.is_unique());
        let large = segment(3, packet.slice(..250), now);
        assert!(waiting.insert(1, large, packet.len()));
        assert!(!packet.is_unique());
    }
}
