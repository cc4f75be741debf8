//! The bounded queue between the router and one client's socket.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use raftwire_protocol::{CloseCode, Frame};

use super::written::WrittenTicket;

/// What a queued frame costs beside its payload, so that many tiny messages are bounded too.
pub const FRAME_OVERHEAD_BYTES: usize = 64;

/// Places that an outbox keeps once it is empty, 16 KiB: what a burst took beyond is given back.
const KEPT_ITEMS_MAX: usize = 256;

/// What happens to a message that finds the outbox full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutboxPolicy {
    /// The connection is closed with [`CloseCode::SLOW_CONSUMER`]. The default: a client that
    /// missed something learns it, and comes back.
    #[default]
    Close,
    /// The message is refused and the connection stays: for senders that repeat.
    Refuse,
    /// The oldest fire-and-forget messages make room. An acknowledged message is never dropped:
    /// where one would have to go, the connection is closed.
    DropOldest,
}

/// Why a message did not enter an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushError {
    Closed,
    Full,
}

#[derive(Debug)]
struct Item {
    frame: Frame,
    acknowledged: bool,
    /// In a box, which few need: all that wait are as large as the largest.
    ticket: Option<Box<WrittenTicket>>,
}

/// What an item costs is what it takes, or more.
const _: () = assert!(size_of::<Item>() <= FRAME_OVERHEAD_BYTES);

impl Item {
    fn cost(&self) -> usize {
        self.frame.len() + FRAME_OVERHEAD_BYTES
    }
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    bytes: usize,
    closed: Option<CloseCode>,
    waker: Option<Waker>,
}

impl State {
    fn push(&mut self, item: Item) {
        self.bytes += item.cost();
        self.items.push_back(item);
    }

    fn drop_oldest(&mut self, needed: usize, limit: usize) -> bool {
        while self.bytes + needed > limit {
            match self.items.front() {
                Some(oldest) if !oldest.acknowledged => {
                    self.bytes -= oldest.cost();
                    self.items.pop_front();
                }
                Some(_) | None => return false,
            }
        }
        true
    }

