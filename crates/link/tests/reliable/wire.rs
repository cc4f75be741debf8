//! What is inside the packets of a link.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use raftwire_protocol::decode_packet;
use raftwire_protocol::link_packet::{LinkPacket, SegmentPart};

/// The messages of which a packet carries a part.
pub(crate) fn tokens(packet: &Bytes, streams: &mut BTreeMap<u64, u64>) -> Vec<u64> {
    let (_, body) = decode_packet(packet.clone()).expect("a packet");
    let packet = LinkPacket::decode(body).expect("a link's packet");
    let mut tokens = Vec::new();
    for (header, body) in packet.segments() {
        let stream = match header.part {
            SegmentPart::Whole { .. } | SegmentPart::First { .. } => {
                let token = body[..8].try_into().expect("eight bytes");
                streams.insert(header.sequence, u64::from_be_bytes(token));
                header.sequence
            }
            SegmentPart::Middle { stream } | SegmentPart::Last { stream } => stream,
            SegmentPart::Void { .. } => continue,
        };
        tokens.push(streams[&stream]);
    }
    tokens
}

/// The encoded parts of a packet, for tests that look inside.
pub(crate) fn segments(packet: &Bytes) -> Vec<SegmentPart> {
    let (_, body) = decode_packet(packet.clone()).expect("a packet");
    let packet = LinkPacket::decode(body).expect("a link's packet");
    packet.segments().map(|(header, _)| header.part).collect()
}

pub(crate) fn damaged(packet: &Bytes, at: usize, flip: u8) -> Bytes {
    let mut bytes = BytesMut::with_capacity(packet.len());
    bytes.put_slice(packet);
    let at = at % bytes.len();
    bytes[at] ^= flip;
    bytes.freeze()
}
