use std::fmt;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use raftwire_protocol::PacketTrailer;
use raftwire_protocol::limits::{PACKET_HEADER_BYTES, PACKET_TRAILER_BYTES};

use super::Protection;

/// Bytes of the trailer that the code covers.
const COVERED_BYTES: usize = PACKET_TRAILER_BYTES - PacketTrailer::CODE_BYTES;

/// One key of one direction.
#[derive(Clone)]
pub(super) struct PacketCipher {
    pub(super) level: Protection,
    cipher: ChaCha20Poly1305,
    pub(super) key_id: [u8; 7],
}

/// The code is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrongCode;

impl PacketCipher {
    pub(super) fn new(level: Protection, key: &[u8; 32], key_id: [u8; 7]) -> PacketCipher {
        let cipher = ChaCha20Poly1305::new(key.into());
        PacketCipher {
            level,
            cipher,
            key_id,
        }
    }

    pub(super) fn is_sealing(&self) -> bool {
        self.level == Protection::Sealed
    }

    /// Encrypts what is to be encrypted of a whole packet whose trailer lacks its code, and puts the code in.
    /// `false`: too short or too long to be a packet.
    pub(super) fn encrypt(&self, packet: &mut [u8], number: u64) -> bool {
        let Some((covered, code)) = packet.split_last_chunk_mut() else {
            return false;
        };
        let code: &mut [u8; PacketTrailer::CODE_BYTES] = code;
        let nonce = nonce(number);
        let made = if self.is_sealing() {
            let Some((associated, body)) = divide(covered) else {
                return false;
            };
            self.cipher
                .encrypt_inout_detached(&nonce, &associated, body.into())
        } else {
            self.cipher
                .encrypt_inout_detached(&nonce, covered, (&mut [][..]).into())
        };
        made.map(|made| code.copy_from_slice(&made)).is_ok()
    }

    /// Checks the code of a whole packet that is not encrypted.
    pub(super) fn check(&self, packet: &[u8], number: u64) -> Result<(), WrongCode> {
        let (covered, code) = packet.split_last_chunk().ok_or(WrongCode)?;
        let code: &[u8; PacketTrailer::CODE_BYTES] = code;
        let nothing = (&mut [][..]).into();
        self.cipher
            .decrypt_inout_detached(&nonce(number), covered, nothing, code.into())
            .map_err(|_| WrongCode)
    }

    /// Checks the code of a whole packet that is encrypted, and decrypts the body where it lies.
    pub(super) fn decrypt(&self, packet: &mut [u8], number: u64) -> Result<(), WrongCode> {
        let (covered, code) = packet.split_last_chunk_mut().ok_or(WrongCode)?;
        let code: [u8; PacketTrailer::CODE_BYTES] = *code;
        let (associated, body) = divide(covered).ok_or(WrongCode)?;
        self.cipher
            .decrypt_inout_detached(&nonce(number), &associated, body.into(), (&code).into())
            .map_err(|_| WrongCode)
    }
}

/// Header and trailer together, and the body between them.
fn divide(covered: &mut [u8]) -> Option<([u8; PACKET_HEADER_BYTES + COVERED_BYTES], &mut [u8])> {
    let (header, rest) = covered.split_first_chunk_mut::<PACKET_HEADER_BYTES>()?;
    let (body, trailer) = rest.split_last_chunk_mut::<COVERED_BYTES>()?;
    let mut associated = [0; PACKET_HEADER_BYTES + COVERED_BYTES];
    associated[..PACKET_HEADER_BYTES].copy_from_slice(header);
    associated[PACKET_HEADER_BYTES..].copy_from_slice(trailer);
    Some((associated, body))
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce.into()
}

impl fmt::Debug for PacketCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketCipher")
            .field("level", &self.level)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}
