use std::fmt;

use raftwire_protocol::{Lane, NodeId};

/// Names one channel among all those that one transport has ever had on a lane.
///
/// Never used again within a process: an event of a channel that has gone cannot be taken
/// for one of its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(u64);

impl ChannelId {
    /// Makes an id of a number that the transport has not used before on this lane.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// One way to one peer on one lane: a connection, or what a broker has in its place.
///
/// Several channels may claim the same peer and lane at the same time. Which of them is the
/// peer is decided above the transport, by the hello, and told with
/// [`adopt`](crate::ClusterTransport::adopt).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// Who the other end says it is. A claim, and no more, until the hello succeeded.
    pub peer: NodeId,
    /// What the channel is for.
    pub lane: Lane,
    /// Tells this channel from every other one of the same transport and lane.
    pub id: ChannelId,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Channel { peer, lane, id } = self;
        write!(f, "{peer}/{lane}{id}")
    }
}

/// Who opened a channel.
///
/// Where both ends opened one at the same time, both must keep the same one of the two, and
/// this is what they agree by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// This node dialled.
    Local,
    /// The peer dialled.
    Remote,
    /// Nobody dialled, or it cannot be told: the two ends never have two channels of a lane
    /// between the same two sessions.
    Unknown,
}

/// What protects the bytes on their way, apart from what the nodes do themselves.
#[derive(Clone, PartialEq, Eq)]
pub enum ChannelSecurity {
    /// Anybody on the way may read and change the bytes. Brokers are always this.
    Untrusted,
    /// The bytes do not leave this machine.
    Loopback,
    /// TLS between the two nodes themselves, with nobody in between.
    Tls {
        /// Keying material exported from the TLS session (RFC 9266), the same on both ends; a
        /// hello that is bound to it cannot be relayed.
        exporter: [u8; 32],
    },
}

impl fmt::Debug for ChannelSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The exporter is keying material, so it stays out of logs.
        f.write_str(match self {
            Self::Untrusted => "Untrusted",
            Self::Loopback => "Loopback",
            Self::Tls { .. } => "Tls",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_a_tls_channel_shows_no_keying_material() {
        let security = ChannelSecurity::Tls {
            exporter: [0xAB; 32],
        };

        assert_eq!(format!("{security:?}"), "Tls");
    }

    #[test]
    fn channel_is_shown_with_peer_lane_and_id() {
        let channel = Channel {
            peer: "node1".parse().unwrap(),
            lane: Lane::Control,
            id: ChannelId::new(7),
        };

        assert_eq!(channel.to_string(), "node1/control#7");
    }
}
