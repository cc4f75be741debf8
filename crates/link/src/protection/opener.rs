use bytes::{Bytes, BytesMut};
use raftwire_protocol::limits::{PACKET_HEADER_BYTES, PACKET_TRAILER_BYTES};
use raftwire_protocol::{PacketHeader, PacketKind, PacketTrailer, peek_packet};

use super::cipher::{PacketCipher, WrongCode};
use super::replay_window::{Freshness, ReplayWindow};

/// Checks the packets of one direction of a channel, and takes their protection off.
#[derive(Debug)]
pub struct Opener {
    cipher: PacketCipher,
    window: ReplayWindow,
}

/// Why a packet is not obeyed. Nothing of it is to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not a packet with protection.
    #[error("not a protected packet")]
    Malformed,
    /// Protected by a key that this end does not have: that of another channel, direction or hello.
    #[error("protected by another key")]
    UnknownKey,
    /// A packet of this number was obeyed already.
    #[error("a repetition of a packet that was taken already")]
    Replayed,
    /// Too far behind to be told from a repetition.
    #[error("later than the replay window allows")]
    Late,
    /// The code is wrong: it was made without the key, or changed on its way.
    #[error("the code is wrong: made without the key, or changed on its way")]
    Forged,
}

impl Opener {
    pub(super) fn new(cipher: PacketCipher) -> Opener {
        let window = ReplayWindow::new();
        Opener { cipher, window }
    }

    /// The id of its key.
    pub fn key_id(&self) -> [u8; 7] {
        self.cipher.key_id
    }

    pub(super) fn has_key(&self, key_id: [u8; 7]) -> bool {
        self.cipher.key_id == key_id
    }

    /// Checks a packet, and gives what was protected: the header with its own kind, and the body, in
    /// the packet's memory. An encrypted packet is copied if somebody shares that memory.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&mut self, packet: Bytes) -> Result<(PacketHeader, Bytes), OpenError> {
        let header = peek_packet(&packet).map_err(|_| OpenError::Malformed)?;
        let body = &packet[PACKET_HEADER_BYTES..];
        let trailer = PacketTrailer::at_the_end_of(body).ok_or(OpenError::Malformed)?;
        if header.kind != PacketKind::Protected {
            return Err(OpenError::Malformed);
        }
        if !self.has_key(trailer.key_id) {
            return Err(OpenError::UnknownKey);
        }
        match self.window.look(trailer.number) {
            Freshness::Fresh => {}
            Freshness::Seen => return Err(OpenError::Replayed),
            Freshness::Behind => return Err(OpenError::Late),
        }
        let opened = self
            .take_off(packet, trailer.number)
            .map_err(|WrongCode| OpenError::Forged)?;
        self.window.mark(trailer.number);
        let kind = trailer.kind;
        let body = opened.slice(PACKET_HEADER_BYTES..opened.len() - PACKET_TRAILER_BYTES);
        Ok((PacketHeader { kind, ..header }, body))
    }

    fn take_off(&self, packet: Bytes, number: u64) -> Result<Bytes, WrongCode> {
        if !self.cipher.is_sealing() {
            self.cipher.check(&packet, number)?;
            return Ok(packet);
        }
        let mut packet = packet
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        self.cipher.decrypt(&mut packet, number)?;
        Ok(packet.freeze())
    }
}
