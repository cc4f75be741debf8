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
mod tests;
