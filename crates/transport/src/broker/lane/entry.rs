use std::time::{Duration, Instant};

use crate::Channel;

use super::window::Window;
use crate::broker::envelope::Address;

/// The first pause before a channel that was closed is opened again.
const REOPEN_PAUSE_MIN: Duration = Duration::from_millis(200);

/// The longest pause: a peer that is refused again and again asks about as often as one that is
/// dialled over a direct link.
const REOPEN_PAUSE_MAX: Duration = Duration::from_secs(5);

/// What one node knows of one session of another, on one lane.
///
/// Both ends number each attempt at a channel between them. A channel is up when an end has heard
/// its own number from the other; so both agree which channel a message is for, and messages of a
/// former one are stale, however long the broker kept them.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The peer's connection to the broker that was heard last.
    pub(crate) epoch: u64,
    /// This node's number for the channel.
    pub(crate) number: u64,
    /// The peer's number for it; 0 until it is heard.
    pub(crate) peer_number: u64,
    pub(crate) open: Option<OpenChannel>,
    pub(crate) window: Window,
    pub(crate) heard_at: Instant,
    /// Whether a `State` is to be sent, and when the last one was.
    pub(crate) state_due: bool,
    pub(crate) state_sent_at: Option<Instant>,
    /// No channel is opened before.
    held_until: Option<Instant>,
    /// How often a channel was closed without having been adopted.
    refusals: u32,
}

/// A channel that is up.
#[derive(Debug)]
pub(crate) struct OpenChannel {
    pub(crate) channel: Channel,
    pub(crate) since: Instant,
    pub(crate) adopted: bool,
}

/// What a message's address means for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// It is for the channel that is up, or now can be.
    Agreed,
    /// The peer has not heard this node's number yet.
    Unheard,
    /// The peer has a new number: what was up has ended. Look again.
    Renewed,
    /// It is of a former channel, or there is to be none for now.
    Stale,
}

impl Entry {
    pub(crate) fn new(epoch: u64, number: u64, now: Instant) -> Self {
        Self {
            epoch,
            number,
            peer_number: 0,
            open: None,
            window: Window::default(),
            heard_at: now,
            state_due: false,
            state_sent_at: None,
            held_until: None,
            refusals: 0,
        }
    }

    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.held_until.is_some_and(|until| now < until)
    }

    pub(crate) fn is_adopted(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.adopted)
    }

    pub(crate) fn adopt(&mut self) {
        if let Some(open) = &mut self.open {
            open.adopted = true;
            self.refusals = 0;
        }
    }

    pub(crate) fn agree(&self, address: &Address, now: Instant) -> Agreement {
        if self.is_held(now) || address.from_number == 0 || address.from_number < self.peer_number {
            return Agreement::Stale;
        }
        if address.from_number > self.peer_number {
            return Agreement::Renewed;
        }
        if address.to_number == self.number {
            return Agreement::Agreed;
        }
        if address.to_number < self.number {
            return Agreement::Unheard;
        }
        Agreement::Stale
    }

    /// Whether a message is for the very channel that is up.
    pub(crate) fn is_current(&self, address: &Address) -> bool {
        self.open.is_some()
            && address.from_number == self.peer_number
            && address.to_number == self.number
    }

    /// The channel has ended; the next one has this number.
    pub(crate) fn renew(&mut self, number: u64) {
        self.open = None;
        self.number = number;
        self.window = Window::default();
        self.state_due = false;
        self.state_sent_at = None;
    }

    /// Opens no channel for a while: longer with each one that was closed without having been
    /// adopted.
    pub(crate) fn hold(&mut self, was_adopted: bool, now: Instant) {
        if !was_adopted {
            self.refusals = self.refusals.saturating_add(1);
        }
        let doublings = self.refusals.saturating_sub(1).min(16);
        let pause = REOPEN_PAUSE_MIN.saturating_mul(1 << doublings);
        self.held_until = Some(now + pause.min(REOPEN_PAUSE_MAX));
    }

    /// Whether it is time for a `State`: to open the channel, or to ask what became of what was
    /// sent.
    pub(crate) fn is_due(&self, interval: Duration, now: Instant) -> bool {
        let rested = self.state_sent_at.is_none_or(|at| now >= at + interval);
        let wanted = match &self.open {
            None => !self.is_held(now),
            Some(_) => self.window.waits(),
        };
        rested && wanted
    }
}

#[cfg(test)]
mod tests {
    use raftwire_environment::Environment;
    use raftwire_protocol::Session;

    use super::*;

    fn address(from_number: u64, to_number: u64) -> Address {
        Address {
            to: Session::new(1),
            from_number,
            to_number,
        }
    }

    #[test]
    fn numbers_say_which_channel_is_meant() {
        let now = Environment::real().now();
        let mut entry = Entry::new(1, 10, now);
        assert_eq!(entry.agree(&address(0, 10), now), Agreement::Stale);
        assert_eq!(entry.agree(&address(5, 0), now), Agreement::Renewed);
        entry.peer_number = 5;

        assert_eq!(entry.agree(&address(5, 0), now), Agreement::Unheard);
        assert_eq!(entry.agree(&address(5, 9), now), Agreement::Unheard);
        assert_eq!(entry.agree(&address(5, 10), now), Agreement::Agreed);
        assert_eq!(entry.agree(&address(5, 11), now), Agreement::Stale);
        assert_eq!(entry.agree(&address(4, 10), now), Agreement::Stale);
        assert_eq!(entry.agree(&address(6, 10), now), Agreement::Renewed);
    }

    #[test]
    fn pause_grows_with_each_refusal_up_to_the_longest() {
        let now = Environment::real().now();
        let mut entry = Entry::new(1, 10, now);
        for _ in 0..40 {
            entry.hold(false, now);
        }

        assert!(entry.is_held(now + REOPEN_PAUSE_MAX - Duration::from_millis(1)));
        assert!(!entry.is_held(now + REOPEN_PAUSE_MAX));
        assert_eq!(entry.agree(&address(1, 10), now), Agreement::Stale);
    }
}
