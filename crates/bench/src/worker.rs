//! One thread that measures answers: its share of the connections, from opening to the tally.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{interval, sleep};

use crate::conductor::{Said, Share, Times, Work};
use crate::connection::Connection;
use crate::dialect::SUBPROTOCOL;
use crate::echo::Echo;
use crate::lookup::Lookup;
use crate::machine::{Nanos, Ticker, cpu_of_this_thread};
use crate::meter::Meter;
use crate::opening::Door;
use crate::pace::Pace;
use crate::protocol::nats::NatsPairing;
use crate::protocol::node::{NodeHear, NodePairing};
use crate::protocol::relay::RelayPairing;
use crate::protocol::socket_io::SocketIoPairing;
use crate::protocol::{Messages, Pair, Pairing};
use crate::receiver::{Hear, Receiver};
use crate::sender::{Sender, Talk};
use crate::tally::Tally;
use crate::welcome::{may_send, welcomed};
use crate::{BenchError, Plan, Protocol, Scenario};

/// Handshakes of a thread at a time.
const OPENING_MAX: usize = 64;
/// How often the thread looks whether its timers are late.
const LAG_EVERY: std::time::Duration = std::time::Duration::from_millis(10);

impl Work for Plan {
    async fn work(
        &self,
        share: Share,
        say: &dyn Fn(Said),
        times: oneshot::Receiver<Times>,
    ) -> Result<Tally, BenchError> {
        let trust = self.trust.as_ref();
        match &self.scenario {
            Scenario::Echo {
                server,
                in_flight,
                bytes,
                ..
            } => {
                let door = Door::drawn(server, None, trust)?;
                let opened = open_each(share, say, async |_| {
                    let (connection, _) = door.open().await.map_err(BenchError::failed)?;
                    Ok((connection, Echo::new(*bytes)))
                });
                let opened = opened.await?;
                say(Said::Ready);
                let Ok(times) = times.await else {
                    return Ok(Tally::default());
                };
                let none = Vec::<(Connection, NodeHear)>::new();
                drive(self, share, times, *in_flight, opened, none).await
            }
            Scenario::Route {
                protocol,
                senders_at,
                bytes,
                answer,
                ..
            } => {
                let messages = Messages {
                    bytes: *bytes,
                    answer: *answer,
                };
                let times = (say, times);
                match protocol {
                    _ if senders_at.is_bare() => {
                        route(self, share, times, RelayPairing(messages)).await
                    }
                    Protocol::Raftwire => route(self, share, times, NodePairing(messages)).await,
                    Protocol::Nats => route(self, share, times, NatsPairing(messages)).await,
                    Protocol::SocketIo => {
                        route(self, share, times, SocketIoPairing(messages)).await
                    }
                }
            }
            Scenario::Lookup {
                at,
                prefix,
                names,
                in_flight,
                bytes,
                ..
            } => {
                let door = Door::drawn(at, Some(SUBPROTOCOL), trust)?;
                let opened = open_each(share, say, async |number| {
                    let (connection, welcome) = welcomed(&door).await?;
                    may_send(&welcome)?;
                    Ok((connection, Lookup::new(prefix, *names, number, *bytes)))
                });
                let opened = opened.await?;
                say(Said::Ready);
                let Ok(times) = times.await else {
                    return Ok(Tally::default());
                };
                let none = Vec::<(Connection, NodeHear)>::new();
                drive(self, share, times, *in_flight, opened, none).await
            }
        }
    }
}

async fn route<P: Pairing>(
    plan: &Plan,
    share: Share,
    (say, times): (&dyn Fn(Said), oneshot::Receiver<Times>),
    pairing: P,
) -> Result<Tally, BenchError> {
    let Scenario::Route {
        senders_at,
        receivers_at,
        in_flight,
        ..
    } = &plan.scenario
    else {
        return Ok(Tally::default());
    };
    let trust = plan.trust.as_ref();
    let senders_at = Door::drawn(senders_at, P::SUBPROTOCOL, trust)?;
    let mut doors = Vec::new();
    for address in receivers_at {
        doors.push(Door::drawn(address, P::SUBPROTOCOL, trust)?);
    }
    if doors.is_empty() {
        doors.push(senders_at.clone());
    }
    let opened = open_each(share, say, async |number| {
        let pair = pairing.open(&senders_at, &doors[number % doors.len()]);
        let Pair { sender, receiver } = pair.await?;
        Ok((sender, receiver))
    });
    let (senders, receivers) = opened.await?.into_iter().unzip();
    say(Said::Ready);
    let Ok(times) = times.await else {
        return Ok(Tally::default());
    };
    drive(plan, share, times, *in_flight, senders, receivers).await
}

