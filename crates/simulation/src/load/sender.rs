//! A sender: one handle of its node's router, and whoever it wants to reach.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use raftwire::{
    Acknowledgement, ClusterRouter, ConnectionId, ROUTE_DEADLINE_DEFAULT, RouteOptions,
};
use raftwire_protocol::{Boot, MintedId, Slot};
use tokio::time::sleep;

use super::stamp::Stamp;
use super::{Place, namer, payload};
use crate::dice::Dice;
use crate::fact::{Event, MessageId};

/// Routes of a process that may be under way at a time; more wait.
const UNDER_WAY_MAX: usize = 200;

/// Share of messages to connections that never were, in percent.
const UNKNOWN_PERCENT: u64 = 2;

/// Connections that one message is sent to at most.
const FAN_OUT_MAX: u64 = 9;

/// A route that reports its answer itself.
type Route = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Sends numbered messages to whatever connections there are.
pub(super) struct Sender {
    place: Place,
    stamp: Stamp,
    dice: Dice,
    router: ClusterRouter,
}

/// How a message is sent.
#[derive(Clone, Copy, Debug)]
enum Way {
    Route,
    RouteSoon,
    RouteWritten,
    RouteMany,
    Forget,
}

const WAYS: [(u64, Way); 5] = [
    (55, Way::Route),
    (15, Way::RouteSoon),
    (10, Way::RouteWritten),
    (10, Way::RouteMany),
    (10, Way::Forget),
];

impl Sender {
    pub(super) fn new(place: Place, number: u64, dice: Dice) -> Sender {
        let router = place.manager.router().clone();
        let stamp = Stamp::new(place.clone(), number);
        Sender {
            place,
            stamp,
            dice,
            router,
        }
    }

    /// Runs until nothing more is to be sent.
    pub(super) async fn run(mut self) {
        while self.place.board.may_send(&self.place.process) {
            if self.place.board.routes(&self.place.process) < UNDER_WAY_MAX {
                self.send_one().await;
            }
            let pause = self.place.load.pause_ms.clone();
            sleep(self.dice.millis(pause)).await;
        }
    }

    async fn send_one(&mut self) {
        let Some(to) = self.target() else { return };
        let (number, bytes) = (self.place.board.next_message(), self.bytes());
        let options = RouteOptions::default();
        let deadline = ROUTE_DEADLINE_DEFAULT;
        match *self.dice.weighted(&WAYS) {
            Way::Route => self.route(number, to, bytes, options, deadline).await,
            Way::RouteSoon => {
                let deadline = self.dice.millis(3..400);
                self.route(number, to, bytes, options.deadline(deadline), deadline)
                    .await;
            }
            Way::RouteWritten => {
                let options = options.acknowledgement(Acknowledgement::Written);
                self.route(number, to, bytes, options, deadline).await;
            }
            // One frame for a name and for the connection that has it would be two copies for one client.
            Way::RouteMany if matches!(to, ConnectionId::Minted(_)) => {
                self.route_many(number, to, bytes).await;
            }
            Way::RouteMany => self.route(number, to, bytes, options, deadline).await,
            Way::Forget => {
                let id = self.stamp.send(number, to.clone(), None);
                if let Err(outcome) = self.router.send(&to, payload::frame(number, bytes)) {
                    self.place.board.report(Event::Answered(id, outcome));
                }
            }
        }
    }

    async fn route(
        &mut self,
        number: u64,
        to: ConnectionId,
        bytes: usize,
        options: RouteOptions,
        deadline: Duration,
    ) {
        let id = self.stamp.send(number, to.clone(), Some(deadline));
        let frame = payload::frame(number, bytes);
        let (router, board) = (self.router.clone(), self.place.board.clone());
        let route = async move {
            let outcome = router.route_with(&to, frame, options).await;
            board.report(Event::Answered(id, outcome));
        };
        self.launch(Box::pin(route)).await;
    }

    async fn route_many(&mut self, number: u64, first: ConnectionId, bytes: usize) {
        let more = self.dice.number(0..FAN_OUT_MAX);
        let mut connections = vec![first];
        connections.extend((0..more).filter_map(|_| self.connection()));
        let distinct: BTreeSet<ConnectionId> = connections.iter().cloned().collect();
        for to in distinct {
            self.stamp.send(number, to, Some(ROUTE_DEADLINE_DEFAULT));
        }
        let frame = payload::frame(number, bytes);
        let (router, board) = (self.router.clone(), self.place.board.clone());
        let route = async move {
            for (to, outcome) in router.route_many(&connections, frame).await {
                board.report(Event::Answered(MessageId { number, to }, outcome));
            }
        };
        self.launch(Box::pin(route)).await;
    }

    /// Begins a route here, so that its place in the order is that of the call, and lets it end by
    /// itself.
    async fn launch(&self, mut route: Route) {
        let is_over = poll_fn(|context| Poll::Ready(route.as_mut().poll(context).is_ready())).await;
        if is_over {
            return;
        }
        let Place {
            board,
            process,
            environment,
            ..
        } = self.place.clone();
        board.route_begins(&process);
        environment.spawn("route", async move {
            route.await;
            board.route_ends(&process);
        });
    }

    /// Whom the next message is for: a name, or a connection.
    fn target(&mut self) -> Option<ConnectionId> {
        let load = &self.place.load;
        if load.names > 0 && self.dice.percent(load.named_percent) {
            let name = namer::name(self.dice.number(0..load.names));
            return Some(ConnectionId::Named(name));
        }
        self.connection()
    }

    /// Mostly one of the newer connections.
    fn connection(&mut self) -> Option<ConnectionId> {
        let dice = &mut self.dice;
        if dice.percent(UNKNOWN_PERCENT) {
            let slot = Slot::new(u16::try_from(dice.number(0..8)).unwrap_or(0));
            let boot = Boot::new(u32::try_from(dice.number(1..40)).unwrap_or(1))?;
            return Some(ConnectionId::Minted(MintedId::new(
                slot,
                boot,
                0,
                0,
                dice.seed() >> 16,
            )));
        }
        self.place.board.connection(|count| {
            let newest = if dice.percent(80) {
                count.min(20)
            } else {
                count
            };
            count - 1 - dice.index(newest)
        })
    }

    fn bytes(&mut self) -> usize {
        let large = self.place.load.large_percent;
        let kinds = [
            (70, 200),
            (28 - 2 * large, 8 << 10),
            (large, 100 << 10),
            (large, 400 << 10),
        ];
        let most = *self.dice.weighted(&kinds);
        usize::try_from(self.dice.number(0..most)).unwrap_or(0)
    }
}
