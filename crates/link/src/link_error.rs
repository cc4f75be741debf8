use raftwire_protocol::link_packet::LinkPacketError;
use raftwire_protocol::{Incarnation, PacketKind, Session};

/// Why a packet was ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Not the packet of a link.
    #[error("a packet of kind {kind:?}, not of a link")]
    WrongKind {
        /// Its kind.
        kind: PacketKind,
    },
    /// It belongs to another pair of sessions.
    #[error("a packet from {from} to {to}, which are not this link's sessions")]
    WrongSession {
        /// The sender.
        from: Session,
        /// The receiver.
        to: Session,
    },
    /// The peer has become a member again: this link is about to end, and its successor cannot be known yet.
    #[error("the peer has incarnation {received}, this link is with {known}")]
    PeerIncarnationNewer {
        /// The link's.
        known: Incarnation,
        /// The packet's.
        received: Incarnation,
    },
    /// It is from a past of the peer that was fenced.
    #[error("the peer has incarnation {received}, which {known} has replaced")]
    PeerIncarnationOlder {
        /// The link's.
        known: Incarnation,
        /// The packet's.
        received: Incarnation,
    },
    /// The peer knows already that this node has become a member again.
    #[error("a packet to incarnation {received} of this node, which is {known} here")]
    LocalIncarnationNewer {
        /// The link's.
        known: Incarnation,
        /// The packet's.
        received: Incarnation,
    },
    /// The peer does not know yet that this node has become a member again.
    #[error("a packet to incarnation {received} of this node, which has become {known}")]
    LocalIncarnationOlder {
        /// The link's.
        known: Incarnation,
        /// The packet's.
        received: Incarnation,
    },
    /// It is malformed.
    #[error(transparent)]
    Malformed(#[from] LinkPacketError),
    /// It acknowledges what was never sent.
    #[error("it acknowledges {acknowledged}, where {sent} is the last that was sent")]
    AcknowledgesUnsent {
        /// The sequence or packet number acknowledged.
        acknowledged: u64,
        /// The last sequence or packet number.
        sent: u64,
    },
    /// It says that an acknowledgement was processed that was never sent.
    #[error("it has processed acknowledgements up to {settled}, of {acknowledged}")]
    SettledUnacknowledged {
        /// The sequence that it says.
        settled: u64,
        /// The highest that can have been acknowledged.
        acknowledged: u64,
    },
}