/// Opens one of each number of the share, in order, several at a time.
pub(crate) async fn open_each<T>(
    share: Share,
    say: &dyn Fn(Said),
    open: impl AsyncFn(usize) -> Result<T, BenchError>,
) -> Result<Vec<T>, BenchError> {
    let open = &open;
    let opening = (share.first..share.first + share.count).map(|number| async move {
        let opened = open(number).await?;
        say(Said::Opened);
        Ok(opened)
    });
    stream::iter(opening)
        .buffered(OPENING_MAX)
        .try_collect()
        .await
}

async fn drive<T: Talk, H: Hear>(
    plan: &Plan,
    share: Share,
    times: Times,
    in_flight: usize,
    senders: Vec<(Connection, T)>,
    receivers: Vec<(Connection, H)>,
) -> Result<Tally, BenchError> {
    let connections = senders.len() + receivers.len();
    let meter = Rc::new(Meter::new(times.measured, times.end, connections));
    sleep(times.begin.until()).await;
    let pace = plan.rate.map(|rate| Pace::new(times.begin, rate));
    let mut all = Vec::new();
    for (index, (connection, talk)) in senders.into_iter().enumerate() {
        let pace = pace.map(|pace| pace.turn(share.first + index, share.of));
        let sender = Sender::new(connection, talk, in_flight, pace, meter.clone());
        let sender = Rc::new(RefCell::new(sender));
        all.push(sender.clone());
        let meter = meter.clone();
        spawn_local(async move {
            let lost = poll_fn(|context| sender.borrow_mut().poll(context)).await;
            meter.lose(&lost);
        });
    }
    for ((connection, hear), sender) in receivers.into_iter().zip(&all) {
        let waits = plan.scenario.is_answered_by_arrival();
        let sender = waits.then(|| sender.clone());
        let mut receiver = Receiver::new(connection, hear, meter.clone(), sender);
        let meter = meter.clone();
        spawn_local(async move {
            let lost = poll_fn(|context| receiver.poll(context)).await;
            meter.lose(&lost);
        });
    }
    if let Some(pace) = pace {
        let ticker = Ticker::new(pace.tick()).map_err(BenchError::Machine)?;
        spawn_local(keep_pace(ticker, pace, share, all.clone()));
    }
    tokio::select! {
        () = meter.failed.notified() => {}
        () = measure(times, &meter) => {}
    }
    if let Some(why) = meter.failure() {
        return Err(BenchError::Failed(why));
    }
    let mut tally = meter.tally.take();
    let overdue = all.iter().map(|sender| sender.borrow().overdue(times.end));
    tally.overdue = overdue.sum();
    Ok(tally)
}

/// Has each sender send in its turn.
async fn keep_pace<T: Talk>(
    ticker: Ticker,
    pace: Pace,
    share: Share,
    senders: Vec<Rc<RefCell<Sender<T>>>>,
) {
    let mut next = 0;
    loop {
        ticker.tick().await;
        let now = Nanos::now();
        let due = pace.due(now);
        // Each sender once, however many of its turns were missed.
        for turn in next..due.min(next + share.of as u64) {
            let sender = (turn % share.of as u64) as usize;
            if let Some(sender) = sender
                .checked_sub(share.first)
                .and_then(|own| senders.get(own))
            {
                sender.borrow_mut().push(now);
            }
        }
        next = due.max(next);
    }
}

/// Watches the thread from when it counts to the end.
pub(crate) async fn measure(times: Times, meter: &Meter) {
    sleep(times.measured.until()).await;
    let before = cpu_of_this_thread();
    let mut looks = interval(LAG_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    looks.tick().await;
    let mut last = Nanos::now();
    while last < times.end {
        looks.tick().await;
        let now = Nanos::now();
        let late = now.since(last.after(LAG_EVERY));
        meter.tally.borrow_mut().lag.record(late);
        last = now;
    }
    let cpu = cpu_of_this_thread().since(before);
    let mut tally = meter.tally.borrow_mut();
    (tally.cpu, tally.busiest) = (cpu, cpu);
}
