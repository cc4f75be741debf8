//! From any node to any connection, with a true word of what became of the message.

mod begin;
mod flight;
mod options;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use raftwire_consensus::LeaseView;
use raftwire_environment::Environment;
use raftwire_protocol::{ConnectionId, Frame, MintedId, Name, NodeId};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::connection::{Delivery, Undeliverable, Undelivered, WrittenTicket};
use crate::directory::{Directory, Route};
use crate::fan::LocalFans;
use crate::metrics::{FanCounters, RouteCounters};
use crate::names::NameService;
use crate::parking::{Lines, Parking, Resolver};
use crate::peer::{PeerHandle, Reply, Send};
use crate::{Destination, OutcomeQueue, ParkedMetrics, ROUTE_DEADLINE_MAX, RouteOutcome};

pub(crate) use self::begin::Begun;
pub(crate) use self::flight::Flight;
pub use self::options::{Acknowledgement, RouteOptions};

/// What a message to a name that led to no connection is counted for.
const NOWHERE: MintedId = MintedId::from_bytes([0; 16]);

/// Limits of the router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouterLimits {
    pub(crate) deadline: Duration,
    pub(crate) message_bytes_max: usize,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) node: NodeId,
    pub(crate) environment: Environment,
    pub(crate) limits: RouterLimits,
    pub(crate) directory: Arc<ArcSwap<Directory>>,
    pub(crate) fans: LocalFans,
    pub(crate) parking: Parking,
    pub(crate) names: RoutedNames,
    delivery: Delivery,
    lease: LeaseView,
    counters: RouteCounters,
    fan_counters: FanCounters,
}

/// What routing to names needs.
#[derive(Debug)]
pub(crate) struct RoutedNames {
    pub(crate) service: Arc<dyn NameService>,
    /// The messages to each name that are under way or wait.
    pub(crate) lines: Lines<Name>,
}

/// One message, and how it is addressed beside the connection's id.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// The registration of the name by which the sender found the connection.
    pub(crate) epoch: Option<u64>,
    pub(crate) frame: Frame,
    pub(crate) deadline: Instant,
}

/// Finds connections wherever they live. Cheap to clone.
///
/// Messages of one handle to one connection arrive in the order in which their futures were
/// first polled. Local connections are reached without any other node.
#[derive(Clone, Debug)]
pub struct ClusterRouter {
    pub(crate) inner: Arc<Inner>,
}

impl ClusterRouter {
    pub(crate) fn new(
        (node, environment): (NodeId, Environment),
        limits: RouterLimits,
        directory: Arc<ArcSwap<Directory>>,
        (delivery, lease): (Delivery, LeaseView),
        fans: LocalFans,
        resolver: Arc<dyn Resolver>,
        names: Arc<dyn NameService>,
    ) -> ClusterRouter {
        let parking = Parking::new(environment.clone(), resolver);
        ClusterRouter {
            inner: Arc::new(Inner {
                node,
                environment,
                limits,
                directory,
                fans,
                parking,
                names: RoutedNames {
                    service: names,
                    lines: Lines::new(),
                },
                delivery,
                lease,
                counters: RouteCounters::default(),
                fan_counters: FanCounters::default(),
            }),
        }
    }

    /// Sends a message to a connection and says what became of it. Always ends by the deadline.
    ///
    /// # Cancel safety
    /// A dropped future forgets the answer; the message may be delivered all the same.
    pub async fn route(
        &self,
        connection: &ConnectionId,
        message: impl Into<Frame>,
    ) -> RouteOutcome {
        self.route_with(connection, message, RouteOptions::default())
            .await
    }

    /// [`route`](Self::route) with options of its own.
    pub async fn route_with(
        &self,
        connection: &ConnectionId,
        message: impl Into<Frame>,
        options: RouteOptions,
    ) -> RouteOutcome {
        let inner = &self.inner;
        let frame = message.into();
        let bytes = frame.len();
        let deadline = inner.deadline(options);
        let acknowledgement = options.acknowledgement;
        let (id, outcome) = match (inner.check_size(&frame), connection) {
            (Err(outcome), ConnectionId::Minted(id)) => (Some(*id), outcome),
            (Err(outcome), ConnectionId::Named(_)) => (None, outcome),
            (Ok(()), ConnectionId::Minted(id)) => {
                let outcome = inner.route(id, frame, deadline, acknowledgement).await;
                (Some(*id), outcome)
            }
            // In a box of its own: what follows a name is larger than what goes straight on.
            (Ok(()), ConnectionId::Named(name)) => {
                Box::pin(inner.route_named(name, frame, deadline, acknowledgement)).await
            }
        };
        self.count(&id.unwrap_or(NOWHERE), &outcome, bytes);
        outcome
    }

    /// A queue for the outcomes of many messages, of which so many may be on their way at once.
    pub fn outcome_queue(&self, in_flight_max: usize) -> OutcomeQueue {
        OutcomeQueue::new(self.clone(), in_flight_max)
    }

