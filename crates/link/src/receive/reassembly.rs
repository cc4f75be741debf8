use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use raftwire_protocol::link_packet::{
    LINK_FAILURE_INCOMPLETE, LINK_FAILURE_TOO_LARGE, LINK_OPEN_MESSAGES_MAX,
};

/// How long a message may remain without a further part before its bytes are given up.
///
/// A sender goes on with a message it has begun, or ends it when it expires, and the link loses nothing: only a peer
/// that cannot be reached for this long, or one that does not keep to the protocol, comes here.
const STALLED_MAX: Duration = Duration::from_secs(60);

/// Messages of which some parts are here and some are not.
#[derive(Debug)]
pub(crate) struct Reassembly {
    message_bytes_max: usize,
    /// At most [`LINK_OPEN_MESSAGES_MAX`].
    partial: Vec<Partial>,
}

#[derive(Debug)]
struct Partial {
    stream: u64,
    order: u128,
    deadline: Option<Instant>,
    total: usize,
    bytes: BytesMut,
    /// Why it will not be delivered, if so; its bytes are gone.
    given_up: Option<u8>,
    touched_at: Instant,
}

/// A message whose parts are all here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reassembled {
    pub(crate) order: u128,
    pub(crate) deadline: Option<Instant>,
    pub(crate) body: Bytes,
}

impl Reassembly {
    /// One for messages up to this many bytes, head included.
    pub(crate) fn new(message_bytes_max: usize) -> Reassembly {
        Reassembly {
            message_bytes_max,
            partial: Vec::new(),
        }
    }

    /// The first part of a message of `total` bytes is here.
    ///
    /// If more messages are open than the protocol allows, this one is not kept, and so incomplete in the end.
    pub(crate) fn begin(
        &mut self,
        stream: u64,
        order: u128,
        deadline: Option<Instant>,
        total: usize,
        part: &[u8],
        now: Instant,
    ) {
        if self.partial.len() >= LINK_OPEN_MESSAGES_MAX {
            return;
        }
        let too_large = total > self.message_bytes_max;
        let mut bytes = BytesMut::new();
        if !too_large {
            bytes.reserve(total);
            bytes.extend_from_slice(part);
        }
        self.partial.push(Partial {
            stream,
            order,
            deadline,
            total,
            bytes,
            given_up: too_large.then_some(LINK_FAILURE_TOO_LARGE),
            touched_at: now,
        });
    }

    /// A further part of a message is here.
    pub(crate) fn extend(&mut self, stream: u64, part: &[u8], now: Instant) {
        if let Some(partial) = self.partial.iter_mut().find(|p| p.stream == stream) {
            partial.touched_at = now;
            if partial.given_up.is_some() {
                return;
            }
            if partial.bytes.len() + part.len() > partial.total {
                partial.give_up();
            } else {
                partial.bytes.extend_from_slice(part);
            }
        }
    }

    /// The last part of a message is here.
    ///
    /// # Errors
    ///
    /// The failure code, if the message is not complete or too large.
    pub(crate) fn finish(
        &mut self,
        stream: u64,
        part: &[u8],
        now: Instant,
    ) -> Result<Reassembled, u8> {
        self.extend(stream, part, now);
        let partial = self.remove(stream).ok_or(LINK_FAILURE_INCOMPLETE)?;
        if let Some(code) = partial.given_up {
            return Err(code);
        }
        if partial.bytes.len() != partial.total {
            return Err(LINK_FAILURE_INCOMPLETE);
        }
        Ok(Reassembled {
            order: partial.order,
            deadline: partial.deadline,
            body: partial.bytes.freeze(),
        })
    }

    /// The sender gave a message up. What may still come of it finds nothing and is passed over.
    pub(crate) fn abandon(&mut self, stream: u64) {
        self.remove(stream);
    }

    fn remove(&mut self, stream: u64) -> Option<Partial> {
        let index = self.partial.iter().position(|p| p.stream == stream)?;
        Some(self.partial.swap_remove(index))
    }

