use std::ops::Deref;

use smallvec::SmallVec;

/// What the owner of a link puts before a payload.
///
/// A head of up to [`INLINE_BYTES`](Self::INLINE_BYTES) is kept where the message is: most messages have a short one, and no allocation for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head(SmallVec<[u8; Head::INLINE_BYTES]>);

impl Head {
    /// Bytes that are kept where the message is.
    pub const INLINE_BYTES: usize = 36;

    /// A head without bytes.
    pub fn new() -> Head {
        Head::default()
    }

    /// Adds one byte.
    pub fn push(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Adds bytes.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

impl From<&[u8]> for Head {
    fn from(bytes: &[u8]) -> Head {
        Head(SmallVec::from_slice(bytes))
    }
}

impl<const N: usize> From<&[u8; N]> for Head {
    fn from(bytes: &[u8; N]) -> Head {
        Head::from(&bytes[..])
    }
}

impl Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
