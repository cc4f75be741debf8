//! Masking (RFC 6455 §5.3).

/// Applies a mask to a piece of a payload of which `offset` bytes have been before.
pub(crate) fn apply(mask: [u8; 4], offset: usize, piece: &mut [u8]) {
    let mut mask = mask;
    mask.rotate_left(offset % 4);
    let word = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let (words, rest) = piece.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// The masks of a client, one a frame, from a seed: xorshift64*. They keep a page's script from
/// choosing the bytes on the wire; they are no secret.
#[derive(Clone, Debug)]
pub struct MaskKeys {
    state: u64,
}

impl MaskKeys {
    /// Masks from random bits.
    pub fn new(seed: u64) -> MaskKeys {
        // Zero is the one state that never changes.
        MaskKeys { state: seed | 1 }
    }

    pub(crate) fn next(&mut self) -> [u8; 4] {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let [a, b, c, d, ..] = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes();
        [a, b, c, d]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_in_pieces_is_the_mask_of_the_whole() {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let plain: Vec<u8> = (0..100).collect();
        let expected: Vec<u8> = (plain.iter().zip(mask.iter().cycle()))
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        for cut in 0..plain.len() {
            let mut bytes = plain.clone();
            let (front, back) = bytes.split_at_mut(cut);
            apply(mask, 0, front);
            apply(mask, cut, back);
            assert_eq!(bytes, expected);
        }
    }

    #[test]
    fn masks_differ() {
        let mut keys = MaskKeys::new(0);
        let (one, other) = (keys.next(), keys.next());
        assert_ne!(one, other);
    }
}
