use std::collections::{BTreeMap, VecDeque};

use raftwire_protocol::link_packet::{
    LINK_OPEN_MESSAGES_MAX, LINK_SEGMENT_BYTES_MAX, LINK_SEGMENT_COST_BYTES,
};

use super::message::{MessageId, Messages};
use super::offer::{Allowance, Offer, chunk, is_large, terminator, whole};
use super::piece::Piece;

/// Bytes after which it is the others' turn: with packets of two segments, each has room for both kinds.
const TURN_BYTES: usize = LINK_SEGMENT_BYTES_MAX;

/// Expired messages that may remain queued beside the others before all queues are looked through.
const DROPPED_MIN: usize = 64;

/// Which message's turn it is.
///
/// All messages come in through one queue, in their order. One that does not fit a segment opens a *flow* for its
/// order: further messages of that order queue there, and flows take turns, one segment's worth of bytes
/// each, with the queue. So a large message delays others by one chunk; a message of an order without a large
/// one meets one queue and nothing else; and no turn looks at more than a few orders. A flow ends when its queue
/// is empty. At most [`LINK_OPEN_MESSAGES_MAX`] flows are active, the others wait for one of these to finish a large
/// message, which is as much reassembly as the receiver has to be ready for.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    arrivals: VecDeque<MessageId>,
    flows: BTreeMap<u128, VecDeque<MessageId>>,
    active: VecDeque<u128>,
    waiting: VecDeque<u128>,
    flows_turn: bool,
    turn_bytes: usize,
    queued: usize,
    /// Of the queued ones, those that expired before any part of them had a sequence.
    dropped: usize,
}

impl Scheduler {
    pub(crate) fn push(&mut self, id: MessageId) {
        self.queued += 1;
        self.arrivals.push_back(id);
    }

    /// Takes note that a queued message without a sequence was dropped, and forgets such messages once they are the
    /// majority.
    pub(crate) fn note_dropped(&mut self, messages: &mut Messages) {
        self.dropped += 1;
        if self.dropped < DROPPED_MIN || self.dropped * 2 < self.queued {
            return;
        }
        let mut forgotten = 0;
        let mut keep = |id: &MessageId| {
            let keep = !messages[*id].is_dropped() || messages[*id].is_sequenced();
            if !keep {
                messages.free(*id);
                forgotten += 1;
            }
            keep
        };
        self.arrivals.retain(&mut keep);
        for queue in self.flows.values_mut() {
            queue.retain(&mut keep);
        }
        self.queued -= forgotten;
        self.dropped -= forgotten;
    }

    /// The next piece to get a sequence, if there is one and it fits.
    pub(crate) fn next(&mut self, messages: &mut Messages, allowance: Allowance) -> Option<Piece> {
        if self.turn_bytes >= TURN_BYTES {
            self.change_turn();
        }
        // A third look, as the arrivals may leave something to the flows.
        for _ in 0..3 {
            let offer = if self.flows_turn {
                self.offer_of_flows(messages, allowance)
            } else {
                self.offer_of_arrivals(messages, allowance)
            };
            match offer {
                Offer::Piece(piece) => {
                    self.turn_bytes += piece.length as usize + LINK_SEGMENT_COST_BYTES;
                    return Some(piece);
                }
                // It keeps its turn: what the others took meanwhile, it might miss for ever.
                Offer::Wait => return None,
                Offer::Nothing => self.change_turn(),
            }
        }
        None
    }

    fn change_turn(&mut self) {
        if self.flows_turn && !self.active.is_empty() {
            self.active.rotate_left(1);
        }
        self.flows_turn = !self.flows_turn;
        self.turn_bytes = 0;
    }

