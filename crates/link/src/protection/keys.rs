use hkdf::Hkdf;
use raftwire_protocol::{Lane, Session};
use sha2::{Digest, Sha256};

use super::cipher::PacketCipher;
use super::{Opener, Protection, Sealer};

/// Both directions of a channel after a hello.
#[derive(Debug)]
pub struct PacketKeys {
    /// For what this end sends.
    pub sealer: Sealer,
    /// For what it receives.
    pub opener: Opener,
}

/// What keys are made of; see the [module](super).
#[derive(Debug)]
pub(crate) struct KeySource<'a> {
    pub(crate) level: Protection,
    pub(crate) lane: Lane,
    pub(crate) exporter: Option<&'a [u8; 32]>,
    /// The session and hello of this end.
    pub(crate) own: (Session, &'a [u8]),
    /// The session and hello of the other.
    pub(crate) peer: (Session, &'a [u8]),
}

impl KeySource<'_> {
    pub(crate) fn derive(&self, secret: &[u8]) -> PacketKeys {
        let hkdf = Hkdf::<Sha256>::new(Some(&self.salt()), secret);
        let (own, peer) = (self.own.0, self.peer.0);
        PacketKeys {
            sealer: Sealer::new(self.cipher(&hkdf, own, peer)),
            opener: Opener::new(self.cipher(&hkdf, peer, own)),
        }
    }

    fn salt(&self) -> [u8; 32] {
        let (lower, higher) = if self.own.0 < self.peer.0 {
            (self.own.1, self.peer.1)
        } else {
            (self.peer.1, self.own.1)
        };
        let exporter = self.exporter.map_or(&[][..], |exporter| &exporter[..]);
        let mut digest = Sha256::new();
        for field in [lower, higher, exporter] {
            digest.update((field.len() as u64).to_be_bytes());
            digest.update(field);
        }
        digest.finalize().into()
    }

    fn cipher(&self, hkdf: &Hkdf<Sha256>, from: Session, to: Session) -> PacketCipher {
        let level = self.level.number().to_be_bytes();
        let (from, to) = (from.to_bytes(), to.to_bytes());
        let info: [&[u8]; 5] = [
            b"raftwire packets v1",
            &[self.lane.number()],
            &level[3..],
            &from,
            &to,
        ];
        let mut made = [0; 39];
        hkdf.expand_multi_info(&info, &mut made)
            .expect("HKDF-SHA256 gives up to 8,160 bytes");
        let (mut key, mut key_id) = ([0; 32], [0; 7]);
        key.copy_from_slice(&made[..32]);
        key_id.copy_from_slice(&made[32..]);
        PacketCipher::new(self.level, &key, key_id)
    }
}
