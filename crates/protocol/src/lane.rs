use std::fmt;

use crate::limits::{CONTROL_PACKET_BYTES_MAX, DATA_PACKET_BYTES_MAX, PACKET_HEADER_BYTES};

/// One of the two ways between a pair of nodes; nothing on one waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// Hellos, Raft and requests: small packets that must arrive in time.
    Control = 1,
    /// Messages and bulk.
    Data = 2,
}

impl Lane {
    /// Both lanes.
    pub const ALL: [Lane; 2] = [Lane::Control, Lane::Data];

    /// The number of the lane on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The lane of a number from the wire.
    pub const fn from_number(number: u8) -> Option<Lane> {
        match number {
            1 => Some(Lane::Control),
            2 => Some(Lane::Data),
            _ => None,
        }
    }

    /// Its name in configuration, addresses and logs: `control` or `data`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Lane::Control => "control",
            Lane::Data => "data",
        }
    }

    /// Bytes of the largest packet on this lane, header included.
    pub const fn packet_bytes_max(self) -> usize {
        match self {
            Lane::Control => CONTROL_PACKET_BYTES_MAX,
            Lane::Data => DATA_PACKET_BYTES_MAX,
        }
    }

    /// Bytes of the largest packet body on this lane.
    pub const fn body_bytes_max(self) -> usize {
        self.packet_bytes_max() - PACKET_HEADER_BYTES
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
