//! What a client asked for, until it is known what became of it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use raftwire::{ClusterRouter, OutcomeQueue, RouteOptions, RouteOutcome};
use raftwire_protocol::{ConnectionId, Frame};

use super::protocol::{Outcome, REQUEST_ID_MAX, ToClient};

/// What the client is told.
#[derive(Debug)]
pub(crate) enum Answered {
    Said(ToClient<'static>),
    /// A send with this number was delivered, in brief.
    Delivered(u64),
}

impl From<ToClient<'static>> for Answered {
    fn from(said: ToClient<'static>) -> Answered {
        Answered::Said(said)
    }
}

/// Set in the token of a message whose client takes the brief answer. Numbers of requests are smaller.
const BRIEF: u64 = 1 << 63;

const _: () = assert!(REQUEST_ID_MAX < BRIEF);

type InFlight = Pin<Box<dyn Future<Output = ToClient<'static>> + Send>>;

/// What one client asked for and has no answer to. Requests are begun in the order in which they
/// came; answers come as they are known.
#[derive(Debug)]
pub(crate) struct Requests {
    /// Messages to single connections: most of what clients ask. `None` before the first, and again for who has
    /// asked for nothing lately: most clients ask for nothing most of the time.
    messages: Option<Box<OutcomeQueue>>,
    others: Option<Box<FuturesUnordered<InFlight>>>,
    in_flight_max: usize,
}

impl Requests {
    pub(crate) fn new(in_flight_max: usize) -> Requests {
        Requests {
            messages: None,
            others: None,
            in_flight_max,
        }
    }

    /// Whether no further request may begin.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.in_flight_max
    }

    fn len(&self) -> usize {
        let messages = self.messages.as_ref().map_or(0, |messages| messages.len());
        messages + self.others.as_ref().map_or(0, |others| others.len())
    }

    /// Gives back the memory for what is in flight, where nothing is.
    pub(crate) fn rest(&mut self) {
        if self.len() == 0 {
            (self.messages, self.others) = (None, None);
        }
    }

    /// Sends a message to one connection. Returns the answer where it is known at once.
    pub(crate) fn send(
        &mut self,
        router: &ClusterRouter,
        (id, is_brief): (u64, bool),
        (to, frame): (&ConnectionId, Frame),
        options: RouteOptions,
    ) -> Option<Answered> {
        let token = if is_brief { id | BRIEF } else { id };
        let messages = self.messages.get_or_insert_with(|| {
            let messages = router.outcome_queue(self.in_flight_max);
            Box::new(messages)
        });
        match messages.start(token, to, frame, options) {
            Ok(outcome) => outcome.map(|outcome| result(token, &outcome)),
            Err(full) => {
                let outcome = Outcome::refused(full);
                Some(ToClient::Result { id, outcome }.into())
            }
        }
    }

    /// Begins another request. Returns the answer where it is known at once.
    pub(crate) fn start(
        &mut self,
        request: impl Future<Output = ToClient<'static>> + Send + 'static,
    ) -> Option<ToClient<'static>> {
        let mut request: InFlight = Box::pin(request);
        // The first poll gives a message its place in the order, so it happens here and now. It
        // needs nobody to wake: what is in flight is polled again as soon as it is pushed.
        match request
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(answered) => Some(answered),
            Poll::Pending => {
                self.others.get_or_insert_default().push(request);
                None
            }
        }
    }

    /// The next answer; pending for ever while nothing is in flight.
    pub(crate) fn poll_answered(&mut self, context: &mut Context<'_>) -> Poll<Answered> {
        if let Some(messages) = &mut self.messages
            && let Poll::Ready((token, outcome)) = messages.poll_next(context)
        {
            return Poll::Ready(result(token, &outcome));
        }
        if let Some(others) = &mut self.others
            && let Poll::Ready(Some(answered)) = Pin::new(&mut **others).poll_next(context)
        {
            return Poll::Ready(answered.into());
        }
        Poll::Pending
    }
}

fn result(token: u64, outcome: &RouteOutcome) -> Answered {
    let id = token & !BRIEF;
    if token != id && *outcome == RouteOutcome::Delivered {
        return Answered::Delivered(id);
    }
    let outcome = Outcome::from(outcome);
    Answered::Said(ToClient::Result { id, outcome })
}