    fn close(&mut self, code: CloseCode, discard: bool) {
        if discard {
            self.items.clear();
            self.bytes = 0;
        }
        if self.closed.is_none() {
            self.closed = Some(code);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The sending half: held by the connection table.
#[derive(Clone, Debug)]
pub(crate) struct OutboxSender {
    shared: Arc<Mutex<State>>,
    bytes_max: usize,
    policy: OutboxPolicy,
}

/// The end of an outbox: the connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxClosed {
    /// What the client is to be told.
    pub code: CloseCode,
}

/// The receiving half of a connection's bounded queue: drained by whoever writes to the socket.
///
/// Dropping it says that the socket is gone: the connection is unregistered.
#[derive(Debug)]
pub struct Outbox {
    shared: Arc<Mutex<State>>,
    /// Tickets of the batch that the drainer holds: redeemed when it asks for the next one. In a box,
    /// since few messages have one.
    handed_out: Option<Box<HandedOut>>,
    on_drop: Option<super::table::Registration>,
}

#[derive(Debug, Default)]
struct HandedOut {
    tickets: Vec<WrittenTicket>,
}

pub(crate) fn outbox(bytes_max: usize, policy: OutboxPolicy) -> (OutboxSender, Outbox) {
    let shared = Arc::new(Mutex::new(State::default()));
    let sender = OutboxSender {
        shared: Arc::clone(&shared),
        bytes_max,
        policy,
    };
    (
        sender,
        Outbox {
            shared,
            handed_out: None,
            on_drop: None,
        },
    )
}

/// A panic while the lock is held cannot leave the queue half changed in a way that matters:
/// every change is a push or a pop.
fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OutboxSender {
    pub(crate) fn push(
        &self,
        frame: Frame,
        acknowledged: bool,
        ticket: Option<WrittenTicket>,
    ) -> Result<(), PushError> {
        let item = Item {
            frame,
            acknowledged,
            ticket: ticket.map(Box::new),
        };
        let mut state = lock(&self.shared);
        if state.closed.is_some() {
            return Err(PushError::Closed);
        }
        let cost = item.cost();
        if state.bytes + cost > self.bytes_max && !state.items.is_empty() {
            match self.policy {
                OutboxPolicy::Refuse => return Err(PushError::Full),
                OutboxPolicy::DropOldest if state.drop_oldest(cost, self.bytes_max) => {}
                OutboxPolicy::Close | OutboxPolicy::DropOldest => {
                    state.close(CloseCode::SLOW_CONSUMER, true);
                    return Err(PushError::Full);
                }
            }
        }
        state.push(item);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Ends the connection after what is queued (`discard`: without it).
    pub(crate) fn close(&self, code: CloseCode, discard: bool) {
        lock(&self.shared).close(code, discard);
    }
}

impl Outbox {
    /// Waits for messages and appends all that are queued to `batch`, in order.
    ///
    /// Calling it again says that the batch before was handed to the socket: who asked to learn
    /// that is told then. Write the whole batch, flush once, and come back.
    ///
    /// # Errors
    /// [`OutboxClosed`] when the connection is over and nothing is left to write; it carries the
    /// code to close the socket with.
    ///
    /// # Cancel safety
    /// Cancel safe: a cancelled call has taken nothing.
    pub async fn next_batch(&mut self, batch: &mut Vec<Frame>) -> Result<(), OutboxClosed> {
        poll_fn(|context| self.poll_batch(context, |frame| batch.push(frame))).await
    }

    /// [`next_batch`](Self::next_batch) for who polls: hands each message to `take`, which must be
    /// quick, since who sends to the connection waits meanwhile.
    ///
    /// # Errors
    /// See there.
    pub fn poll_batch(
        &mut self,
        context: &mut Context<'_>,
        mut take: impl FnMut(Frame),
    ) -> Poll<Result<(), OutboxClosed>> {
        self.redeem(true);
        let mut state = lock(&self.shared);
        if state.items.is_empty() {
            if let Some(code) = state.closed {
                return Poll::Ready(Err(OutboxClosed { code }));
            }
            match &mut state.waker {
                Some(waker) => waker.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        state.bytes = 0;
        while let Some(item) = state.items.pop_front() {
            take(item.frame);
            if let Some(ticket) = item.ticket {
                let handed_out = self.handed_out.get_or_insert_default();
                handed_out.tickets.push(*ticket);
            }
        }
        if state.items.capacity() > KEPT_ITEMS_MAX {
            state.items = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Gives back the memory for messages, where none waits: to be called now and then, since what
    /// has received one may receive no more for days.
    pub fn rest(&mut self) {
        let mut state = lock(&self.shared);
        if state.items.is_empty() {
            state.items = VecDeque::new();
        }
    }

    fn redeem(&mut self, written: bool) {
        let handed_out = self.handed_out.take();
        for ticket in handed_out.into_iter().flat_map(|out| out.tickets) {
            if written {
                ticket.written();
            }
        }
    }

    pub(crate) fn unregister_on_drop(&mut self, registration: super::table::Registration) {
        self.on_drop = Some(registration);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.redeem(false);
        lock(&self.shared).close(CloseCode::GOING_AWAY, true);
        drop(self.on_drop.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content: &str) -> Frame {
        Frame::text(content)
    }

    async fn drain(outbox: &mut Outbox) -> Vec<Frame> {
        let mut batch = Vec::new();
        outbox.next_batch(&mut batch).await.expect("open");
        batch
    }

    #[tokio::test]
    async fn a_batch_is_everything_queued_in_order() {
        let (sender, mut outbox) = outbox(1024, OutboxPolicy::Close);
        sender.push(text("a"), true, None).expect("room");
        sender.push(text("b"), true, None).expect("room");

        assert_eq!(drain(&mut outbox).await, [text("a"), text("b")]);
    }

    #[tokio::test]
    async fn what_a_burst_took_is_given_back() {
        let (sender, mut outbox) = outbox(usize::MAX, OutboxPolicy::Close);
        for _ in 0..=KEPT_ITEMS_MAX {
            sender.push(text("a"), true, None).expect("room");
        }

        assert_eq!(drain(&mut outbox).await.len(), KEPT_ITEMS_MAX + 1);

        assert_eq!(lock(&outbox.shared).items.capacity(), 0);
    }

    #[tokio::test]
    async fn an_outbox_that_rests_holds_nothing_and_loses_nothing() {
        let (sender, mut outbox) = outbox(usize::MAX, OutboxPolicy::Close);
        sender.push(text("a"), true, None).expect("room");

        outbox.rest();
        assert_eq!(drain(&mut outbox).await, [text("a")]);

        outbox.rest();
        assert_eq!(lock(&outbox.shared).items.capacity(), 0);
    }

    #[tokio::test]
    async fn a_full_outbox_closes_the_connection_by_default() {
        let (sender, mut outbox) = outbox(100, OutboxPolicy::Close);
        sender.push(text("a"), true, None).expect("room");

        assert_eq!(sender.push(text("b"), true, None), Err(PushError::Full));

        let end = outbox.next_batch(&mut Vec::new()).await;
        assert_eq!(
            end,
            Err(OutboxClosed {
                code: CloseCode::SLOW_CONSUMER
            })
        );
        assert_eq!(sender.push(text("c"), true, None), Err(PushError::Closed));
    }

    #[tokio::test]
    async fn a_refusing_outbox_keeps_what_it_holds() {
        let (sender, mut outbox) = outbox(100, OutboxPolicy::Refuse);
        sender.push(text("a"), true, None).expect("room");

        assert_eq!(sender.push(text("b"), true, None), Err(PushError::Full));

        assert_eq!(drain(&mut outbox).await, [text("a")]);
        assert_eq!(sender.push(text("c"), true, None), Ok(()));
    }

    #[tokio::test]
    async fn drop_oldest_drops_only_fire_and_forget() {
        let (sender, mut outbox) = outbox(200, OutboxPolicy::DropOldest);
        sender.push(text("old"), false, None).expect("room");
        sender.push(text("kept"), true, None).expect("room");
        sender
            .push(text("new"), true, None)
            .expect("the oldest made room");

        assert_eq!(drain(&mut outbox).await, [text("kept"), text("new")]);
    }

    #[tokio::test]
    async fn drop_oldest_closes_where_an_acknowledged_message_would_go() {
        let (sender, mut outbox) = outbox(100, OutboxPolicy::DropOldest);
        sender.push(text("kept"), true, None).expect("room");

        assert_eq!(sender.push(text("new"), false, None), Err(PushError::Full));

        let end = outbox.next_batch(&mut Vec::new()).await;
        assert_eq!(
            end,
            Err(OutboxClosed {
                code: CloseCode::SLOW_CONSUMER
            })
        );
    }

    #[tokio::test]
    async fn one_message_larger_than_the_bound_passes_an_empty_outbox() {
        let (sender, mut outbox) = outbox(10, OutboxPolicy::Close);

        sender
            .push(text("longer than ten bytes"), true, None)
            .expect("alone");

        assert_eq!(drain(&mut outbox).await.len(), 1);
    }

    #[tokio::test]
    async fn closing_lets_the_queued_messages_out_first() {
        let (sender, mut outbox) = outbox(1024, OutboxPolicy::Close);
        sender.push(text("last words"), true, None).expect("room");
        sender.close(CloseCode::NORMAL, false);

        assert_eq!(drain(&mut outbox).await, [text("last words")]);
        let end = outbox.next_batch(&mut Vec::new()).await;
        assert_eq!(
            end,
            Err(OutboxClosed {
                code: CloseCode::NORMAL
            })
        );
    }
}
