use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub(super) const NONCE_BYTES: usize = 32;

pub(super) type Nonce = [u8; NONCE_BYTES];

/// Makes the nonces of one handshake's attempts from one random seed.
///
/// The seed is never sent: from a nonce that was, the next one cannot be foretold. If it could, a
/// stranger might collect the proof that answers it now and use it after the peer is gone.
pub(super) struct NonceSource {
    seed: [u8; 32],
    issued: u64,
}

impl NonceSource {
    pub(super) fn new(seed: [u8; 32]) -> NonceSource {
        NonceSource { seed, issued: 0 }
    }

    pub(super) fn issue(&mut self) -> Nonce {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.seed).expect("HMAC takes keys of any length");
        mac.update(b"raftwire nonce v1");
        mac.update(&self.issued.to_be_bytes());
        self.issued += 1;
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for NonceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceSource")
            .field("issued", &self.issued)
            .finish_non_exhaustive()
    }
}
