//! How a message sets out: into an outbox of this node, or into the queue of the peer that has the connection;
//! or, while it is not known which that is, into the line of those that wait.

use std::time::Instant;

use raftwire_protocol::{Frame, MintedId};
use tokio::sync::oneshot;

use super::{Acknowledgement, Flight, Inner};
use crate::RouteOutcome;
use crate::connection::{Undeliverable, Undelivered, WrittenTicket};
use crate::directory::Route;
use crate::peer::{PeerHandle, Reply, Send};

/// One message, and how it is addressed beside the connection's id.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// The registration of the name by which the sender found the connection.
    pub(crate) epoch: Option<u64>,
    pub(crate) frame: Frame,
    pub(crate) deadline: Instant,
}

impl Inner {
    pub(super) async fn route(
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
    pub(super) async fn resolve(
        &self,
        id: &MintedId,
        deadline: Instant,
    ) -> Result<Route, RouteOutcome> {
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

    pub(super) fn send(&self, id: &MintedId, frame: Frame) -> Result<(), RouteOutcome> {
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
