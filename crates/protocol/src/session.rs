use std::fmt;

/// One run of a node's process: 128 random bits, drawn at its start.
///
/// It is exchanged in the hello and fences hellos, Raft's messages, joins and links; it needs no
/// leader.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session(u128);

impl Session {
    /// No session: the receiver's in a packet to a node whose session is not known yet.
    pub const NONE: Session = Session(0);

    /// Makes a session of `value`, which whoever starts the process draws at random; 0 is
    /// [`Session::NONE`].
    pub const fn new(value: u128) -> Session {
        Session(value)
    }

    /// The session as a number.
    pub const fn get(self) -> u128 {
        self.0
    }

    /// Whether this is [`Session::NONE`].
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Its sixteen bytes on the wire, the highest first.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The session of these bytes from the wire, the highest first.
    pub const fn from_bytes(bytes: [u8; 16]) -> Session {
        Session(u128::from_be_bytes(bytes))
    }
}

/// Thirty-two hexadecimal digits.
impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:032x})", self.0)
    }
}
