use std::collections::BTreeMap;

use bytes::Bytes;
use raftwire_protocol::link_packet::{LINK_SEGMENT_COST_BYTES, SegmentHeader};

use crate::ranges::RangeSet;

/// A segment that shares a packet's memory is copied if it is less than this part of it, so that what waits never
/// holds on to more than this multiple of its size.
const SHARED_PACKET_DIVISOR: usize = 4;

/// Segments that have arrived and cannot be taken in yet, within the bytes of a window.
#[derive(Debug)]
pub(crate) struct Waiting {
    window_bytes: u64,
    segments: BTreeMap<u64, (SegmentHeader, Bytes)>,
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
    pub(crate) fn insert(
        &mut self,
        next: u64,
        header: SegmentHeader,
        body: Bytes,
        packet_bytes: usize,
    ) -> bool {
        let cost = cost(&header);
        let ahead = header.sequence - next;
        if self.cost + cost > self.window_bytes
            || ahead > self.window_bytes / LINK_SEGMENT_COST_BYTES as u64
        {
            return false;
        }
        let body = if body.len() * SHARED_PACKET_DIVISOR < packet_bytes {
            Bytes::copy_from_slice(&body)
        } else {
            body
        };
        self.cost += cost;
        self.ranges
            .insert(header.sequence, header.sequence, |_, _| ());
        self.segments.insert(header.sequence, (header, body));
        true
    }

    /// Takes out the segment with this sequence, before which none waits.
    pub(crate) fn take(&mut self, sequence: u64) -> Option<(SegmentHeader, Bytes)> {
        let first = self.segments.first_entry()?;
        if *first.key() != sequence {
            return None;
        }
        let segment = first.remove();
        self.cost -= cost(&segment.0);
        self.ranges.remove_up_to(sequence);
        Some(segment)
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

/// What a segment takes from the window; a void one as much as what it stands for, as the sender had counted that.
pub(crate) fn cost(header: &SegmentHeader) -> u64 {
    u64::from(header.length) + LINK_SEGMENT_COST_BYTES as u64
}

#[cfg(test)]
mod tests {
    use raftwire_protocol::link_packet::SegmentPart;

    use super::*;

    fn segment(sequence: u64, bytes: usize) -> (SegmentHeader, Bytes) {
        let header = SegmentHeader {
            sequence,
            length: bytes as u32,
            acknowledge: true,
            part: SegmentPart::Whole {
                order: 0,
                deadline_ms: None,
            },
        };
        (header, Bytes::from(vec![0; bytes]))
    }

    #[test]
    fn segments_beyond_the_window_are_not_kept() {
        let mut waiting = Waiting::new(1024);
        for (sequence, bytes, kept) in [
            (2, 500, true),
            (3, 500, false),
            (4, 200, true),
            (9, 0, false),
        ] {
            let (header, body) = segment(sequence, bytes);
            assert_eq!(waiting.insert(1, header, body, bytes), kept, "{sequence}");
        }
        assert_eq!(waiting.len(), 2);
        assert!(waiting.contains(2) && !waiting.contains(3) && waiting.contains(4));
        assert_eq!(waiting.take(1), None);
        assert_eq!(waiting.take(2), Some(segment(2, 500)));
        assert_eq!(waiting.take(3), None);
        assert_eq!(waiting.take(4), Some(segment(4, 200)));
        assert!(waiting.is_empty());
        assert_eq!(waiting.cost(), 0);

        let (header, body) = segment(10, 0);
        assert!(!waiting.insert(1, header, body, 0), "too far ahead");
    }

    #[test]
    fn a_small_segment_does_not_hold_on_to_its_packet() {
        let mut waiting = Waiting::new(1 << 20);
        let packet = Bytes::from(vec![7; 1000]);
        let (header, _) = segment(2, 249);
        assert!(waiting.insert(1, header, packet.slice(..249), packet.len()));
        assert!(packet.is_unique());
        let (header, _) = segment(3, 250);
        assert!(waiting.insert(1, header, packet.slice(..250), packet.len()));
        assert!(!packet.is_unique());
    }
}
