use bytes::Bytes;

use crate::{Channel, ChannelSecurity, Initiator};

/// What a transport tells its reader.
///
/// For each channel: one `PeerUp`, then any number of `Received`, then one `PeerDown`, in this
/// order. Events of different channels come in any order, those of the control lane before
/// those of the data lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportEvent {
    /// A channel can be used from now on.
    PeerUp {
        /// The new channel.
        channel: Channel,
        /// Who opened it.
        initiator: Initiator,
        /// What protects it.
        security: ChannelSecurity,
    },
    /// A packet arrived: the bytes of one `send` of the peer, unchanged. It may be a repetition,
    /// and packets that were sent before it may be missing or still to come.
    Received {
        /// The channel that it came by.
        channel: Channel,
        /// The bytes.
        packet: Bytes,
    },
    /// A channel has ended and its id means nothing any more. Packets that were on their way
    /// are lost, in both directions. It says nothing about whether the peer is alive.
    PeerDown {
        /// The channel that ended.
        channel: Channel,
        /// Why, in words for a log.
        reason: String,
    },
}

impl TransportEvent {
    /// The channel that the event is about.
    pub const fn channel(&self) -> &Channel {
        match self {
            Self::PeerUp { channel, .. }
            | Self::Received { channel, .. }
            | Self::PeerDown { channel, .. } => channel,
        }
    }

    /// Bytes of payload that the event holds in memory.
    pub const fn payload_bytes(&self) -> usize {
        match self {
            Self::Received { packet, .. } => packet.len(),
            Self::PeerUp { .. } | Self::PeerDown { .. } => 0,
        }
    }
}
