//! What a client asked for, until it is known what became of it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use futures_util::stream::FuturesUnordered;

use super::protocol::ToClient;

/// What the client is told.
pub(crate) type Answered = ToClient<'static>;

type InFlight = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// What one client asked for and has no answer to. Requests are begun in the order in which they
/// came; answers come as they are known.
#[derive(Debug)]
pub(crate) struct Requests {
    in_flight: FuturesUnordered<InFlight>,
    in_flight_max: usize,
}

impl Requests {
    pub(crate) fn new(in_flight_max: usize) -> Requests {
        Requests {
            in_flight: FuturesUnordered::new(),
            in_flight_max,
        }
    }

    /// Whether no further request may begin.
    pub(crate) fn is_full(&self) -> bool {
        self.in_flight.len() >= self.in_flight_max
    }

    /// Begins a request. Returns the answer where it is known at once.
    pub(crate) fn start(
        &mut self,
        request: impl Future<Output = Answered> + Send + 'static,
    ) -> Option<Answered> {
        let mut request: InFlight = Box::pin(request);
        // The first poll gives a message its place in the order, so it happens here and now. It
        // needs nobody to wake: what is in flight is polled again as soon as it is pushed.
        match request
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(answered) => Some(answered),
            Poll::Pending => {
                self.in_flight.push(request);
                None
            }
        }
    }

    /// The next answer; pending for ever while nothing is in flight.
    pub(crate) fn poll_answered(&mut self, context: &mut Context<'_>) -> Poll<Answered> {
        match Pin::new(&mut self.in_flight).poll_next(context) {
            Poll::Ready(Some(answered)) => Poll::Ready(answered),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
