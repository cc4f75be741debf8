use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use raftwire_protocol::limits::{PACKET_HEADER_BYTES, PACKET_TRAILER_BYTES};
use raftwire_protocol::{PacketKind, PacketTrailer, rewrite_header};

use super::Protection;
use super::cipher::PacketCipher;

/// Protects the packets of one direction of a channel. Several tasks may share it.
#[derive(Debug)]
pub struct Sealer {
    cipher: PacketCipher,
    /// The number of the next packet. 64 bits are not used up: at a million packets a millisecond they last 500 years.
    next: AtomicU64,
}

impl Sealer {
    pub(super) fn new(cipher: PacketCipher) -> Sealer {
        let next = AtomicU64::new(1);
        Sealer { cipher, next }
    }

    /// What it gives a packet.
    pub fn level(&self) -> Protection {
        self.cipher.level
    }

    /// The id of its key, which each packet carries.
    pub fn key_id(&self) -> [u8; 7] {
        self.cipher.key_id
    }

    /// Protects a packet: it becomes one of [`PacketKind::Protected`], longer by
    /// [`PACKET_TRAILER_BYTES`].
    ///
    /// The packet's memory is used where nobody shares it and it has the room, else it is copied.
    /// A packet that is to be sent again is protected again: the receiver obeys each number once.
    pub fn seal(&self, packet: Bytes) -> Bytes {
        let sealed_bytes = packet.len() + PACKET_TRAILER_BYTES;
        let mut packet = packet.try_into_mut().unwrap_or_else(|shared| {
            let mut copy = BytesMut::with_capacity(sealed_bytes);
            copy.extend_from_slice(&shared);
            copy
        });
        let body_bytes = sealed_bytes.saturating_sub(PACKET_HEADER_BYTES);
        let Some(kind) = rewrite_header(&mut packet, PacketKind::Protected, body_bytes) else {
            // No packet: the receiver has no use for it either way.
            return packet.freeze();
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let trailer = PacketTrailer {
            kind,
            key_id: self.cipher.key_id,
            number,
            code: [0; PacketTrailer::CODE_BYTES],
        };
        packet.extend_from_slice(&trailer.to_bytes());
        let has_code = self.cipher.encrypt(&mut packet, number);
        debug_assert!(has_code, "a header and a trailer are there");
        packet.freeze()
    }
}
