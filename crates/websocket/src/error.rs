/// What the peer did wrong. The connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A bit that only an extension may set, and none that is agreed on sets it there (§5.2).
    #[error("a frame with a reserved bit, which nothing that was agreed on sets there")]
    ReservedBit,
    /// An opcode that does not exist (§5.2).
    #[error("a frame with the unknown opcode {0}")]
    Opcode(u8),
    /// A client's frame without a mask, or a server's with one (§5.1).
    #[error("a frame that is masked and should not be, or the reverse")]
    Mask,
    /// A length in more bytes than it needs, or beyond 63 bits (§5.2).
    #[error("a frame whose length is written wrongly")]
    Length,
    /// A control frame in pieces, or with more than 125 bytes (§5.5).
    #[error("a control frame in pieces or of more than 125 bytes")]
    Control,
    /// A message began within another one, or was continued without having begun (§5.4).
    #[error("a frame out of turn: a message within a message, or the rest of none")]
    Fragment,
    /// A close frame of one byte (§5.5.1).
    #[error("a close frame of a single byte")]
    ClosePayload,
    /// A close code that must not be sent (§7.4).
    #[error("a close frame with the code {0}, which must not be sent")]
    CloseCode(u16),
    /// Text, or the reason of a close, that is not UTF-8 (§8.1).
    #[error("text that is not UTF-8")]
    NotUtf8,
    /// A compressed message that is not DEFLATE, or not whole (RFC 7692 §7.2.2).
    #[error("a compressed message that cannot be inflated")]
    Deflate,
    /// A message over the limit.
    #[error("a message of more than {max} bytes")]
    TooLarge {
        /// The limit, in bytes.
        max: usize,
    },
}

impl ProtocolError {
    /// The code that tells the peer so (RFC 6455 §7.4.1).
    pub fn close_code(self) -> u16 {
        match self {
            ProtocolError::NotUtf8 => 1007,
            ProtocolError::TooLarge { .. } => 1009,
            _ => 1002,
        }
    }
}
