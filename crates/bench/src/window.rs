use crate::machine::Nanos;
use crate::pace::Pace;

/// Slots a message in flight: so many may overtake the oldest before it holds the next ones back.
const SLOTS_PER_MESSAGE: usize = 4;

/// The messages of one sender that wait for their answer, and since when.
///
/// Numbers count from 0. A message has the slot of its number, so nothing is looked up or allocated.
#[derive(Debug)]
pub(crate) struct Window {
    /// Since when the message with this slot waits.
    slots: Box<[Option<Nanos>]>,
    in_flight_max: usize,
    in_flight: usize,
    next: u64,
    /// No message with a smaller number waits.
    oldest: u64,
}

impl Window {
    pub(crate) fn new(in_flight_max: usize) -> Window {
        let slots = (in_flight_max * SLOTS_PER_MESSAGE).next_power_of_two();
        Window {
            slots: vec![None; slots].into_boxed_slice(),
            in_flight_max,
            in_flight: 0,
            next: 0,
            oldest: 0,
        }
    }

    /// The number that the next message will have.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The number that the next answer has, where they come in order.
    pub(crate) fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Sends the next message if there is room for it and, at a pace, its time has come; its number. At a
    /// pace it waits since it was meant to be sent, whatever held it up.
    pub(crate) fn send_due(&mut self, pace: Option<Pace>, now: Nanos) -> Option<u64> {
        if !self.has_room() {
            return None;
        }
        let since = pace.map_or(now, |pace| pace.time_of(self.next));
        (since <= now).then(|| self.send(since))
    }

    /// Whether one more may be sent.
    fn has_room(&self) -> bool {
        self.in_flight < self.in_flight_max && self.slots[self.slot(self.next)].is_none()
    }

    /// A message is sent, and waits since then. There must be room.
    fn send(&mut self, since: Nanos) -> u64 {
        let number = self.next;
        let slot = self.slot(number);
        self.slots[slot] = Some(since);
        self.next += 1;
        self.in_flight += 1;
        number
    }

    /// The message is answered: since when it waited; `None`: it did not wait.
    pub(crate) fn answer(&mut self, number: u64) -> Option<Nanos> {
        if number < self.oldest || number >= self.next {
            return None;
        }
        let slot = self.slot(number);
        let since = self.slots[slot].take()?;
        self.in_flight -= 1;
        while self.oldest < self.next && self.slots[self.slot(self.oldest)].is_none() {
            self.oldest += 1;
        }
        Some(since)
    }

    fn slot(&self, number: u64) -> usize {
        number as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_may_overtake_each_other_and_come_once() {
        let mut window = Window::new(2);
        assert_eq!(window.send(Nanos(10)), 0);
        assert_eq!(window.send(Nanos(20)), 1);
        assert!(!window.has_room());
        assert_eq!(window.answer(1), Some(Nanos(20)));
        assert_eq!(window.answer(1), None);
        assert_eq!(window.answer(2), None, "not sent yet");
        assert_eq!((window.oldest(), window.in_flight), (0, 1));
        assert_eq!(window.answer(0), Some(Nanos(10)));
        assert_eq!((window.oldest(), window.in_flight), (2, 0));
    }

    #[test]
    fn a_message_that_waited_for_room_counts_from_when_it_was_due() {
        let pace = Some(Pace::new(Nanos(1_000), 1e6));
        let mut window = Window::new(2);
        assert_eq!(window.send_due(pace, Nanos(999)), None, "before its time");
        assert_eq!(window.send_due(pace, Nanos(2_000)), Some(0));
        assert_eq!(window.send_due(pace, Nanos(2_000)), Some(1));
        assert_eq!(window.send_due(pace, Nanos(9_000)), None, "without room");
        assert_eq!(window.answer(0), Some(Nanos(1_000)));
        assert_eq!(window.send_due(pace, Nanos(9_000)), Some(2));
        assert_eq!(window.answer(2), Some(Nanos(3_000)));
    }

    #[test]
    fn without_a_pace_a_message_counts_from_when_it_is_sent() {
        let mut window = Window::new(1);
        assert_eq!(window.send_due(None, Nanos(9_000)), Some(0));
        assert_eq!(window.answer(0), Some(Nanos(9_000)));
    }

    #[test]
    fn a_message_that_is_overtaken_too_often_holds_the_next_ones_back() {
        let mut window = Window::new(2);
        window.send(Nanos(0));
        let mut sent = 1;
        while window.has_room() {
            window.send(Nanos(1));
            window.answer(sent);
            sent += 1;
        }
        assert_eq!(sent, 2 * SLOTS_PER_MESSAGE as u64);
        window.answer(0);
        assert!(window.has_room());
    }
}
