/// Why a message was not accepted; it did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkSendError {
    /// Too much is waiting for the peer already.
    #[error(
        "{queued_messages} messages of {queued_bytes} bytes wait for the peer \
         (limits: {limit_messages}, {limit_bytes})"
    )]
    Busy {
        /// Bytes of the messages without a result.
        queued_bytes: usize,
        /// The messages without a result.
        queued_messages: usize,
        /// How many bytes there may be.
        limit_bytes: usize,
        /// How many messages there may be.
        limit_messages: usize,
    },
    /// The payload is larger than messages may be.
    #[error("a message of {bytes} bytes, where {max} are allowed")]
    TooLarge {
        /// Bytes of the payload.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The head is larger than heads may be.
    #[error("a head of {bytes} bytes, where {max} are allowed")]
    HeadTooLarge {
        /// Bytes of the head.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
}
