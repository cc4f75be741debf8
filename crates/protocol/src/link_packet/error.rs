/// Why the body of a link's packet was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkPacketError {
    /// It ends in the middle of something.
    #[error("the packet of a link ends too early")]
    Truncated,
    /// More ranges or failures than a packet may have.
    #[error("{ranges} received ranges and {failures} failures in one packet")]
    TooMany {
        /// Ranges announced.
        ranges: usize,
        /// Failures announced.
        failures: usize,
    },
    /// A number out of its bounds or out of order.
    #[error("sequence {sequence} is out of its bounds or out of order")]
    Sequence {
        /// The number.
        sequence: u64,
    },
    /// A segment with flags that do not go together or are not known.
    #[error("a segment with flags {flags:#04x}")]
    Flags {
        /// The flags.
        flags: u8,
    },
    /// A segment longer than segments may be.
    #[error("a segment of {length} bytes")]
    SegmentTooLarge {
        /// Bytes announced.
        length: u32,
    },
    /// A message whose announced length does not fit its first segment or is beyond every limit.
    #[error("a message of {total} bytes that begins with a segment of {length}")]
    Total {
        /// Bytes of the first segment.
        length: u32,
        /// Bytes of the message.
        total: u32,
    },
}
