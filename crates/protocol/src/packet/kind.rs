/// What a packet's body is.
///
/// Numbers are never used again. A node sends a kind only if the version that it agreed on with the
/// peer has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum PacketKind {
    /// Who a node is: [`HelloBody`](crate::messages::HelloBody).
    Hello = 1,
    /// That it is who it says: [`ProofBody`](crate::messages::ProofBody).
    Proof = 2,
    /// That the peer is not wanted, and why: [`RefusalBody`](crate::messages::RefusalBody).
    Refusal = 3,
    /// A question on the control lane: [`RequestBody`](crate::messages::RequestBody).
    Request = 4,
    /// The answer to a request: [`ResponseBody`](crate::messages::ResponseBody).
    Response = 5,
    /// Acknowledgements and segments of a reliable link.
    Link = 6,
    /// The sender stops and will not answer any more; no body.
    Goodbye = 7,
    /// A packet of another kind with a code that proves where it comes from, and perhaps encrypted:
    /// behind its body stands a [`PacketTrailer`](crate::PacketTrailer), which has its own kind.
    Protected = 8,
}

impl PacketKind {
    /// The number of the kind on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind of a number from the wire.
    pub const fn from_number(number: u8) -> Option<PacketKind> {
        Some(match number {
            1 => PacketKind::Hello,
            2 => PacketKind::Proof,
            3 => PacketKind::Refusal,
            4 => PacketKind::Request,
            5 => PacketKind::Response,
            6 => PacketKind::Link,
            7 => PacketKind::Goodbye,
            8 => PacketKind::Protected,
            _ => return None,
        })
    }
}
