use super::PacketKind;
use crate::limits::PACKET_TRAILER_BYTES;

/// Bytes of the key's id.
const KEY_ID_BYTES: usize = 7;
/// Where the code begins.
const CODE_AT: usize = 1 + KEY_ID_BYTES + 8;

/// What stands behind the body of a packet of [`PacketKind::Protected`].
///
/// 32 bytes, numbers big-endian, counted in the length that the header announces:
///
/// | bytes | |
/// |---|---|
/// | 0 | the packet's own kind |
/// | 1..8 | id of the key |
/// | 8..16 | the packet's number under this key, from 1 |
/// | 16..32 | the code, over everything before it |
///
/// At the end, and not before the body, so that a packet is protected where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketTrailer {
    /// What the packet is beneath its protection.
    pub kind: PacketKind,
    /// Tells the key from others between the same nodes; says nothing about it.
    pub key_id: [u8; KEY_ID_BYTES],
    /// Never used twice with the same key.
    pub number: u64,
    /// The code.
    pub code: [u8; PACKET_TRAILER_BYTES - CODE_AT],
}

impl PacketTrailer {
    /// Bytes of the code.
    pub const CODE_BYTES: usize = PACKET_TRAILER_BYTES - CODE_AT;

    /// The trailer's bytes.
    pub fn to_bytes(&self) -> [u8; PACKET_TRAILER_BYTES] {
        let mut bytes = [0; PACKET_TRAILER_BYTES];
        bytes[0] = self.kind.number();
        bytes[1..8].copy_from_slice(&self.key_id);
        bytes[8..CODE_AT].copy_from_slice(&self.number.to_be_bytes());
        bytes[CODE_AT..].copy_from_slice(&self.code);
        bytes
    }

    /// The trailer at the end of `body`, if there is room for one and its kind is known and not
    /// [`PacketKind::Protected`] again.
    pub fn at_the_end_of(body: &[u8]) -> Option<PacketTrailer> {
        let bytes: &[u8; PACKET_TRAILER_BYTES] = body.last_chunk()?;
        let kind =
            PacketKind::from_number(bytes[0]).filter(|kind| *kind != PacketKind::Protected)?;
        let (mut key_id, mut number, mut code) = ([0; KEY_ID_BYTES], [0; 8], [0; Self::CODE_BYTES]);
        key_id.copy_from_slice(&bytes[1..8]);
        number.copy_from_slice(&bytes[8..CODE_AT]);
        code.copy_from_slice(&bytes[CODE_AT..]);
        Some(PacketTrailer {
            kind,
            key_id,
            number: u64::from_be_bytes(number),
            code,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_layout_of_the_trailer_is_pinned() {
        let trailer = PacketTrailer {
            kind: PacketKind::Link,
            key_id: [1, 2, 3, 4, 5, 6, 7],
            number: 0x1011_1213_1415_1617,
            code: [9; 16],
        };
        let mut expected = vec![
            6, 1, 2, 3, 4, 5, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
        ];
        expected.extend([9; 16]);
        assert_eq!(trailer.to_bytes()[..], expected);
        expected.insert(0, b'x');
        assert_eq!(PacketTrailer::at_the_end_of(&expected), Some(trailer));
        assert_eq!(PacketTrailer::at_the_end_of(&expected[2..]), None);
    }

    #[test]
    fn protection_within_protection_is_none() {
        let mut bytes = [0; PACKET_TRAILER_BYTES];
        for (kind, known) in [(0, false), (1, true), (7, true), (8, false), (9, false)] {
            bytes[0] = kind;
            assert_eq!(PacketTrailer::at_the_end_of(&bytes).is_some(), known);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_a_trailer_or_not(bytes: Vec<u8>) {
            if let Some(trailer) = PacketTrailer::at_the_end_of(&bytes) {
                prop_assert!(bytes.ends_with(&trailer.to_bytes()));
            }
        }
    }
}
