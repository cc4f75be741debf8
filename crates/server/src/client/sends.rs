//! What a client asked to have sent, until its outcome is known.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use raftwire::{ClusterRouter, RouteOptions, RouteOutcome};
use raftwire_protocol::{ConnectionId, Frame};

/// A send whose outcome is known.
pub(crate) type Answered = (u64, RouteOutcome);

type InFlight = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// The sends of one client that wait for their outcome. They are put on their way in the order
/// in which they came; outcomes come as they are known.
#[derive(Debug)]
pub(crate) struct Sends {
    router: ClusterRouter,
    in_flight: FuturesUnordered<InFlight>,
    in_flight_max: usize,
}

impl Sends {
    pub(crate) fn new(router: ClusterRouter, in_flight_max: usize) -> Sends {
        Sends {
            router,
            in_flight: FuturesUnordered::new(),
            in_flight_max,
        }
    }

    /// Whether no further send may start.
    pub(crate) fn is_full(&self) -> bool {
        self.in_flight.len() >= self.in_flight_max
    }

    /// Puts a message on its way. Returns the outcome where it is known at once.
    pub(crate) fn start(
        &mut self,
        id: u64,
        to: ConnectionId,
        frame: Frame,
        options: RouteOptions,
    ) -> Option<Answered> {
        let router = self.router.clone();
        let mut route: InFlight =
            Box::pin(async move { (id, router.route_with(&to, frame, options).await) });
        // The first poll gives the message its place in the order, so it happens here and now. It
        // needs nobody to wake: what is in flight is polled again as soon as it is pushed.
        match route.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answered) => Some(answered),
            Poll::Pending => {
                self.in_flight.push(route);
                None
            }
        }
    }

    /// The next outcome; pending for ever while nothing is in flight.
    pub(crate) fn poll_answered(&mut self, context: &mut Context<'_>) -> Poll<Answered> {
        match Pin::new(&mut self.in_flight).poll_next(context) {
            Poll::Ready(Some(answered)) => Poll::Ready(answered),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
