use std::time::{Duration, Instant};

use raftwire_protocol::link_packet::LINK_INITIAL_WINDOW_BYTES;

/// How long an acknowledgement may wait for company: a tick or two of the owner's timer, and far below the
/// shortest time after which the peer sends again.
pub(crate) const ACK_DELAY: Duration = Duration::from_millis(2);

/// Packets that may be sent in each [`ACK_DELAY`] for the sake of an acknowledgement alone and without waiting.
///
/// So the answer to a message on a quiet link comes at once, and a busy link spends at most 8,000 packets
/// a second on acknowledgements, about a tenth of a core.
const PROMPT_ACKS_MAX: u32 = 16;

/// Received bytes after which an acknowledgement does not wait: half of the smallest window, so that the window
/// never closes for want of one.
const PROMPT_BYTES: u64 = LINK_INITIAL_WINDOW_BYTES as u64 / 2;

const _: () = assert!(ACK_DELAY.as_millis() * 4 < crate::rtt::TIMEOUT_MIN.as_millis());

/// When an acknowledgement has to be sent if no packet goes that way anyway.
#[derive(Debug)]
pub(crate) struct AckSchedule {
    due: Option<Instant>,
    /// Bytes received since the last acknowledgement.
    bytes: u64,
    /// When the interval began in which prompt acknowledgements are counted.
    interval_start: Instant,
    prompt: u32,
}

impl AckSchedule {
    pub(crate) fn new(now: Instant) -> AckSchedule {
        AckSchedule {
            due: None,
            bytes: 0,
            interval_start: now,
            prompt: 0,
        }
    }

    /// There is news: `bytes` were received, or (with none) results became known.
    pub(crate) fn owe(&mut self, bytes: u64, now: Instant) {
        self.bytes += bytes;
        if self.bytes >= PROMPT_BYTES {
            self.owe_at_once(now);
        } else if self.due.is_none() {
            if now.saturating_duration_since(self.interval_start) >= ACK_DELAY {
                self.interval_start = now;
                self.prompt = 0;
            }
            self.due = Some(if self.prompt < PROMPT_ACKS_MAX {
                now
            } else {
                self.interval_start + ACK_DELAY
            });
        }
    }

    /// The peer asked, or something is missing or came twice: it should know soon.
    pub(crate) fn owe_at_once(&mut self, now: Instant) {
        self.due = Some(self.due.map_or(now, |due| due.min(now)));
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// When an acknowledgement is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// An acknowledgement goes out, with segments or `alone`.
    pub(crate) fn sent(&mut self, alone: bool) {
        self.due = None;
        self.bytes = 0;
        self.prompt = self.prompt.saturating_add(u32::from(alone));
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant serves as the first")]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_of_a_quiet_link_are_prompt_and_of_a_busy_one_wait_for_company() {
        let start = Instant::now();
        let mut acks = AckSchedule::new(start);
        for _ in 0..PROMPT_ACKS_MAX {
            acks.owe(1, start);
            assert!(acks.is_due(start));
            acks.sent(true);
            assert!(!acks.is_due(start));
        }

        acks.owe(1, start);
        assert_eq!(acks.poll_timeout(), Some(start + ACK_DELAY));
        acks.sent(true);

        acks.owe(1, start + ACK_DELAY);
        assert!(acks.is_due(start + ACK_DELAY), "a new interval");
    }

    #[test]
    fn acknowledgement_of_many_bytes_does_not_wait() {
        let start = Instant::now();
        let mut acks = AckSchedule::new(start);
        for _ in 0..PROMPT_ACKS_MAX {
            acks.owe(1, start);
            acks.sent(true);
        }
        acks.owe(PROMPT_BYTES - 1, start);
        assert!(!acks.is_due(start));
        acks.owe(1, start);
        assert!(acks.is_due(start));
    }

    #[test]
    fn what_the_peer_should_know_soon_does_not_wait() {
        let start = Instant::now();
        let mut acks = AckSchedule::new(start);
        for _ in 0..PROMPT_ACKS_MAX {
            acks.owe(1, start);
            acks.sent(true);
        }
        acks.owe(1, start);
        acks.owe_at_once(start);
        assert!(acks.is_due(start));
    }
}
