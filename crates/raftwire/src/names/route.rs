//! The sender's side: from a name to the connection that has it now, with the order kept.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::try_join;
use raftwire_consensus::{NameRow, NoQuorum};
use raftwire_protocol::{Frame, MintedId, Name};

use crate::directory::Route;
use crate::parking::{Place, Seat};
use crate::router::{Flight, Inner, Parcel};
use crate::{Acknowledgement, RouteOutcome};

/// How often a message is sent again because its name had moved: once, since more would let two
/// connections that take a name from each other keep a message under way.
const RETRIES_MAX: u32 = 1;

/// A message to a name, and its place among the others to the same name.
struct Journey<'a> {
    router: &'a Inner,
    name: &'a Name,
    place: Place<Name>,
    /// What it takes of the room of those that wait.
    seat: Option<Seat>,
    /// The newest registration whose owner did not know it, or not any more.
    refused: Option<u64>,
    /// The connection that was found last.
    last: Option<MintedId>,
}

impl Inner {
    /// Sends a message to whatever connection has the name. Returns the last one that was found too.
    pub(crate) async fn route_named(
        &self,
        name: &Name,
        frame: Frame,
        deadline: Instant,
        acknowledgement: Acknowledgement,
    ) -> (Option<MintedId>, RouteOutcome) {
        let row = self.known_row(name);
        let epoch = row.map(|row| row.epoch);
        let journey = Journey {
            router: self,
            name,
            place: self.names.lines.enter(name, epoch),
            seat: None,
            refused: None,
            last: None,
        };
        journey.run(row, frame, deadline, acknowledgement).await
    }

    /// Sends a message without an answer, to the connection that is returned as far as it is known.
    /// One whose name has to be looked up goes on by itself.
    pub(crate) fn send_named(
        self: &Arc<Self>,
        name: &Name,
        frame: Frame,
    ) -> (Option<MintedId>, Result<(), RouteOutcome>) {
        let row = self.known_row(name);
        let id = row.map(|row| row.connection);
        let place = self.names.lines.enter(name, row.map(|row| row.epoch));
        let deadline = self.environment.now() + self.limits.deadline;
        if let Some(row) = row.filter(|_| place.is_under_way()) {
            return (id, self.start_silently(&row, frame, deadline));
        }
        let seat = match self.parking.room().sit(frame.len()) {
            Ok(seat) => seat,
            Err(outcome) => return (id, Err(outcome)),
        };
        let (router, name) = (Arc::clone(self), name.clone());
        drop(self.environment.spawn("send to a name", async move {
            let mut journey = Journey {
                router: &router,
                name: &name,
                place,
                seat: Some(seat),
                refused: None,
                last: None,
            };
            if let Ok(row) = journey.depart_by(deadline).await {
                let _ = router.start_silently(&row, frame, deadline);
            }
        }));
        (id, Ok(()))
    }

    fn start_silently(
        &self,
        row: &NameRow,
        frame: Frame,
        deadline: Instant,
    ) -> Result<(), RouteOutcome> {
        let parcel = Parcel {
            epoch: Some(row.epoch),
            frame,
            deadline,
        };
        self.start_unanswered(&row.connection, parcel)
    }

    /// The row of a name, as far as this node knows it and where it leads.
    fn known_row(&self, name: &Name) -> Option<NameRow> {
        let row = self.directory.load().name(name);
        // A node without the log has it elsewhere, and the directory may be a little behind.
        let row = row.or_else(|| self.names.service.name(name))?;
        self.leads_somewhere(&row).then_some(row)
    }

    /// Whether the directory contains the registration, and what it says of the owner is of use.
    fn leads_somewhere(&self, row: &NameRow) -> bool {
        let directory = self.directory.load();
        directory.applied_index() >= row.epoch
            && !matches!(
                directory.route(&row.connection),
                Route::Down(_) | Route::Gone | Route::Unknown
            )
    }

    /// What the cluster says of a name now.
    async fn lookup(&self, name: &Name) -> Result<NameRow, RouteOutcome> {
        match self.names.service.lookup(name).await {
            Ok(Some(row)) => {
                // The directory is written a little later than what the row was read from.
                if !self.parking.applied(row.epoch).await {
                    return Err(RouteOutcome::Unavailable);
                }
                Ok(row)
            }
            Ok(None) => Err(RouteOutcome::NotFound),
            Err(NoQuorum) => Err(RouteOutcome::Unavailable),
        }
    }

