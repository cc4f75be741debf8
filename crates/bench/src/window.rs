use crate::machine::Nanos;

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

    /// Whether one more may be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.in_flight < self.in_flight_max && self.slots[self.slot(self.next)].is_none()
    }

    /// A message is sent, and waits since then. There must be room.
    pub(crate) fn send(&mut self, since: Nanos) -> u64 {
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