    /// Gives up the bytes of messages that have not grown for long.
    pub(crate) fn expire(&mut self, now: Instant) {
        for partial in &mut self.partial {
            if partial.given_up.is_none() && partial.touched_at + STALLED_MAX <= now {
                partial.give_up();
            }
        }
    }

    /// When the next message will have stalled for too long.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.partial
            .iter()
            .filter(|partial| partial.given_up.is_none())
            .map(|partial| partial.touched_at + STALLED_MAX)
            .min()
    }
}

impl Partial {
    fn give_up(&mut self) {
        self.given_up = Some(LINK_FAILURE_INCOMPLETE);
        self.bytes = BytesMut::new();
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant serves as the first")]
mod tests {
    use super::*;

    #[test]
    fn parts_become_the_message() {
        let now = Instant::now();
        let mut reassembly = Reassembly::new(100);
        reassembly.begin(1, 7, Some(now), 9, b"abc", now);
        reassembly.begin(2, 8, None, 4, b"ABC", now);
        reassembly.extend(1, b"def", now);
        let second = reassembly.finish(2, b"D", now).expect("complete");
        assert_eq!((second.order, &second.body[..]), (8, &b"ABCD"[..]));
        assert_eq!(
            reassembly.finish(1, b"ghi", now),
            Ok(Reassembled {
                order: 7,
                deadline: Some(now),
                body: Bytes::from_static(b"abcdefghi"),
            })
        );
        assert_eq!(reassembly.poll_timeout(), None);
    }

    #[test]
    fn incomplete_messages_fail() {
        let now = Instant::now();
        let mut reassembly = Reassembly::new(100);
        let incomplete = Err(LINK_FAILURE_INCOMPLETE);
        assert_eq!(reassembly.finish(1, b"never begun", now), incomplete);

        reassembly.begin(2, 0, None, 9, b"abc", now);
        assert_eq!(
            reassembly.finish(2, b"too short"[..3].as_ref(), now),
            incomplete
        );

        reassembly.begin(3, 0, None, 9, b"abc", now);
        reassembly.extend(3, b"too long", now);
        assert_eq!(reassembly.finish(3, b"", now), incomplete);

        reassembly.begin(4, 0, None, 9, b"abc", now);
        reassembly.abandon(4);
        assert_eq!(reassembly.finish(4, b"defghi", now), incomplete);
    }

    #[test]
    fn a_message_beyond_the_limit_is_not_kept() {
        let now = Instant::now();
        let mut reassembly = Reassembly::new(8);
        reassembly.begin(1, 0, None, 9, b"abc", now);
        reassembly.extend(1, b"def", now);
        assert!(reassembly.partial.iter().all(|p| p.bytes.capacity() == 0));
        assert_eq!(
            reassembly.finish(1, b"ghi", now),
            Err(LINK_FAILURE_TOO_LARGE)
        );
    }

    #[test]
    fn no_more_messages_are_open_than_the_protocol_allows() {
        let now = Instant::now();
        let mut reassembly = Reassembly::new(8);
        for stream in 1..100 {
            reassembly.begin(stream, 0, None, 8, b"abcd", now);
        }
        assert_eq!(reassembly.partial.len(), LINK_OPEN_MESSAGES_MAX);
        assert!(reassembly.finish(1, b"efgh", now).is_ok());
        assert!(reassembly.finish(99, b"efgh", now).is_err());
    }

    #[test]
    fn a_message_that_stalls_is_given_up() {
        let now = Instant::now();
        let mut reassembly = Reassembly::new(100);
        reassembly.begin(1, 0, None, 9, b"abc", now);
        let later = now + STALLED_MAX / 2;
        reassembly.extend(1, b"def", later);
        assert_eq!(reassembly.poll_timeout(), Some(later + STALLED_MAX));

        reassembly.expire(now + STALLED_MAX);
        assert_eq!(reassembly.poll_timeout(), Some(later + STALLED_MAX));
        reassembly.expire(later + STALLED_MAX);

        assert_eq!(reassembly.poll_timeout(), None);
        assert_eq!(
            reassembly.finish(1, b"ghi", later + STALLED_MAX),
            Err(LINK_FAILURE_INCOMPLETE)
        );
    }
}
