use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use super::message::{MessageId, Messages};

/// Deadlines of settled messages that may remain beside those of unsettled ones before all are looked through.
const STALE_MIN: usize = 64;

/// The deadlines of the messages without a result.
///
/// A message that is settled leaves its deadline behind; those are thrown away when they come up, and all at once
/// when there are more of them than of others. Most messages have as much time as the one before, so most deadlines
/// come in their order and need no heap.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    /// Ascending.
    in_order: VecDeque<Deadline>,
    /// Those that came before an earlier one.
    others: BinaryHeap<Reverse<Deadline>>,
}

#[derive(Debug)]
struct Deadline {
    at: Instant,
    id: MessageId,
    generation: u32,
}

impl Deadline {
    fn is_live(&self, messages: &Messages) -> bool {
        messages.is_unsettled(self.id, self.generation)
    }
}

impl PartialEq for Deadline {
    fn eq(&self, other: &Deadline) -> bool {
        self.at == other.at
    }
}

impl Eq for Deadline {}

impl PartialOrd for Deadline {
    fn partial_cmp(&self, other: &Deadline) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Deadline {
    fn cmp(&self, other: &Deadline) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl Deadlines {
    /// Remembers a deadline, where `unsettled` is how many messages await their settlement.
    pub(crate) fn push(
        &mut self,
        at: Instant,
        id: MessageId,
        messages: &Messages,
        unsettled: usize,
    ) {
        if self.len() >= STALE_MIN + 2 * unsettled {
            self.in_order.retain(|deadline| deadline.is_live(messages));
            self.others
                .retain(|Reverse(deadline)| deadline.is_live(messages));
        }
        let generation = messages.generation(id);
        let deadline = Deadline { at, id, generation };
        while let Some(last) = self.in_order.back()
            && last.at > at
        {
            if last.is_live(messages) {
                self.others.push(Reverse(deadline));
                return;
            }
            self.in_order.pop_back();
        }
        self.in_order.push_back(deadline);
    }

    fn len(&self) -> usize {
        self.in_order.len() + self.others.len()
    }

    /// The next unsettled message whose deadline has come. If there is none, the first deadline that is left is that of
    /// an unsettled message.
    pub(crate) fn pop_due(&mut self, now: Instant, messages: &Messages) -> Option<MessageId> {
        self.forget_settled(messages);
        if self.poll_timeout()? > now {
            return None;
        }
        let first = if self.heap_is_first() {
            self.others.pop().map(|Reverse(deadline)| deadline)
        } else {
            self.in_order.pop_front()
        };
        first.map(|deadline| deadline.id)
    }

    /// Throws away the deadlines of settled messages that come before the first of an unsettled one.
    fn forget_settled(&mut self, messages: &Messages) {
        while self
            .in_order
            .pop_front_if(|deadline| !deadline.is_live(messages))
            .is_some()
        {}
        while let Some(Reverse(deadline)) = self.others.peek()
            && !deadline.is_live(messages)
        {
            self.others.pop();
        }
    }

    /// Whether the first deadline is not among those in order.
    fn heap_is_first(&self) -> bool {
        match (self.in_order.front(), self.others.peek()) {
            (Some(in_order), Some(Reverse(other))) => other.at < in_order.at,
            (in_order, _) => in_order.is_none(),
        }
    }

    /// When the first deadline comes.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let other = self.others.peek().map(|Reverse(deadline)| deadline.at);
        let in_order = self.in_order.front().map(|deadline| deadline.at);
        in_order.into_iter().chain(other).min()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant serves as the first")]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::Outgoing;

    fn message(messages: &mut Messages) -> MessageId {
        messages.insert(Outgoing {
            token: 0,
            order: 0,
            head: crate::Head::new(),
            payload: Bytes::new(),
            deadline: None,
            acknowledge: true,
        })
    }

    #[test]
    fn deadlines_come_up_in_order_and_those_of_settled_messages_never() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut messages = Messages::default();
        let mut deadlines = Deadlines::default();
        let ids: Vec<_> = (0..4).map(|_| message(&mut messages)).collect();
        for (id, ms) in ids.iter().zip([30, 10, 20, 40]) {
            deadlines.push(at(ms), *id, &messages, 4);
        }
        messages.free(ids[1]);
        let reused = message(&mut messages);
        assert_eq!(reused, ids[1]);

        assert_eq!(deadlines.pop_due(at(15), &messages), None);
        assert_eq!(deadlines.poll_timeout(), Some(at(20)));
        assert_eq!(deadlines.pop_due(at(35), &messages), Some(ids[2]));
        assert_eq!(deadlines.pop_due(at(35), &messages), Some(ids[0]));
        assert_eq!(deadlines.pop_due(at(35), &messages), None);
        assert_eq!(deadlines.poll_timeout(), Some(at(40)));
    }

    #[test]
    fn a_late_deadline_of_a_settled_message_keeps_no_others_from_their_order() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut messages = Messages::default();
        let mut deadlines = Deadlines::default();
        let (late, early) = (message(&mut messages), message(&mut messages));
        deadlines.push(at(60), late, &messages, 1);
        deadlines.push(at(5), early, &messages, 2);
        assert_eq!(deadlines.others.len(), 1);

        messages.free(late);
        let next = message(&mut messages);
        deadlines.push(at(6), next, &messages, 2);

        assert_eq!((deadlines.in_order.len(), deadlines.others.len()), (1, 1));
        assert_eq!(deadlines.pop_due(at(7), &messages), Some(early));
        assert_eq!(deadlines.pop_due(at(7), &messages), Some(next));
        assert_eq!(deadlines.pop_due(at(99), &messages), None);
    }

    #[test]
    fn deadlines_of_settled_messages_do_not_pile_up() {
        let start = Instant::now();
        let mut messages = Messages::default();
        let mut deadlines = Deadlines::default();
        let first = message(&mut messages);
        deadlines.push(start, first, &messages, 1);
        for second in 1..10_000 {
            let id = message(&mut messages);
            deadlines.push(start + Duration::from_secs(second), id, &messages, 2);
            messages.free(id);
        }
        assert!(deadlines.len() <= STALE_MIN + 2 * 2 + 1);
        assert_eq!(deadlines.pop_due(start, &messages), Some(first));
    }
}
