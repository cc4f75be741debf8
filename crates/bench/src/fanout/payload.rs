//! What a message for many carries: its number, and since when it is waited for.

use crate::dialect::NUMBER_BYTES;
use crate::machine::Nanos;

/// Number and time.
pub(super) const PAYLOAD_BYTES_MIN: usize = NUMBER_BYTES + 8;

/// What a receiver finds in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) number: u64,
    /// `None`: nobody waits for it; it asks whether receivers hear the sender.
    pub(super) since: Option<Nanos>,
}

impl Stamp {
    pub(super) fn write(self, payload: &mut [u8]) {
        let since = self.since.unwrap_or_default().0;
        payload[..NUMBER_BYTES].copy_from_slice(&self.number.to_be_bytes());
        payload[NUMBER_BYTES..PAYLOAD_BYTES_MIN].copy_from_slice(&since.to_be_bytes());
    }

    /// `None`: the payload is too short.
    pub(super) fn read(payload: &[u8]) -> Option<Stamp> {
        let number = payload.get(..NUMBER_BYTES)?.try_into().ok()?;
        let since = payload.get(NUMBER_BYTES..PAYLOAD_BYTES_MIN)?;
        let since = u64::from_be_bytes(since.try_into().ok()?);
        Some(Stamp {
            number: u64::from_be_bytes(number),
            since: (since > 0).then_some(Nanos(since)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let mut payload = [0; 20];
        for since in [None, Some(Nanos(7))] {
            let stamp = Stamp { number: 9, since };
            stamp.write(&mut payload);
            assert_eq!(Stamp::read(&payload), Some(stamp));
        }
        assert_eq!(Stamp::read(&payload[..15]), None);
    }
}
