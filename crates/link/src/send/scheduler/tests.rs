use bytes::Bytes;

use super::*;
use crate::send::offer::{CHUNK_BYTES_MIN, cost};
use crate::send::piece::PieceKind;
use crate::{Head, Outgoing};

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
            head: Head::new(),
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
