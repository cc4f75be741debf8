//! One thread of a fan-out: its share of the receivers, and in the first one the sender.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use raftwire_websocket::MessageKind;
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{interval, sleep, timeout};

use super::arrivals::Arrivals;
use super::receiver::FanoutReceiver;
use super::sender::{Course, FanoutSender};
use super::shared::{Shared, Stage};
use super::{FanoutPlan, FanoutServerKind};
use crate::conductor::{Said, Share, Times, Work};
use crate::connection::Connection;
use crate::dialect::{JOINED, SUBPROTOCOL, join};
use crate::doors::Doors;
use crate::machine::{Nanos, Ticker, random_u64};
use crate::meter::Meter;
use crate::opening::Door;
use crate::pace::Pace;
use crate::tally::Tally;
use crate::welcome::{may_send, next_message, welcomed};
use crate::worker::{measure, open_each};
use crate::{BenchError, BenchError::Failed};

/// How long receivers may take to hear the sender, when all of them are connected.
const HEARING_MAX: Duration = Duration::from_secs(30);
/// How often the sender says something meanwhile, and how often is looked for what is waited for.
const PROBE_EVERY: Duration = Duration::from_millis(50);
/// How long after the end the last messages may take to arrive. Less than what the threads are waited for.
const ARRIVAL_MAX: Duration = Duration::from_secs(20);

/// What the threads of a fan-out do.
#[derive(Clone, Debug)]
pub(super) struct FanoutWork {
    plan: FanoutPlan,
    /// Drawn, so that no one else is in it.
    group: String,
    shared: Arc<Shared>,
}

impl FanoutWork {
    pub(super) fn new(plan: &FanoutPlan, threads: usize) -> FanoutWork {
        FanoutWork {
            plan: plan.clone(),
            group: format!("bench-{:016x}", random_u64()),
            shared: Arc::new(Shared::new(threads)),
        }
    }
}

impl Work for FanoutWork {
    async fn work(
        &self,
        share: Share,
        say: &dyn Fn(Said),
        times: oneshot::Receiver<Times>,
    ) -> Result<Tally, BenchError> {
        let done = self.measure(share, say, times).await;
        if share.thread == 0 && done.is_err() {
            self.shared.stage.send_replace(Stage::Failed);
        }
        done
    }
}

impl FanoutWork {
    async fn measure(
        &self,
        share: Share,
        say: &dyn Fn(Said),
        times: oneshot::Receiver<Times>,
    ) -> Result<Tally, BenchError> {
        // From when it counts is known later.
        let never = Nanos(u64::MAX);
        let meter = Rc::new(Meter::new(never, never, share.count));
        let sender = match share.thread {
            0 => Some(start(self.open_sender(&meter).await?, &meter)),
            _ if self.shared.reaches(Stage::Connected).await => None,
            _ => {
                // The first thread says why; whoever is told gives up.
                let _ = times.await;
                return Ok(Tally::default());
            }
        };
        let arrivals = self.open_receivers(share, say, &meter).await?;
        self.shared.opened();
        tokio::select! {
            () = meter.failed.notified() => {}
            heard = until_heard(&arrivals, &self.shared) => heard?,
        }
        if let Some(why) = meter.failure() {
            return Err(Failed(why));
        }
        say(Said::Ready);
        let Ok(times) = times.await else {
            return Ok(Tally::default());
        };
        meter.set_times(times.measured, times.end);
        sleep(times.begin.until()).await;
        if let Some(sender) = &sender {
            self.begin(sender, times)?;
        }
        tokio::select! {
            () = meter.failed.notified() => {}
            () = self.until_arrived(times, &meter, sender.as_ref()) => {}
        }
        if let Some(why) = meter.failure() {
            return Err(Failed(why));
        }
        let mut tally = meter.tally.take();
        tally.overdue = sender.map_or(0, |sender| sender.borrow().overdue());
        Ok(tally)
    }

    /// Opens the first connection of all.
    async fn open_sender(&self, meter: &Rc<Meter>) -> Result<FanoutSender, BenchError> {
        let plan = &self.plan;
        let trust = plan.trust.as_ref();
        let connection = match plan.kind {
            FanoutServerKind::Node => {
                let door = Door::drawn(&plan.servers[0], Some(SUBPROTOCOL), trust)?;
                let (connection, welcome) = welcomed(&door).await?;
                may_send(&welcome)?;
                connection
            }
            FanoutServerKind::Plain => {
                let door = Door::drawn(&plan.servers[0], None, trust)?;
                door.open().await.map_err(BenchError::failed)?.0
            }
        };
        self.shared.stage.send_replace(Stage::Connected);
        let (shared, meter) = (self.shared.clone(), meter.clone());
        Ok(FanoutSender::new(
            connection,
            plan,
            &self.group,
            shared,
            meter,
        ))
    }

