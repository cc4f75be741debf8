use bytes::{Buf, Bytes, BytesMut};

use super::{
    AckBlock, Failure, LINK_FAILURES_MAX, LINK_RANGES_MAX, LINK_SEQUENCE_MAX, LinkPacketError,
    SegmentHeader, SequenceRange,
};

/// Bytes of a body with this many received ranges and failures, and no segment.
pub const fn link_packet_bytes(ranges: usize, failures: usize) -> usize {
    AckBlock::BYTES + ranges * SequenceRange::BYTES + failures * Failure::BYTES
}

/// A body that was checked as a whole: whoever reads its parts meets no error any more.
///
/// Nothing was copied or allocated for it.
#[derive(Clone, Debug)]
pub struct LinkPacket {
    ack: AckBlock,
    ranges: Bytes,
    failures: Bytes,
    segments: Bytes,
}

impl LinkPacket {
    /// Appends an acknowledgement; the caller appends the segments.
    ///
    /// # Panics
    ///
    /// In debug builds, if there are more ranges or failures than a packet may have.
    pub fn encode_ack(
        ack: &AckBlock,
        ranges: impl ExactSizeIterator<Item = SequenceRange>,
        failures: impl ExactSizeIterator<Item = Failure>,
        buffer: &mut BytesMut,
    ) {
        debug_assert!(ranges.len() <= LINK_RANGES_MAX && failures.len() <= LINK_FAILURES_MAX);
        ack.encode_into(ranges.len(), failures.len(), buffer);
        ranges.for_each(|range| range.encode_into(buffer));
        failures.for_each(|failure| failure.encode_into(buffer));
    }

    /// Checks a body and takes it apart.
    ///
    /// # Errors
    ///
    /// If any part of it is not as the [module](super) says; then no part of it counts.
    pub fn decode(mut body: Bytes) -> Result<LinkPacket, LinkPacketError> {
        let (ack, ranges, failures) = AckBlock::decode(&body).ok_or(LinkPacketError::Truncated)?;
        if ranges > LINK_RANGES_MAX || failures > LINK_FAILURES_MAX {
            return Err(LinkPacketError::TooMany { ranges, failures });
        }
        if body.len() < link_packet_bytes(ranges, failures) {
            return Err(LinkPacketError::Truncated);
        }
        body.advance(AckBlock::BYTES);
        let ranges = body.split_to(ranges * SequenceRange::BYTES);
        let failures = body.split_to(failures * Failure::BYTES);
        let packet = LinkPacket {
            ack,
            ranges,
            failures,
            segments: body,
        };
        packet.check()?;
        Ok(packet)
    }

    fn check(&self) -> Result<(), LinkPacketError> {
        let ack = &self.ack;
        for sequence in [ack.packet, ack.echo, ack.cumulative, ack.settled] {
            if sequence > LINK_SEQUENCE_MAX {
                return Err(LinkPacketError::Sequence { sequence });
            }
        }
        if ack.packet == 0 {
            return Err(LinkPacketError::Sequence { sequence: 0 });
        }
        let mut end = ack.cumulative;
        for (index, range) in self.ranges().enumerate() {
            // Ranges that touch would be one; the first may touch the cumulative point.
            let gap = u64::from(index > 0);
            if range.first <= end + gap
                || range.last < range.first
                || range.last > LINK_SEQUENCE_MAX
            {
                return Err(LinkPacketError::Sequence {
                    sequence: range.first,
                });
            }
            end = range.last;
        }
        let mut previous = 0;
        for Failure { sequence, .. } in self.failures() {
            if sequence <= previous || sequence > ack.cumulative {
                return Err(LinkPacketError::Sequence { sequence });
            }
            previous = sequence;
        }
        let mut rest = &self.segments[..];
        while !rest.is_empty() {
            let header = SegmentHeader::decode(rest)?;
            rest = rest
                .get(header.encoded_bytes() + header.body_bytes()..)
                .ok_or(LinkPacketError::Truncated)?;
        }
        Ok(())
    }

    /// The fixed part of the acknowledgement.
    pub fn ack(&self) -> &AckBlock {
        &self.ack
    }

