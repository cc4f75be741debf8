//! Packets that were not obeyed, by reason.

use std::sync::atomic::{AtomicU64, Ordering};

use raftwire_link::protection::OpenError;

use crate::ClusterManager;

/// How many packets of other nodes, or of strangers who pretend to be one, this node has dropped since it started
/// because it does not trust them. None of them had any effect.
///
/// In a healthy cluster all of this is 0, but for a few of `unknown_key`, `unauthenticated` and `unprotected` when a channel
/// comes up or a node restarts, and of `replayed` and `late` where the transport repeats and delays packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedPackets {
    /// No packet at all, or cut short.
    pub malformed: u64,
    /// From a session that has not proved itself on the channel that the packet came by.
    pub unauthenticated: u64,
    /// Without the protection that was agreed on for the channel.
    pub unprotected: u64,
    /// Protected with a key of another hello, channel or direction.
    pub unknown_key: u64,
    /// With a wrong code: made without the key, or changed on its way.
    pub forged: u64,
    /// Taken once already.
    pub replayed: u64,
    /// Too late to be told from a repetition.
    pub late: u64,
}

/// Why a packet is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DropReason {
    Malformed,
    Unauthenticated,
    Unprotected,
    UnknownKey,
    Forged,
    Replayed,
    Late,
}

impl From<OpenError> for DropReason {
    fn from(error: OpenError) -> DropReason {
        match error {
            OpenError::UnknownKey => DropReason::UnknownKey,
            OpenError::Replayed => DropReason::Replayed,
            OpenError::Late => DropReason::Late,
            OpenError::Forged => DropReason::Forged,
            _ => DropReason::Malformed,
        }
    }
}

/// Counts what is dropped.
#[derive(Debug, Default)]
pub(crate) struct DropCounters([AtomicU64; 7]);

impl DropCounters {
    pub(crate) fn count(&self, reason: DropReason) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn of(&self, reason: DropReason) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }

    fn read(&self) -> DroppedPackets {
        DroppedPackets {
            malformed: self.of(DropReason::Malformed),
            unauthenticated: self.of(DropReason::Unauthenticated),
            unprotected: self.of(DropReason::Unprotected),
            unknown_key: self.of(DropReason::UnknownKey),
            forged: self.of(DropReason::Forged),
            replayed: self.of(DropReason::Replayed),
            late: self.of(DropReason::Late),
        }
    }
}

impl ClusterManager {
    /// How many packets between nodes this node has dropped because it does not trust them, by reason.
    pub fn dropped_packets(&self) -> DroppedPackets {
        self.inner.dropped.read()
    }
}
