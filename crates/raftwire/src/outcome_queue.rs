//! The outcomes of many messages of one sender, in one place.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use raftwire_protocol::{ConnectionId, Frame, MintedId};
use slab::Slab;

use crate::router::Begun;
use crate::{ClusterRouter, RouteOptions, RouteOutcome};

/// Sends many messages at once and collects what became of them: what
/// [`route_with`](ClusterRouter::route_with) says of each, without a future for each.
///
/// Messages to one connection arrive in the order in which they were started, those of
/// [`route`](ClusterRouter::route) and the like included. Outcomes come as they are known.
///
/// Dropping the queue forgets the outcomes that have not come; the messages may be delivered all the same.
///
/// ```no_run
/// # async fn example(router: raftwire::ClusterRouter, targets: Vec<raftwire::ConnectionId>)
/// # -> Result<(), raftwire::TooManyInFlight> {
/// use std::future::poll_fn;
///
/// let mut queue = router.outcome_queue(1_000);
/// for (token, target) in (0..).zip(&targets) {
///     if let Some(outcome) = queue.start(token, target, "hello", Default::default())? {
///         println!("{token}: {outcome}");
///     }
/// }
/// while !queue.is_empty() {
///     let (token, outcome) = poll_fn(|context| queue.poll_next(context)).await;
///     println!("{token}: {outcome}");
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct OutcomeQueue {
    router: ClusterRouter,
    in_flight_max: usize,
    shared: Arc<Shared>,
    /// Messages on their way, at the keys of their tickets.
    pending: Slab<Pending>,
    /// Messages that wait before they are on their way, or for more than one answer.
    waiting: FuturesUnordered<Waiting>,
    /// Outcomes taken out of what is shared; kept for its capacity.
    taken: Vec<(usize, RouteOutcome)>,
}

type Waiting = Pin<Box<dyn Future<Output = (u64, RouteOutcome)> + Send>>;

/// So many messages of an [`OutcomeQueue`] are on their way that it takes no more. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{in_flight_max} messages wait for their outcome: take some before more are started")]
pub struct TooManyInFlight {
    /// How many may be.
    pub in_flight_max: usize,
}

#[derive(Debug)]
struct Pending {
    token: u64,
    id: MintedId,
    payload_bytes: usize,
}

#[derive(Debug, Default)]
struct Shared(Mutex<Arrived>);

#[derive(Debug, Default)]
struct Arrived {
    /// At most one for each message that is pending.
    outcomes: Vec<(usize, RouteOutcome)>,
    waker: Option<Waker>,
}

impl Shared {
    /// Every change is a push or a swap: a panic leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, key: usize, outcome: RouteOutcome) {
        let mut arrived = self.lock();
        arrived.outcomes.push((key, outcome));
        let waker = arrived.waker.take();
        drop(arrived);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The promise of one outcome. Dropped without a word, nobody knows what became of the message.
#[derive(Debug)]
pub(crate) struct OutcomeTicket {
    /// `None`: it was given.
    shared: Option<Arc<Shared>>,
    key: usize,
}

impl OutcomeTicket {
    pub(crate) fn give(mut self, outcome: RouteOutcome) {
        if let Some(shared) = self.shared.take() {
            shared.put(self.key, outcome);
        }
    }

    /// The message is not on its way, and its sender knows.
    pub(crate) fn withdraw(mut self) {
        self.shared = None;
    }
}

impl Drop for OutcomeTicket {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.put(self.key, RouteOutcome::FORGOTTEN);
        }
    }
}

impl OutcomeQueue {
    pub(crate) fn new(router: ClusterRouter, in_flight_max: usize) -> OutcomeQueue {
        OutcomeQueue {
            router,
            in_flight_max,
            shared: Arc::default(),
            pending: Slab::new(),
            waiting: FuturesUnordered::new(),
            taken: Vec::new(),
        }
    }

    /// Messages of which the outcome has not been taken.
    pub fn len(&self) -> usize {
        self.pending.len() + self.waiting.len()
    }

    /// Whether no outcome is to come.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends a message. Returns its outcome where it is known at once; else it comes later, with this token.
    ///
    /// # Errors
    /// As many messages are on their way as may be.
    pub fn start(
        &mut self,
        token: u64,
        connection: &ConnectionId,
        message: impl Into<Frame>,
        options: RouteOptions,
    ) -> Result<Option<RouteOutcome>, TooManyInFlight> {
        if self.len() >= self.in_flight_max {
            return Err(TooManyInFlight {
                in_flight_max: self.in_flight_max,
            });
        }
        let frame = message.into();
        let payload_bytes = frame.len();
        let place = self.pending.vacant_entry();
        let ticket = || OutcomeTicket {
            shared: Some(Arc::clone(&self.shared)),
            key: place.key(),
        };
        match self.router.begin(connection, frame, options, ticket) {
            Begun::Over(outcome) => Ok(Some(outcome)),
            Begun::OnItsWay(id) => {
                place.insert(Pending {
                    token,
                    id,
                    payload_bytes,
                });
                Ok(None)
            }
            Begun::Not(frame) => Ok(self.wait(token, connection.clone(), frame, options)),
        }
    }

    /// By a future, since it is not on its way yet.
    fn wait(
        &mut self,
        token: u64,
        connection: ConnectionId,
        frame: Frame,
        options: RouteOptions,
    ) -> Option<RouteOutcome> {
        let router = self.router.clone();
        let mut waiting: Waiting = Box::pin(async move {
            let outcome = router.route_with(&connection, frame, options).await;
            (token, outcome)
        });
        // The first poll gives a message its place in the order, so it happens here and now. It needs
        // nobody to wake: what waits is polled again as soon as it is pushed.
        let mut nobody = Context::from_waker(Waker::noop());
        match waiting.as_mut().poll(&mut nobody) {
            Poll::Ready((_, outcome)) => Some(outcome),
            Poll::Pending => {
                self.waiting.push(waiting);
                None
            }
        }
    }

    /// The next outcome, and the token of its message; pending for ever while the queue is empty.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<(u64, RouteOutcome)> {
        if !self.waiting.is_empty()
            && let Poll::Ready(Some(over)) = Pin::new(&mut self.waiting).poll_next(context)
        {
            return Poll::Ready(over);
        }
        loop {
            if let Some((key, outcome)) = self.taken.pop()
                && let Some(pending) = self.pending.try_remove(key)
            {
                self.router
                    .count(&pending.id, &outcome, pending.payload_bytes);
                return Poll::Ready((pending.token, outcome));
            }
            if self.pending.is_empty() {
                return Poll::Pending;
            }
            let mut arrived = self.shared.lock();
            if arrived.outcomes.is_empty() {
                match &mut arrived.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    none => *none = Some(context.waker().clone()),
                }
                return Poll::Pending;
            }
            std::mem::swap(&mut arrived.outcomes, &mut self.taken);
            drop(arrived);
            // Taken from the end, and told in the order in which they came.
            self.taken.reverse();
        }
    }
}