    fn offer_of_arrivals(&mut self, messages: &mut Messages, allowance: Allowance) -> Offer {
        while let Some(&id) = self.arrivals.front() {
            let message = &messages[id];
            if message.is_dropped() {
                self.arrivals.pop_front();
                self.forget(id, messages);
            } else if let Some(queue) = self.flow(message.order) {
                queue.push_back(id);
                self.arrivals.pop_front();
            } else if is_large(message) {
                self.flows.insert(message.order, VecDeque::from([id]));
                self.waiting.push_back(message.order);
                self.activate();
                self.arrivals.pop_front();
            } else {
                let offer = whole(id, message, allowance);
                if let Offer::Piece(_) = offer {
                    self.arrivals.pop_front();
                    self.queued -= 1;
                }
                return offer;
            }
        }
        Offer::Nothing
    }

    fn flow(&mut self, order: u128) -> Option<&mut VecDeque<MessageId>> {
        if self.flows.is_empty() {
            return None;
        }
        self.flows.get_mut(&order)
    }

    fn activate(&mut self) {
        while self.active.len() < LINK_OPEN_MESSAGES_MAX
            && let Some(order) = self.waiting.pop_front()
        {
            self.active.push_back(order);
        }
    }

    fn offer_of_flows(&mut self, messages: &mut Messages, allowance: Allowance) -> Offer {
        // Each flow is asked once; a chunk that has to wait for other chunks to arrive lets the others pass.
        let mut unasked = self.active.len();
        while unasked > 0
            && let Some(&order) = self.active.front()
        {
            let Some(&id) = self.flows.get(&order).and_then(VecDeque::front) else {
                self.end_flow(order);
                unasked = unasked.min(self.active.len());
                continue;
            };
            let message = &messages[id];
            if message.is_dropped() && !message.is_sequenced() {
                self.leave_flow(order, id, messages);
                self.forget(id, messages);
                continue;
            }
            let offer = if message.is_dropped() {
                terminator(id, allowance)
            } else if is_large(message) {
                chunk(id, message, allowance)
            } else {
                whole(id, message, allowance)
            };
            match offer {
                Offer::Piece(piece) => {
                    if piece.kind.ends_message() {
                        self.queued -= 1;
                        self.leave_flow(order, id, messages);
                    }
                    return offer;
                }
                Offer::Wait => return offer,
                Offer::Nothing => {
                    self.active.rotate_left(1);
                    unasked -= 1;
                }
            }
        }
        Offer::Nothing
    }

    /// Takes the first message out of its flow, which is the first active one. If another large one follows, it is
    /// some other flow's turn to be active.
    fn leave_flow(&mut self, order: u128, id: MessageId, messages: &Messages) {
        let Some(queue) = self.flows.get_mut(&order) else {
            return;
        };
        debug_assert_eq!(queue.front(), Some(&id));
        queue.pop_front();
        match queue.front() {
            None => self.end_flow(order),
            Some(&next) if is_large(&messages[next]) && !self.waiting.is_empty() => {
                self.active.pop_front();
                self.waiting.push_back(order);
                self.activate();
            }
            Some(_) => {}
        }
    }

    fn end_flow(&mut self, order: u128) {
        debug_assert_eq!(self.active.front(), Some(&order));
        self.flows.remove(&order);
        self.active.pop_front();
        self.activate();
    }