    /// The received ranges beyond the cumulative point, ascending.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = SequenceRange> {
        self.ranges
            .chunks_exact(SequenceRange::BYTES)
            .map(SequenceRange::decode)
    }

    /// The failures, ascending.
    pub fn failures(&self) -> impl ExactSizeIterator<Item = Failure> {
        self.failures
            .chunks_exact(Failure::BYTES)
            .map(Failure::decode)
    }

    /// Whether the packet carries segments.
    pub fn has_segments(&self) -> bool {
        !self.segments.is_empty()
    }

    /// The segments with their bytes, which share the packet's memory.
    pub fn segments(&self) -> impl Iterator<Item = (SegmentHeader, Bytes)> {
        let mut rest = self.segments.clone();
        std::iter::from_fn(move || {
            // The end, as errors were found by `decode`.
            let header = SegmentHeader::decode(&rest).ok()?;
            rest.advance(header.encoded_bytes());
            let body = rest.split_to(header.body_bytes());
            Some((header, body))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::super::{LINK_MESSAGE_BYTES_CEILING, LINK_SEGMENT_BYTES_MAX, SegmentPart};
    use super::*;

    fn encode(
        ack: &AckBlock,
        ranges: &[SequenceRange],
        failures: &[Failure],
        segments: &[(SegmentHeader, Bytes)],
    ) -> Bytes {
        let mut buffer = BytesMut::new();
        LinkPacket::encode_ack(
            ack,
            ranges.iter().copied(),
            failures.iter().copied(),
            &mut buffer,
        );
        for (header, body) in segments {
            let before = buffer.len();
            header.encode_into(&mut buffer);
            assert_eq!(buffer.len() - before, header.encoded_bytes());
            assert!(header.encoded_bytes() <= SegmentHeader::BYTES_MAX);
            buffer.extend_from_slice(body);
        }
        buffer.freeze()
    }

    fn ack(cumulative: u64) -> AckBlock {
        AckBlock {
            packet: 1,
            cumulative,
            ..AckBlock::default()
        }
    }

    fn any_ack() -> impl Strategy<Value = AckBlock> {
        let number = 1..1_u64 << 40;
        (
            (number.clone(), number.clone(), any::<u32>()),
            (number.clone(), any::<u64>(), number, any::<bool>()),
        )
            .prop_map(
                |(
                    (packet, echo, echo_delay_us),
                    (cumulative, window_end, settled, ack_requested),
                )| {
                    AckBlock {
                        packet,
                        echo,
                        echo_delay_us,
                        cumulative,
                        window_end,
                        settled,
                        ack_requested,
                    }
                },
            )
    }

    fn any_segment() -> impl Strategy<Value = (SegmentHeader, Bytes)> {
        let body = vec(any::<u8>(), 0..200).prop_map(Bytes::from);
        let deadline = option::of(any::<u32>());
        let part = prop_oneof![
            (any::<u128>(), deadline.clone())
                .prop_map(|(order, deadline_ms)| SegmentPart::Whole { order, deadline_ms }),
            (any::<u128>(), deadline, 201_u32..1 << 20).prop_map(|(order, deadline_ms, total)| {
                SegmentPart::First {
                    order,
                    deadline_ms,
                    total,
                }
            }),
            (1_u64..100).prop_map(|stream| SegmentPart::Middle { stream }),
            (1_u64..100).prop_map(|stream| SegmentPart::Last { stream }),
            (1_u64..101, any::<bool>())
                .prop_map(|(stream, last)| SegmentPart::Void { stream, last }),
        ];
        (100_u64..1 << 62, any::<bool>(), part, body).prop_map(
            |(sequence, acknowledge, part, body)| {
                let header = SegmentHeader {
                    sequence,
                    length: body.len() as u32,
                    acknowledge,
                    part,
                };
                let body = body.slice(..header.body_bytes());
                (header, body)
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(
            ack in any_ack(),
            gaps in vec((2_u64..50, 0_u64..50), 0..LINK_RANGES_MAX),
            failures in vec((1_u64..1 << 20, any::<u8>()), 0..20),
            segments in vec(any_segment(), 0..20),
        ) {
            let mut end = ack.cumulative;
            let ranges: Vec<_> = gaps
                .into_iter()
                .map(|(gap, more)| {
                    let first = end + gap;
                    end = first + more;
                    SequenceRange { first, last: end }
                })
                .collect();
            let mut sequence = 0;
            let failures: Vec<_> = failures
                .into_iter()
                .map(|(gap, code)| {
                    sequence += gap;
                    Failure { sequence, code }
                })
                .take_while(|failure| failure.sequence <= ack.cumulative)
                .collect();

            let packet = LinkPacket::decode(encode(&ack, &ranges, &failures, &segments)).unwrap();

            prop_assert_eq!(*packet.ack(), ack);
            prop_assert_eq!(packet.ranges().collect::<Vec<_>>(), ranges);
            prop_assert_eq!(packet.failures().collect::<Vec<_>>(), failures);
            prop_assert_eq!(packet.segments().collect::<Vec<_>>(), segments);
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(
            bytes in vec(any::<u8>(), 0..400),
            at in any::<proptest::sample::Index>(),
            flip in any::<u8>(),
            segments in vec(any_segment(), 1..5),
        ) {
            let _ = LinkPacket::decode(Bytes::from(bytes)).map(|packet| packet.segments().count());

            let mut damaged = encode(&ack(5), &[], &[], &segments).to_vec();
            let at = at.index(damaged.len());
            damaged[at] ^= flip;
            if let Ok(packet) = LinkPacket::decode(Bytes::from(damaged.clone())) {
                let bytes: usize = packet
                    .segments()
                    .map(|(header, body)| header.encoded_bytes() + body.len())
                    .sum();
                prop_assert!(bytes + AckBlock::BYTES <= damaged.len());
            }
            damaged.truncate(at);
            let _ = LinkPacket::decode(Bytes::from(damaged)).map(|packet| packet.segments().count());
        }
    }

    #[test]
    fn ranges_and_failures_out_of_order_are_refused() {
        let range = |first, last| SequenceRange { first, last };
        let failure = |sequence| Failure { sequence, code: 1 };
        for ranges in [
            vec![range(9, 12)],
            vec![range(10, 12)],
            vec![range(13, 12)],
            vec![range(12, 14), range(15, 16)],
            vec![range(20, 24), range(12, 16)],
            vec![range(12, u64::MAX)],
        ] {
            let body = encode(&ack(10), &ranges, &[], &[]);
            assert!(LinkPacket::decode(body).is_err(), "{ranges:?}");
        }
        for failures in [
            vec![failure(0)],
            vec![failure(11)],
            vec![failure(4), failure(4)],
            vec![failure(5), failure(4)],
        ] {
            let body = encode(&ack(10), &[], &failures, &[]);
            assert!(LinkPacket::decode(body).is_err(), "{failures:?}");
        }
        let touching = encode(
            &ack(10),
            &[range(11, 12), range(14, 15)],
            &[failure(10)],
            &[],
        );
        assert!(LinkPacket::decode(touching).is_ok());
    }

    #[test]
    fn segments_out_of_their_bounds_are_refused() {
        let header = |length: usize, part| SegmentHeader {
            sequence: 10,
            length: length as u32,
            acknowledge: true,
            part,
        };
        let first = |total: usize| SegmentPart::First {
            order: 1,
            deadline_ms: None,
            total: total as u32,
        };
        let whole = SegmentPart::Whole {
            order: 1,
            deadline_ms: Some(1),
        };
        for wrong in [
            header(LINK_SEGMENT_BYTES_MAX + 1, whole),
            header(5, first(5)),
            header(5, first(LINK_MESSAGE_BYTES_CEILING + 1)),
            header(5, SegmentPart::Middle { stream: 0 }),
            header(5, SegmentPart::Middle { stream: 10 }),
            header(5, SegmentPart::Last { stream: 11 }),
            header(
                5,
                SegmentPart::Void {
                    stream: 11,
                    last: true,
                },
            ),
        ] {
            let body = Bytes::from(vec![0; wrong.body_bytes()]);
            let packet = encode(&ack(0), &[], &[], &[(wrong, body)]);
            assert!(LinkPacket::decode(packet).is_err(), "{wrong:?}");
        }
        let largest = header(LINK_SEGMENT_BYTES_MAX, first(LINK_MESSAGE_BYTES_CEILING));
        let body = Bytes::from(vec![0; LINK_SEGMENT_BYTES_MAX]);
        let packet = encode(&ack(0), &[], &[], &[(largest, body)]);
        assert!(LinkPacket::decode(packet.clone()).is_ok());
        assert_eq!(
            LinkPacket::decode(packet.slice(..packet.len() - 1)).err(),
            Some(LinkPacketError::Truncated)
        );
    }

    #[test]
    fn unknown_flags_of_a_segment_are_refused() {
        let header = SegmentHeader {
            sequence: 1,
            length: 0,
            acknowledge: false,
            part: SegmentPart::Whole {
                order: 0,
                deadline_ms: None,
            },
        };
        let mut packet = encode(&ack(0), &[], &[], &[(header, Bytes::new())]).to_vec();
        packet[AckBlock::BYTES] |= 0x80;

        let result = LinkPacket::decode(Bytes::from(packet));

        assert_eq!(result.err(), Some(LinkPacketError::Flags { flags: 0x83 }));
    }
}
