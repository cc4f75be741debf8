//! From any node to any connection, with a true word of what became of the message.

mod begin;
mod departure;
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

use crate::connection::Delivery;
use crate::directory::{Directory, Route};
use crate::fan::LocalFans;
use crate::metrics::{FanCounters, RouteCounters};
use crate::names::NameService;
use crate::parking::{Lines, Parking, Resolver};
use crate::{Destination, OutcomeQueue, ParkedMetrics, ROUTE_DEADLINE_MAX, RouteOutcome};

pub(crate) use self::begin::Begun;
pub(crate) use self::departure::Parcel;
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

/// What all handles of a router share.
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
}
