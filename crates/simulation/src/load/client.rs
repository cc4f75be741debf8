//! A client: its node has given it an id and an outbox, which it reads after its habit.

use std::time::Duration;

use raftwire::{AcceptError, ConnectionId, ConnectionInfo, Frame, Outbox, OutboxClosed};
use tokio::time::{Instant, sleep, sleep_until};

use super::{LOOK, Place, payload};
use crate::board::Phase;
use crate::crowd::CrowdEvent;
use crate::dice::Dice;
use crate::fact::{Closing, Event, Received};
use crate::scenario::Habit;

/// How long a client waits before it asks again for a connection that its node did not give it.
const AGAIN: Duration = Duration::from_millis(50);

/// How long a quick client is away between two connections, in milliseconds.
const AWAY_MS_MAX: u64 = 1_000;

/// Connects again and again, until the node stops.
pub(super) async fn run(place: Place, mut dice: Dice) {
    let mut habit = Habit::draw(&mut dice, place.load.unruly_percent);
    while let Some((connection, outbox)) = accept(&place, habit).await {
        place.board.add_connection(connection.clone());
        Client {
            place: &place,
            connection,
            outbox,
            habit,
        }
        .read()
        .await;
        sleep(dice.millis(0..AWAY_MS_MAX)).await;
        habit = Habit::draw(&mut dice, place.load.unruly_percent);
    }
}

/// Keeps the one connection by which the others probe the way to this node.
pub(super) async fn keep_probe(place: Place) {
    while let Some((connection, outbox)) = accept(&place, Habit::Quick).await {
        place.board.add_connection(connection.clone());
        place
            .board
            .set_probe(&place.process.node, connection.clone());
        Client {
            place: &place,
            connection,
            outbox,
            habit: Habit::Quick,
        }
        .read()
        .await;
    }
}

/// A connection of the node; none when it stops.
async fn accept(place: &Place, habit: Habit) -> Option<(ConnectionId, Outbox)> {
    loop {
        match place.manager.accept("/ws", ConnectionInfo::default()) {
            Ok((connection, outbox)) => {
                let process = place.process.clone();
                let opened = Event::Opened(process, connection.clone(), habit.reads_at_once());
                place.board.report(opened);
                if habit.reads_at_once() {
                    place.board.add_nameable(&place.process, connection.clone());
                }
                return Some((connection, outbox));
            }
            Err(AcceptError::Stopping) => return None,
            Err(_) => sleep(AGAIN).await,
        }
    }
}

struct Client<'a> {
    place: &'a Place,
    connection: ConnectionId,
    outbox: Outbox,
    habit: Habit,
}

impl Client<'_> {
    /// Reads until the connection is over.
    async fn read(mut self) {
        let closing = match self.read_all().await {
            Some(OutboxClosed { code }) => Closing::Told(code),
            None => Closing::HungUp,
        };
        let Place { board, process, .. } = self.place;
        board.remove_nameable(process, &self.connection);
        board.report(Event::Closed(self.connection, closing));
    }

    /// The end that the node gave the connection; none if the client hung up.
    async fn read_all(&mut self) -> Option<OutboxClosed> {
        let connected = now(self.place);
        loop {
            let mut batch = Vec::new();
            let next = self.outbox.next_batch(&mut batch);
            let closed = match self.habit {
                Habit::HangsUp(after_ms) => {
                    let at = connected + Duration::from_millis(after_ms);
                    tokio::select! {
                        biased;
                        next = next => next.err(),
                        () = hang_up(self.place, at) => return None,
                    }
                }
                _ => next.await.err(),
            };
            if closed.is_some() {
                return closed;
            }
            self.received(&batch);
            self.pause(connected).await;
        }
    }

    fn received(&self, batch: &[Frame]) {
        let Place {
            manager,
            environment,
            board,
            process,
            ..
        } = self.place;
        let lease_left = manager.raft().lease().remaining(environment.boot_time());
        for frame in batch {
            let frame = payload::read(frame);
            if let Ok(number) = frame
                && board.is_broadcast(number)
            {
                board.report(Event::Crowd(CrowdEvent::Received {
                    number,
                    node: process.node.clone(),
                    connection: self.connection.clone(),
                }));
                continue;
            }
            board.report(Event::Received(Received {
                process: process.clone(),
                connection: self.connection.clone(),
                frame,
                lease_left,
                at_once: self.habit.reads_at_once(),
            }));
        }
    }

    async fn pause(&mut self, connected: Instant) {
        let is_emptying = || self.place.board.phase() >= Phase::Emptying;
        match self.habit {
            Habit::Quick | Habit::HangsUp(_) => {}
            Habit::Slow(_) if is_emptying() => {}
            Habit::Slow(millis) => sleep(Duration::from_millis(millis)).await,
            Habit::Stalls { after_ms, for_ms } => {
                let begins = connected + Duration::from_millis(after_ms);
                let ends = begins + Duration::from_millis(for_ms);
                while (begins..ends).contains(&now(self.place)) && !is_emptying() {
                    sleep(LOOK).await;
                }
            }
        }
    }
}

/// Waits until it is time to hang up; for ever, once everything is to be read.
async fn hang_up(place: &Place, at: Instant) {
    sleep_until(at).await;
    if place.board.phase() >= Phase::Settling {
        std::future::pending::<()>().await;
    }
}

fn now(place: &Place) -> Instant {
    place.environment.now().into()
}
