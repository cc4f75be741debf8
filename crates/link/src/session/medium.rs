use hmac::{Hmac, KeyInit, Mac};
use raftwire_protocol::Lane;
use sha2::Sha256;

use crate::protection::Protection;

/// The channel under a handshake, as far as it counts for one.
#[derive(Clone, Copy)]
pub struct Medium {
    /// The lane.
    pub lane: Lane,
    /// What this end demands for the packets after the hello. Nothing can be demanded of a cluster
    /// without a secret: it has no keys.
    pub protection: Protection,
    /// What TLS between the two nodes themselves exports (RFC 9266), if the channel goes through it.
    pub exporter: Option<[u8; 32]>,
}

/// A channel that needs no protection, as within one machine.
impl From<Lane> for Medium {
    fn from(lane: Lane) -> Medium {
        Medium {
            lane,
            protection: Protection::None,
            exporter: None,
        }
    }
}

impl Medium {
    /// What the hello says of the exporter, which itself is keying material and stays here.
    pub(super) fn binding(&self) -> Option<[u8; 32]> {
        let exporter = self.exporter?;
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&exporter).expect("HMAC takes keys of any length");
        mac.update(b"raftwire channel binding v1");
        Some(mac.finalize().into_bytes().into())
    }
}

impl std::fmt::Debug for Medium {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The exporter stays out of logs.
        f.debug_struct("Medium")
            .field("lane", &self.lane)
            .field("protection", &self.protection)
            .field("has_exporter", &self.exporter.is_some())
            .finish()
    }
}
