use std::sync::Arc;

use super::shared::Shared;

/// What the receivers of one thread have had, so that the sender hears when all of them have a message.
///
/// Each receiver has the messages in order, so what is complete is so in order as well.
#[derive(Debug)]
pub(super) struct Arrivals {
    shared: Arc<Shared>,
    thread: usize,
    /// How many wait for the message with this slot.
    slots: Box<[usize]>,
    /// The numbers of the messages that some receiver has had, from the first one that counts on.
    seen: std::ops::Range<u64>,
    receivers: usize,
    /// Receivers that have not heard the sender.
    deaf: usize,
}

impl Arrivals {
    /// The sender has at most `in_flight_max` messages under way.
    pub(super) fn new(
        shared: Arc<Shared>,
        thread: usize,
        receivers: usize,
        in_flight_max: usize,
    ) -> Arrivals {
        let slots = in_flight_max.next_power_of_two();
        Arrivals {
            shared,
            thread,
            slots: vec![0; slots].into_boxed_slice(),
            seen: 0..0,
            receivers,
            deaf: receivers,
        }
    }

    /// How many have not heard the sender.
    pub(super) fn deaf(&self) -> usize {
        self.deaf
    }

    /// One receiver has had its first message.
    pub(super) fn hears(&mut self) {
        self.deaf -= 1;
    }

    /// One receiver has had this message, which is waited for.
    pub(super) fn arrived(&mut self, number: u64) {
        if self.seen.is_empty() {
            self.seen = number..number;
        }
        if number >= self.seen.end {
            let slot = self.slot(number);
            self.slots[slot] = self.receivers;
            self.seen.end = number + 1;
        }
        self.count(number);
    }

    /// One receiver is gone, which has had the messages in front of `next`; `None`: none at all.
    pub(super) fn lost(&mut self, next: Option<u64>) {
        self.receivers -= 1;
        if next.is_none() {
            self.deaf -= 1;
        }
        let first = next.unwrap_or_default().max(self.seen.start);
        for number in first..self.seen.end {
            self.count(number);
        }
    }

    fn count(&mut self, number: u64) {
        let slot = self.slot(number);
        self.slots[slot] -= 1;
        if self.slots[slot] == 0 {
            self.shared.set_complete(self.thread, number + 1);
        }
    }

    fn slot(&self, number: u64) -> usize {
        number as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(receivers: usize) -> (Arc<Shared>, Arrivals) {
        let shared = Arc::new(Shared::new(2));
        let other = Arrivals::new(shared.clone(), 1, 1, 4);
        // The other thread has everything.
        other.shared.set_complete(1, u64::MAX);
        (shared.clone(), Arrivals::new(shared, 0, receivers, 4))
    }

    #[test]
    fn a_message_is_complete_when_the_last_receiver_has_it() {
        let (shared, mut arrivals) = arrivals(2);
        arrivals.arrived(5);
        arrivals.arrived(6);
        assert_eq!(shared.complete(), 0);
        arrivals.arrived(5);
        assert_eq!(shared.complete(), 6);
        arrivals.arrived(6);
        assert_eq!(shared.complete(), 7);
    }

    #[test]
    fn a_receiver_that_is_gone_is_not_waited_for() {
        let (shared, mut arrivals) = arrivals(3);
        for number in [5, 6, 7, 5, 6, 5] {
            arrivals.arrived(number);
        }
        assert_eq!(shared.complete(), 6);
        // One has had three, one has had two, and this one has had the first.
        arrivals.lost(Some(6));
        assert_eq!(shared.complete(), 7);
        arrivals.lost(Some(7));
        assert_eq!(shared.complete(), 8);
        arrivals.arrived(8);
        assert_eq!(shared.complete(), 9);
        assert_eq!(arrivals.deaf(), 3, "nobody has said that it hears");
    }
}