    /// Sends a value as JSON text.
    ///
    /// # Errors
    /// The value has no JSON form; nothing was sent.
    pub async fn route_json(
        &self,
        connection: &ConnectionId,
        message: &impl Serialize,
    ) -> Result<RouteOutcome, serde_json::Error> {
        let text = serde_json::to_string(message)?;
        Ok(self.route(connection, Frame::text(text)).await)
    }

    /// Sends one message to many connections, all at once: an answer for each, in the order
    /// given. A connection that is listed twice receives one copy, and is answered once; its name and
    /// its id count as two.
    pub async fn route_many(
        &self,
        connections: &[ConnectionId],
        message: impl Into<Frame>,
    ) -> Vec<(ConnectionId, RouteOutcome)> {
        let frame = message.into();
        let mut seen = std::collections::BTreeSet::new();
        let distinct = connections
            .iter()
            .filter(|connection| seen.insert(*connection));
        join_all(distinct.map(|connection| async {
            let outcome = self.route(connection, frame.clone()).await;
            (connection.clone(), outcome)
        }))
        .await
    }

    /// Sends a message and forgets it: queued in order with the others, delivered at most once,
    /// and nobody says what became of it.
    ///
    /// # Errors
    /// The outcome, where it is known at once that the message did not happen.
    pub fn send(
        &self,
        connection: &ConnectionId,
        message: impl Into<Frame>,
    ) -> Result<(), RouteOutcome> {
        let (inner, frame) = (&self.inner, message.into());
        let bytes = frame.len();
        let (id, sent) = match (inner.check_size(&frame), connection) {
            (Err(outcome), ConnectionId::Minted(id)) => (Some(*id), Err(outcome)),
            (Err(outcome), ConnectionId::Named(_)) => (None, Err(outcome)),
            (Ok(()), ConnectionId::Minted(id)) => (Some(*id), inner.send(id, frame)),
            (Ok(()), ConnectionId::Named(name)) => inner.send_named(name, frame),
        };
        let id = id.unwrap_or(NOWHERE);
        let to = inner.destination(&id);
        match &sent {
            Ok(()) => inner.counters.sent(&id, to, bytes),
            Err(outcome) => inner.counters.routed(&id, to, outcome, bytes),
        }
        sent
    }
}

impl ClusterRouter {
    /// The id of a connection, and where it is, once the directory holds what was committed before
    /// the call.
    pub(crate) async fn resolve(
        &self,
        connection: &ConnectionId,
        deadline: Instant,
    ) -> Result<(MintedId, Route), RouteOutcome> {
        let id = match connection {
            ConnectionId::Minted(id) => *id,
            ConnectionId::Named(name) => self.inner.resolve_name(name, deadline).await?,
        };
        Ok((id, self.inner.resolve(&id, deadline).await?))
    }

    pub(crate) fn counters(&self) -> &RouteCounters {
        &self.inner.counters
    }

    pub(crate) fn fan_counters(&self) -> &FanCounters {
        &self.inner.fan_counters
    }

    pub(crate) fn parked(&self) -> ParkedMetrics {
        self.inner.parking.metrics()
    }
}

impl Inner {
    /// Where a connection is, by its id.
    fn destination(&self, id: &MintedId) -> Destination {
        if self.delivery.is_ours(id) {
            Destination::Local
        } else {
            Destination::Remote
        }
    }

    fn deadline(&self, options: RouteOptions) -> Instant {
        let deadline = options.deadline.unwrap_or(self.limits.deadline);
        self.environment.now() + deadline.min(ROUTE_DEADLINE_MAX)
    }

    pub(crate) fn check_size(&self, frame: &Frame) -> Result<(), RouteOutcome> {
        let limit = self.limits.message_bytes_max;
        if frame.len() > limit {
            return Err(RouteOutcome::TooLarge {
                limit_bytes: Some(limit),
            });
        }
        Ok(())
    }

    async fn route(
        &self,
        id: &MintedId,
        frame: Frame,
        deadline: Instant,
        acknowledgement: Acknowledgement,
    ) -> RouteOutcome {
        let route = self.directory.load().route(id);
        let is_open = !matches!(route, Route::Unknown) && !self.parking.is_parked(id);
        let parcel = |frame| Parcel {
            epoch: None,
            frame,
            deadline,
        };
        let started = if is_open {
            self.start(route, id, parcel(frame), acknowledgement)
        } else {
            // In a box of its own: most messages do not wait here, and their futures are smaller.
            let bytes = frame.len();
            let waiting = Box::pin(self.parking.enter(id, bytes, deadline, || self.knows(id)));
            let ticket = match waiting.await {
                Ok(ticket) => ticket,
                Err(outcome) => return outcome,
            };
            let route = self.directory.load().route(id);
            let started = self.start(route, id, parcel(frame), acknowledgement);
            // Queued in its turn: the next one may go.
            drop(ticket);
            started
        };
        match started {
            Ok(flight) => flight.land(deadline).await,
            Err(outcome) => outcome,
        }
    }