    /// Opens the share, and has each hear what comes.
    async fn open_receivers(
        &self,
        share: Share,
        say: &dyn Fn(Said),
        meter: &Rc<Meter>,
    ) -> Result<Rc<RefCell<Arrivals>>, BenchError> {
        let plan = &self.plan;
        let shared = self.shared.clone();
        let in_flight_max = plan.burst * plan.in_flight;
        let arrivals = Arrivals::new(shared, share.thread, share.count, in_flight_max);
        let arrivals = Rc::new(RefCell::new(arrivals));
        let protocol = (plan.kind == FanoutServerKind::Node).then_some(SUBPROTOCOL);
        let doors = Doors::drawn(&plan.servers, protocol, plan.trust.as_ref(), share.count)?;
        let opened = open_each(share, say, async |number| {
            let door = doors.door(number - share.first, number);
            let (connection, rest) = match plan.kind {
                FanoutServerKind::Node => (self.open_member(door).await?, Vec::new()),
                FanoutServerKind::Plain => door.open().await.map_err(BenchError::failed)?,
            };
            let (meter, arrivals) = (meter.clone(), arrivals.clone());
            let mut receiver =
                FanoutReceiver::new(connection, plan.kind, plan.bytes, meter, arrivals);
            receiver.take(&rest).map_err(BenchError::failed)?;
            spawn_local(async move {
                let lost = poll_fn(|context| receiver.poll(context)).await;
                receiver.lose(&lost);
            });
            Ok(())
        });
        opened.await?;
        Ok(arrivals)
    }

    /// Opens a connection that is in the group.
    async fn open_member(&self, door: &Door) -> Result<Connection, BenchError> {
        let (mut connection, welcome) = welcomed(door).await?;
        if !welcome.may_join {
            return Err(BenchError::failed(
                "clients may not join groups here: set client.allow_join (--client-allow-join)",
            ));
        }
        let join = join(&self.group);
        connection.write(MessageKind::Text, join.as_bytes());
        let flushing = poll_fn(|context| connection.poll_flush(context));
        flushing.await.map_err(BenchError::failed)?;
        let answer = next_message(&mut connection).await;
        let answer = answer.map_err(BenchError::failed)?;
        if answer.starts_with(JOINED) {
            return Ok(connection);
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        Err(Failed(format!("the node answered a join with {answer}")))
    }

    fn begin(&self, sender: &RefCell<FanoutSender>, times: Times) -> Result<(), BenchError> {
        let rate = self.plan.rate;
        let pace = rate.map(|rate| Pace::new(times.begin, rate / self.plan.burst as f64));
        if let Some(pace) = pace {
            let ticker = Ticker::new(pace.tick()).map_err(BenchError::Machine)?;
            let shared = self.shared.clone();
            spawn_local(async move {
                loop {
                    ticker.tick().await;
                    shared.waker.wake();
                }
            });
        }
        let end = times.end;
        sender.borrow_mut().begin(Course { end, pace });
        Ok(())
    }

    /// Watches the thread until the end, and then until what was sent has arrived.
    async fn until_arrived(
        &self,
        times: Times,
        meter: &Meter,
        sender: Option<&Rc<RefCell<FanoutSender>>>,
    ) {
        measure(times, meter).await;
        let Some(sender) = sender else {
            // Where the sender fails, it says why.
            self.shared.reaches(Stage::Done).await;
            return;
        };
        let give_up = Nanos::now().after(ARRIVAL_MAX);
        let mut looks = interval(PROBE_EVERY);
        while sender.borrow().waiting() > 0 {
            if Nanos::now() > give_up {
                let (count, seconds) = (sender.borrow().waiting(), ARRIVAL_MAX.as_secs());
                let outcomes = &meter.tally.borrow().outcomes;
                return meter.fail(format!(
                    "{count} messages have not come to every receiver {seconds} s after the last one was sent; the server says {outcomes:?}"
                ));
            }
            looks.tick().await;
        }
        self.shared.stage.send_replace(Stage::Done);
    }
}

/// Has the sender say something now and then, so that it is seen who hears it.
fn start(sender: FanoutSender, meter: &Rc<Meter>) -> Rc<RefCell<FanoutSender>> {
    let sender = Rc::new(RefCell::new(sender));
    let (sending, meter) = (sender.clone(), meter.clone());
    spawn_local(async move {
        let lost = poll_fn(|context| sending.borrow_mut().poll(context)).await;
        meter.fail(format!("the sender's connection: {lost}"));
    });
    let probing = Rc::downgrade(&sender);
    spawn_local(async move {
        let mut probes = interval(PROBE_EVERY);
        while let Some(sender) = probing.upgrade() {
            sender.borrow_mut().probe();
            drop(sender);
            probes.tick().await;
        }
    });
    sender
}

/// Waits until each receiver of the thread has heard the sender. It says nothing until all are connected.
async fn until_heard(arrivals: &RefCell<Arrivals>, shared: &Shared) -> Result<(), BenchError> {
    let mut looks = interval(PROBE_EVERY);
    while !shared.is_open() {
        looks.tick().await;
    }
    let hearing = async {
        while arrivals.borrow().deaf() > 0 {
            looks.tick().await;
        }
    };
    timeout(HEARING_MAX, hearing).await.map_err(|_| {
        let (deaf, seconds) = (arrivals.borrow().deaf(), HEARING_MAX.as_secs());
        Failed(format!(
            "{deaf} receivers have heard nothing of the sender within {seconds} s; does the server write what its first connection says to every other one?"
        ))
    })
}
