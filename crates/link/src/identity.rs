use raftwire_protocol::{Incarnation, Lane, PacketHeader, PacketKind, Session};

use crate::LinkError;

/// The two ends of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkIdentity {
    /// This process.
    pub local_session: Session,
    /// The peer's process.
    pub remote_session: Session,
    /// This node's membership.
    pub local_incarnation: Incarnation,
    /// The peer's membership.
    pub remote_incarnation: Incarnation,
}

impl LinkIdentity {
    /// The header of each packet to the peer.
    pub(crate) fn header(&self) -> PacketHeader {
        PacketHeader {
            kind: PacketKind::Link,
            flags: 0,
            lane: Lane::Data,
            from: self.local_session,
            to: self.remote_session,
            from_incarnation: self.local_incarnation,
            to_incarnation: self.remote_incarnation,
        }
    }

    /// Whether a packet belongs to this link.
    pub(crate) fn check(&self, header: &PacketHeader) -> Result<(), LinkError> {
        if header.kind != PacketKind::Link {
            return Err(LinkError::WrongKind { kind: header.kind });
        }
        if header.from != self.remote_session || header.to != self.local_session {
            return Err(LinkError::WrongSession {
                from: header.from,
                to: header.to,
            });
        }
        let (known, received) = (self.remote_incarnation, header.from_incarnation);
        if received > known {
            return Err(LinkError::PeerIncarnationNewer { known, received });
        }
        if received < known {
            return Err(LinkError::PeerIncarnationOlder { known, received });
        }
        let (known, received) = (self.local_incarnation, header.to_incarnation);
        if received > known {
            return Err(LinkError::LocalIncarnationNewer { known, received });
        }
        if received < known {
            return Err(LinkError::LocalIncarnationOlder { known, received });
        }
        Ok(())
    }
}