    /// The connection that has a name now, or that had a moment ago.
    pub(crate) async fn resolve_name(
        &self,
        name: &Name,
        deadline: Instant,
    ) -> Result<MintedId, RouteOutcome> {
        if let Some(row) = self.known_row(name) {
            return Ok(row.connection);
        }
        let _seat = self.parking.room().sit(0)?;
        let row = tokio::time::timeout_at(deadline.into(), self.lookup(name)).await;
        let row = row.map_err(|_| RouteOutcome::Deadline { transmitted: false })?;
        Ok(row?.connection)
    }
}

impl Journey<'_> {
    async fn run(
        mut self,
        known: Option<NameRow>,
        frame: Frame,
        deadline: Instant,
        acknowledgement: Acknowledgement,
    ) -> (Option<MintedId>, RouteOutcome) {
        let travelled = self.travel(known, frame, deadline, acknowledgement);
        let (Ok(outcome) | Err(outcome)) = travelled.await;
        (self.last, outcome)
    }

    /// An error is an outcome before the message was sent anywhere.
    async fn travel(
        &mut self,
        mut known: Option<NameRow>,
        frame: Frame,
        deadline: Instant,
        acknowledgement: Acknowledgement,
    ) -> Result<RouteOutcome, RouteOutcome> {
        let mut retries = 0;
        loop {
            let row = match known.take().filter(|_| self.place.is_under_way()) {
                Some(row) => row,
                None => self.wait(frame.len(), deadline).await?,
            };
            self.last = Some(row.connection);
            let outcome = match self.start(&row, frame.clone(), deadline, acknowledgement) {
                Ok(flight) => flight.land(deadline).await,
                Err(outcome) => outcome,
            };
            if outcome != RouteOutcome::Superseded || retries == RETRIES_MAX {
                return Ok(outcome);
            }
            retries += 1;
            self.refused = Some(row.epoch);
            self.place.come_back();
        }
    }

    fn start(
        &self,
        row: &NameRow,
        frame: Frame,
        deadline: Instant,
        acknowledgement: Acknowledgement,
    ) -> Result<Flight, RouteOutcome> {
        let route = self.router.directory.load().route(&row.connection);
        let parcel = Parcel {
            epoch: Some(row.epoch),
            frame,
            deadline,
        };
        self.router
            .start(route, &row.connection, parcel, acknowledgement)
    }

    /// Waits in line, with a share of the room, until it is known where the message goes.
    async fn wait(
        &mut self,
        payload_bytes: usize,
        deadline: Instant,
    ) -> Result<NameRow, RouteOutcome> {
        self.seat = Some(self.router.parking.room().sit(payload_bytes)?);
        let row = self.depart_by(deadline).await?;
        self.seat = None;
        Ok(row)
    }

    async fn depart_by(&mut self, deadline: Instant) -> Result<NameRow, RouteOutcome> {
        match tokio::time::timeout_at(deadline.into(), self.depart()).await {
            Ok(departed) => departed,
            Err(_) => Err(RouteOutcome::Deadline { transmitted: false }),
        }
    }

    /// Waits for this message's turn, finds the row, and goes by its epoch.
    async fn depart(&mut self) -> Result<NameRow, RouteOutcome> {
        let mut asked = None;
        loop {
            // Asked while it waits for its turn: the answer is younger than the message, and those who
            // wait for one name share a question instead of asking one after the other.
            let turn = async {
                self.place.turn().await;
                Ok(())
            };
            let early = async {
                match self.newest(asked) {
                    Some(row) => Ok(row),
                    None => self.ask().await,
                }
            };
            let ((), row) = try_join(turn, early).await?;
            let row = self.newest(Some(row)).unwrap_or(row);
            asked = Some(row);
            if self.place.depart(row.epoch).await {
                return Ok(row);
            }
        }
    }

    /// The newest registration that is known, here or from an answer, if it has not been refused.
    fn newest(&self, asked: Option<NameRow>) -> Option<NameRow> {
        let known = self.router.known_row(self.name);
        let rows = [known, asked].into_iter().flatten();
        let newest = rows.max_by_key(|row| row.epoch);
        newest.filter(|row| Some(row.epoch) > self.refused)
    }

    async fn ask(&self) -> Result<NameRow, RouteOutcome> {
        let row = self.router.lookup(self.name).await?;
        if Some(row.epoch) > self.refused {
            return Ok(row);
        }
        // The log still has the registration that its owner has given up: the connection has ended.
        Err(RouteOutcome::NotFound)
    }
}
