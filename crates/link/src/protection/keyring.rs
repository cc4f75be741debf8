use bytes::Bytes;
use raftwire_protocol::limits::PACKET_TRAILER_BYTES;
use raftwire_protocol::{PacketHeader, PacketTrailer};

use super::{OpenError, Opener};

/// The openers of one channel: that of its last hello, and the one before, for packets that were under way when the
/// peer said hello anew.
#[derive(Debug, Default)]
pub struct Keyring {
    current: Option<Opener>,
    before: Option<Opener>,
}

impl Keyring {
    /// The opener of the hello that has just succeeded; what was two hellos ago is forgotten.
    pub fn install(&mut self, opener: Opener) {
        self.before = self.current.replace(opener);
    }

    /// Whether packets must be protected.
    pub fn is_demanding(&self) -> bool {
        self.current.is_some()
    }

    /// Checks a packet and takes its protection off, with the key that it names.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&mut self, packet: Bytes) -> Result<(PacketHeader, Bytes), OpenError> {
        if packet.len() < PACKET_TRAILER_BYTES {
            return Err(OpenError::Malformed);
        }
        let trailer = PacketTrailer::at_the_end_of(&packet).ok_or(OpenError::Malformed)?;
        let mut openers = [&mut self.current, &mut self.before].into_iter().flatten();
        openers
            .find(|opener| opener.has_key(trailer.key_id))
            .ok_or(OpenError::UnknownKey)?
            .open(packet)
    }
}
