//! How much may wait in all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{FullQueue, ParkedMetrics, RouteOutcome};

/// Payload that may be parked in all. Senders that ask for unknown connections faster than a
/// leader answers are told that this node is busy.
pub(super) const PARKED_BYTES_MAX: usize = 1024 * 1024;
/// What a parked message costs beside its payload.
const PARKED_OVERHEAD_BYTES: usize = 256;

/// The bytes of everything that waits until somebody knows where it belongs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    taken: Arc<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

/// A share of the room: given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Room,
    bytes: usize,
}

impl Room {
    /// Takes the room that a message needs. At least one message always fits.
    pub(crate) fn sit(&self, payload_bytes: usize) -> Result<Seat, RouteOutcome> {
        let bytes = payload_bytes + PARKED_OVERHEAD_BYTES;
        let before = self.taken.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.taken.messages.fetch_add(1, Ordering::Relaxed);
        let seat = Seat {
            room: self.clone(),
            bytes,
        };
        if before > 0 && before + bytes > PARKED_BYTES_MAX {
            return Err(RouteOutcome::Busy {
                queue: FullQueue::Parked,
            });
        }
        Ok(seat)
    }

    pub(crate) fn metrics(&self) -> ParkedMetrics {
        ParkedMetrics {
            messages: self.taken.messages.load(Ordering::Relaxed),
            bytes: self.taken.bytes.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let taken = &self.room.taken;
        taken.messages.fetch_sub(1, Ordering::Relaxed);
        taken.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