    fn knows(&self, id: &MintedId) -> bool {
        !matches!(self.directory.load().route(id), Route::Unknown)
    }

    /// Where a connection is, once the directory holds what was committed before the call.
    async fn resolve(&self, id: &MintedId, deadline: Instant) -> Result<Route, RouteOutcome> {
        let route = self.directory.load().route(id);
        if !matches!(route, Route::Unknown) {
            return Ok(route);
        }
        let is_known = || self.knows(id);
        drop(self.parking.enter(id, 0, deadline, is_known).await?);
        Ok(self.directory.load().route(id))
    }

    /// Puts the message on its way. Nothing in here waits: this is what keeps the order.
    pub(crate) fn start(
        &self,
        route: Route,
        id: &MintedId,
        parcel: Parcel,
        acknowledgement: Acknowledgement,
    ) -> Result<Flight, RouteOutcome> {
        match route {
            Route::Here => self.deliver_here(id, parcel, acknowledgement),
            Route::At(peer) => Self::send_to(&peer, id, parcel, acknowledgement),
            Route::Down(node) => Err(RouteOutcome::NodeDown { node }),
            Route::Unreachable => Err(RouteOutcome::Unavailable),
            Route::Gone | Route::Unknown => Err(RouteOutcome::NotFound),
        }
    }

    fn deliver_here(
        &self,
        id: &MintedId,
        parcel: Parcel,
        acknowledgement: Acknowledgement,
    ) -> Result<Flight, RouteOutcome> {
        let (ticket, written) = match acknowledgement {
            Acknowledgement::Delivered => (None, None),
            Acknowledgement::Written => {
                let (ticket, written) = WrittenTicket::here();
                (Some(ticket), Some(written))
            }
        };
        self.put_here(id, parcel, true, ticket)?;
        Ok(Flight {
            reply: None,
            written,
        })
    }

    /// Whether this node is a member that the others may not hold dead.
    pub(crate) fn holds_lease(&self) -> bool {
        self.lease.holds(self.environment.boot_time())
    }

    /// The last hop, on this node.
    fn put_here(
        &self,
        id: &MintedId,
        parcel: Parcel,
        acknowledged: bool,
        ticket: Option<WrittenTicket>,
    ) -> Result<(), RouteOutcome> {
        let Parcel { epoch, frame, .. } = parcel;
        // Without its lease this node cannot know whether a name is still its own.
        if epoch.is_some() && !self.holds_lease() {
            return Err(RouteOutcome::Unavailable);
        }
        self.delivery
            .deliver((id, epoch), frame, acknowledged, ticket)
            .map_err(outcome_of)
    }

    fn send_to(
        peer: &PeerHandle,
        id: &MintedId,
        parcel: Parcel,
        acknowledgement: Acknowledgement,
    ) -> Result<Flight, RouteOutcome> {
        let (reply, answer) = oneshot::channel();
        let (written, told) = match acknowledgement {
            Acknowledgement::Delivered => (None, None),
            Acknowledgement::Written => {
                let (written, told) = oneshot::channel();
                (Some(written), Some(told))
            }
        };
        peer.send(Send {
            connection: *id,
            epoch: parcel.epoch,
            frame: parcel.frame,
            deadline: parcel.deadline,
            reply: Some(Reply::Future(reply)),
            written,
        })?;
        Ok(Flight {
            reply: Some(answer),
            written: told,
        })
    }

    fn send(&self, id: &MintedId, frame: Frame) -> Result<(), RouteOutcome> {
        if self.parking.is_parked(id) {
            return Err(RouteOutcome::Unavailable);
        }
        let parcel = Parcel {
            epoch: None,
            frame,
            deadline: self.environment.now() + self.limits.deadline,
        };
        self.start_unanswered(id, parcel)
    }

    /// Puts a message on its way that nobody wants to hear of again.
    pub(crate) fn start_unanswered(
        &self,
        id: &MintedId,
        parcel: Parcel,
    ) -> Result<(), RouteOutcome> {
        match self.directory.load().route(id) {
            Route::Here => self.put_here(id, parcel, false, None),
            Route::At(peer) => peer.send(Send {
                connection: *id,
                epoch: parcel.epoch,
                frame: parcel.frame,
                deadline: parcel.deadline,
                reply: None,
                written: None,
            }),
            Route::Down(node) => Err(RouteOutcome::NodeDown { node }),
            Route::Gone => Err(RouteOutcome::NotFound),
            Route::Unreachable | Route::Unknown => Err(RouteOutcome::Unavailable),
        }
    }
}

fn outcome_of(reason: Undelivered) -> RouteOutcome {
    match reason {
        Undelivered::Undeliverable(Undeliverable::NotFound) => RouteOutcome::NotFound,
        Undelivered::Undeliverable(Undeliverable::SlowConsumer) => RouteOutcome::SlowConsumer,
        Undelivered::Undeliverable(Undeliverable::Refused) => RouteOutcome::Refused,
        Undelivered::Moved => RouteOutcome::Superseded,
    }
}