    /// Gives back the place of a message that was dropped before any part of it had a sequence.
    fn forget(&mut self, id: MessageId, messages: &mut Messages) {
        self.queued -= 1;
        self.dropped -= 1;
        messages.free(id);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Outgoing;
    use crate::send::offer::{CHUNK_BYTES_MIN, cost};
    use crate::send::piece::PieceKind;

    const PLENTY: Allowance = Allowance {
        room: usize::MAX,
        credit: u64::MAX,
        chunk_bytes: u64::MAX,
    };

    #[derive(Default)]
    struct Queue {
        scheduler: Scheduler,
        messages: Messages,
        sequence: u64,
    }

    impl Queue {
        fn push(&mut self, token: u64, order: u128, segments: usize) -> MessageId {
            let bytes = match segments {
                1 => 100,
                more => (more - 1) * LINK_SEGMENT_BYTES_MAX + 1,
            };
            let id = self.messages.insert(Outgoing {
                token,
                order,
                head: Bytes::new(),
                payload: Bytes::from(vec![0; bytes]),
                deadline: None,
                acknowledge: true,
            });
            self.scheduler.push(id);
            id
        }

        fn drop_bytes(&mut self, id: MessageId) {
            self.messages[id].drop_bytes();
            if !self.messages[id].is_sequenced() {
                self.scheduler.note_dropped(&mut self.messages);
            }
        }

        fn next(&mut self, allowance: Allowance) -> Option<(u64, PieceKind)> {
            let piece = self.scheduler.next(&mut self.messages, allowance)?;
            let message = &mut self.messages[piece.message];
            message.sequenced_bytes += piece.length;
            self.sequence += 1;
            if !message.is_sequenced() {
                message.first_sequence = self.sequence;
            }
            Some((message.token, piece.kind))
        }

        fn tokens(&mut self, count: usize) -> Vec<u64> {
            std::iter::from_fn(|| self.next(PLENTY))
                .map(|(token, _)| token)
                .take(count)
                .collect()
        }
    }

    #[test]
    fn small_messages_keep_their_order() {
        let mut queue = Queue::default();
        for token in 1..=5 {
            queue.push(token, u128::from(token % 2), 1);
        }
        assert_eq!(queue.tokens(10), [1, 2, 3, 4, 5]);
        assert_eq!(queue.next(PLENTY), None);
    }

    #[test]
    fn a_large_message_takes_turns_with_other_orders_and_goes_before_its_own() {
        let mut queue = Queue::default();
        queue.push(1, 7, 3);
        queue.push(2, 7, 1);
        queue.push(3, 8, 1);
        assert_eq!(queue.tokens(2), [3, 1]);
        queue.push(4, 7, 1);
        queue.push(5, 9, 1);
        assert_eq!(queue.tokens(9), [5, 1, 1, 2, 4]);
        queue.push(6, 7, 1);
        assert_eq!(queue.tokens(9), [6], "the flow has ended");
        assert!(queue.scheduler.flows.is_empty() && queue.scheduler.active.is_empty());
    }

    #[test]
    fn no_more_large_messages_are_open_than_the_receiver_is_ready_for() {
        let mut queue = Queue::default();
        let count = LINK_OPEN_MESSAGES_MAX as u64 + 3;
        for token in 0..count {
            queue.push(token, token.into(), 4);
            queue.push(count + token, token.into(), 2);
        }
        let mut open = Vec::new();
        let mut ended = 0;
        while let Some((token, kind)) = queue.next(PLENTY) {
            match kind {
                PieceKind::First => open.push(token),
                PieceKind::Last => {
                    open.retain(|t| *t != token);
                    ended += 1;
                }
                _ => {}
            }
            assert!(open.len() <= LINK_OPEN_MESSAGES_MAX);
        }
        assert_eq!(ended, 2 * count);
        assert!(open.is_empty());
    }

    #[test]
    fn small_messages_follow_their_large_one_even_if_others_wait_for_its_place() {
        let mut queue = Queue::default();
        let orders = LINK_OPEN_MESSAGES_MAX as u64 + 1;
        for order in 0..orders {
            queue.push(order, order.into(), 9);
        }
        queue.push(100, 0, 1);
        queue.push(101, 0, 2);
        let tokens = queue.tokens(usize::MAX);
        let last = |token| tokens.iter().rposition(|t| *t == token);
        assert!(last(100) < last(1));
        assert!(last(101) > last(1));
    }

    #[test]
    fn the_rest_of_a_packet_is_filled_with_a_shorter_chunk_but_not_with_a_crumb() {
        let mut queue = Queue::default();
        queue.push(1, 7, 3);
        let room = |room| Allowance { room, ..PLENTY };
        assert_eq!(queue.next(room(CHUNK_BYTES_MIN)), None);
        let piece = queue
            .scheduler
            .next(&mut queue.messages, room(10_000))
            .expect("a chunk");
        assert!(piece.length < 10_000 && piece.length > 9_900);
    }

    #[test]
    fn what_waits_for_window_or_room_keeps_its_turn() {
        let mut queue = Queue::default();
        queue.push(1, 7, 3);
        assert_eq!(queue.tokens(1), [1]);
        queue.push(2, 8, 1);
        let no_window = Allowance {
            credit: cost(100) - 1,
            ..PLENTY
        };
        let no_room = Allowance {
            room: 100,
            ..PLENTY
        };
        assert_eq!(queue.next(no_window), None);
        assert_eq!(queue.next(no_room), None);
        assert_eq!(queue.tokens(2), [2, 1]);
    }

    #[test]
    fn chunks_that_wait_for_other_chunks_let_small_messages_pass() {
        let mut queue = Queue::default();
        queue.push(1, 7, 3);
        queue.push(2, 8, 1);
        queue.push(3, 8, 1);
        let no_chunks = Allowance {
            chunk_bytes: 0,
            ..PLENTY
        };
        assert_eq!(queue.next(no_chunks), Some((2, PieceKind::Whole)));
        assert_eq!(queue.next(no_chunks), Some((3, PieceKind::Whole)));
        assert_eq!(queue.next(no_chunks), None);
        assert_eq!(queue.tokens(9), [1, 1, 1]);
    }

    #[test]
    fn dropped_messages_are_passed_over_and_begun_ones_are_ended() {
        let mut queue = Queue::default();
        let begun = queue.push(1, 7, 3);
        assert_eq!(queue.next(PLENTY), Some((1, PieceKind::First)));
        let ids: Vec<_> = (2..=5).map(|token| queue.push(token, 7, 1)).collect();
        let other = queue.push(6, 8, 1);
        for id in [begun, ids[0], ids[3], other] {
            queue.drop_bytes(id);
        }
        assert_eq!(queue.next(PLENTY), Some((1, PieceKind::Terminator)));
        assert_eq!(queue.tokens(9), [3, 4]);
        assert_eq!((queue.scheduler.queued, queue.scheduler.dropped), (0, 0));
        assert!(queue.scheduler.flows.is_empty());
    }

    #[test]
    fn dropped_messages_do_not_pile_up() {
        let mut queue = Queue::default();
        let no_window = Allowance {
            credit: 0,
            ..PLENTY
        };
        let stays = queue.push(0, 1, 1);
        queue.push(0, 7, 3);
        for token in 1..10_000 {
            let id = queue.push(token, u128::from(token % 2) * 7, 1 + token as usize % 3);
            assert_eq!(queue.next(no_window), None);
            queue.drop_bytes(id);
        }
        assert!(queue.scheduler.arrivals.len() <= 2 * DROPPED_MIN);
        assert!(queue.scheduler.queued <= 2 * DROPPED_MIN);
        queue.drop_bytes(stays);
        assert_eq!(queue.tokens(99), [0, 0, 0]);
    }

    #[test]
    fn what_was_begun_is_ended_even_if_many_others_are_forgotten() {
        let mut queue = Queue::default();
        let begun = queue.push(1, 7, 3);
        assert_eq!(queue.next(PLENTY), Some((1, PieceKind::First)));
        let others: Vec<_> = (0..200).map(|_| queue.push(2, 7, 1)).collect();
        queue.drop_bytes(begun);
        for id in others {
            queue.drop_bytes(id);
        }
        assert!(queue.scheduler.queued < 200);
        assert_eq!(queue.next(PLENTY), Some((1, PieceKind::Terminator)));
        assert_eq!(queue.next(PLENTY), None);
    }

    #[test]
    fn a_large_message_that_ends_a_turn_is_not_overlooked() {
        let mut queue = Queue::default();
        for _ in 0..TURN_BYTES.div_ceil(100 + LINK_SEGMENT_COST_BYTES) {
            queue.push(1, 1, 1);
        }
        queue.tokens(usize::MAX);
        queue.push(2, 1, 2);
        assert_eq!(queue.next(PLENTY), Some((2, PieceKind::First)));
    }
}
