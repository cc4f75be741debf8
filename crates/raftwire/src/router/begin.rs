use raftwire_protocol::{ConnectionId, Frame, MintedId};

use super::{Acknowledgement, ClusterRouter, Parcel, RouteOptions};
use crate::RouteOutcome;
use crate::directory::Route;
use crate::outcome_queue::OutcomeTicket;
use crate::peer::{Reply, Send};

/// What is known of a message once it was to be put on its way.
pub(crate) enum Begun {
    /// All there is to know.
    Over(RouteOutcome),
    /// It is on its way to this connection, and the ticket will get its outcome.
    OnItsWay(MintedId),
    /// It has to wait for something before, or for more than one answer: nothing has happened.
    Not(Frame),
}

impl ClusterRouter {
    /// Puts a message on its way if nothing stands between.
    pub(crate) fn begin(
        &self,
        connection: &ConnectionId,
        frame: Frame,
        options: RouteOptions,
        ticket: impl FnOnce() -> OutcomeTicket,
    ) -> Begun {
        let (ConnectionId::Minted(id), Acknowledgement::Delivered) =
            (connection, options.acknowledgement)
        else {
            return Begun::Not(frame);
        };
        let inner = &self.inner;
        let bytes = frame.len();
        let started = inner.check_size(&frame).and_then(|()| {
            let route = inner.directory.load().route(id);
            if matches!(route, Route::Unknown) || inner.parking.is_parked(id) {
                return Ok(Begun::Not(frame));
            }
            let parcel = Parcel {
                epoch: None,
                frame,
                deadline: inner.deadline(options),
            };
            let Route::At(peer) = route else {
                inner.start(route, id, parcel, Acknowledgement::Delivered)?;
                return Ok(Begun::Over(RouteOutcome::Delivered));
            };
            peer.send(Send {
                connection: *id,
                epoch: None,
                frame: parcel.frame,
                deadline: parcel.deadline,
                reply: Some(Reply::Queue(ticket())),
                written: None,
            })?;
            Ok(Begun::OnItsWay(*id))
        });
        let begun = started.unwrap_or_else(Begun::Over);
        if let Begun::Over(outcome) = &begun {
            self.count(id, outcome, bytes);
        }
        begun
    }

    /// Counts what became of a message.
    pub(crate) fn count(&self, id: &MintedId, outcome: &RouteOutcome, payload_bytes: usize) {
        let to = self.inner.destination(id);
        self.inner.counters.routed(id, to, outcome, payload_bytes);
    }
}
