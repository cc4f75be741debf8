use raftwire_protocol::limits::{MESSAGE_BYTES_CEILING, MESSAGE_BYTES_MAX_DEFAULT};
use raftwire_protocol::link_packet::LINK_INITIAL_WINDOW_BYTES;

/// Bytes that a peer may have sent and this node not yet taken in, unless set otherwise.
///
/// 4 MiB keep a line of 1 Gbit/s busy over 33 ms, and are what one peer may occupy here while it is held.
pub const RECEIVE_WINDOW_BYTES_DEFAULT: usize = 4 * 1024 * 1024;

/// Bytes of the messages to one peer that have no result yet, unless set otherwise.
///
/// Two windows: one on the way, and one to fill it again while the acknowledgement travels.
pub const QUEUE_BYTES_MAX_DEFAULT: usize = 2 * RECEIVE_WINDOW_BYTES_DEFAULT;

/// Messages to one peer that have no result yet, unless set otherwise.
///
/// Each takes about 300 bytes beside its payload: 20 MiB for 65,536 of them.
pub const QUEUE_MESSAGES_MAX_DEFAULT: usize = 64 * 1024;

const _: () = {
    assert!(RECEIVE_WINDOW_BYTES_DEFAULT >= LINK_INITIAL_WINDOW_BYTES);
    assert!(QUEUE_BYTES_MAX_DEFAULT >= MESSAGE_BYTES_MAX_DEFAULT);
};

/// The limits of one link at one of its ends.
///
/// What a peer can make this end hold is bounded by the sum of: the receive window (segments that wait for
/// others), as much again (messages whose result is not reported yet) plus one message, and
/// [`LINK_OPEN_MESSAGES_MAX`](raftwire_protocol::link_packet::LINK_OPEN_MESSAGES_MAX) messages of the largest size
/// that are being put together.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Bytes that the peer may have sent and this end not yet taken in; at least
    /// [`LINK_INITIAL_WINDOW_BYTES`], which is taken if it is less.
    pub receive_window_bytes: usize,
    /// Bytes of all messages without a result; at least one message of the largest size, whatever is set here.
    pub queue_bytes_max: usize,
    /// Messages without a result.
    pub queue_messages_max: usize,
    /// Bytes of the largest payload, for both directions; at most [`MESSAGE_BYTES_CEILING`].
    pub message_bytes_max: usize,
    /// Deliver a message as often as it arrives: wrong on purpose, to prove that a simulation notices.
    #[cfg(feature = "wrong-variants")]
    pub skip_dedupe: bool,
}

impl Default for LinkConfig {
    fn default() -> LinkConfig {
        LinkConfig {
            receive_window_bytes: RECEIVE_WINDOW_BYTES_DEFAULT,
            queue_bytes_max: QUEUE_BYTES_MAX_DEFAULT,
            queue_messages_max: QUEUE_MESSAGES_MAX_DEFAULT,
            message_bytes_max: MESSAGE_BYTES_MAX_DEFAULT,
            #[cfg(feature = "wrong-variants")]
            skip_dedupe: false,
        }
    }
}

impl LinkConfig {
    /// The same with each limit moved to where it makes sense.
    pub(crate) fn within_bounds(mut self) -> LinkConfig {
        self.receive_window_bytes = self.receive_window_bytes.max(LINK_INITIAL_WINDOW_BYTES);
        self.message_bytes_max = self.message_bytes_max.min(MESSAGE_BYTES_CEILING);
        self.queue_bytes_max = self.queue_bytes_max.max(self.message_bytes_max);
        self.queue_messages_max = self.queue_messages_max.max(1);
        self
    }
}
