use std::time::Duration;

/// Figures of one link, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStats {
    /// Messages to the peer without a result.
    pub queued_messages: usize,
    /// Bytes of the messages to the peer without a result.
    pub queued_bytes: usize,
    /// Segments to the peer that it has not acknowledged.
    pub in_flight_segments: usize,
    /// Bytes of the segments to the peer that it has not acknowledged.
    pub in_flight_bytes: usize,
    /// Packets made.
    pub packets_made: u64,
    /// Bytes of the packets made, headers included.
    pub bytes_made: u64,
    /// Packets of the peer that were taken in.
    pub packets_received: u64,
    /// Bytes of the packets of the peer that were taken in, headers included.
    pub bytes_received: u64,
    /// Packets that the transport refused.
    pub packets_refused: u64,
    /// Segments sent for the first time.
    pub segments_sent: u64,
    /// Segments sent again.
    pub segments_resent: u64,
    /// Payload bytes of the segments sent again.
    pub bytes_resent: u64,
    /// Segments that arrived and had arrived before.
    pub segments_duplicate: u64,
    /// Segments that the peer sent beyond the window; they were not kept.
    pub segments_beyond_window: u64,
    /// Packets that were ignored, as they came from or went to another session or incarnation, or were malformed.
    pub packets_ignored: u64,
    /// Segments kept because one before them is missing, or the link is held, or results are outstanding.
    pub waiting_segments: usize,
    /// Bytes of those segments.
    pub waiting_bytes: usize,
    /// Bytes of received messages whose results are not reported.
    pub unreported_bytes: usize,
    /// The smoothed round trip, once it was measured.
    pub round_trip: Option<Duration>,
    /// How long the link waits for an answer at present, back-off included.
    pub retransmission_timeout: Duration,
}
