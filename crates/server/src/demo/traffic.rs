//! Numbered messages between clients of different nodes, from the first act to the last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use raftwire_environment::Environment;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client::{DemoClient, OnMessage};
use super::ledger::{Ends, Fate, Ledger};

/// Messages that a sender has on their way at once: more than one, or order would mean nothing.
const BURST: u32 = 4;
/// From one burst of a sender to the next.
const INTERVAL: Duration = Duration::from_millis(200);

/// All flows, and their account.
#[derive(Debug)]
pub(super) struct Traffic {
    environment: Environment,
    ledger: Arc<Mutex<Ledger>>,
    flows: Vec<(DemoClient, DemoClient)>,
    slowest: Arc<Mutex<Vec<Slow>>>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

/// An answer that took its time.
#[derive(Clone, Copy, Debug)]
struct Slow {
    flow: usize,
    sent: Instant,
    took: Duration,
}

impl Traffic {
    pub(super) fn new(environment: Environment) -> Traffic {
        Traffic {
            environment,
            ledger: Arc::default(),
            flows: Vec::new(),
            slowest: Arc::default(),
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
        }
    }

    /// The account.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// What a new client does with its messages.
    pub(super) fn on_message(&self) -> OnMessage {
        let ledger = Arc::clone(&self.ledger);
        let expected = Mutex::new(1);
        Arc::new(move |sequence, text| {
            let mut expected = lock(&expected);
            let mut ledger = lock(&ledger);
            if std::mem::replace(&mut *expected, sequence + 1) != sequence {
                ledger.gap();
            }
            ledger.receive(text);
        })
    }

    /// Sends numbered messages from one client to another until the traffic ends, or until one
    /// of them is not delivered because an end was killed.
    pub(super) fn start(&mut self, from: &DemoClient, to: &DemoClient) {
        let flow = self.ledger().open();
        self.flows.push((from.clone(), to.clone()));
        let sender = Sender {
            environment: self.environment.clone(),
            ledger: Arc::clone(&self.ledger),
            slowest: Arc::clone(&self.slowest),
            flow,
            from: from.clone(),
            to: to.id.clone(),
        };
        let task = self.tracker.track_future(sender.run(self.stop.clone()));
        drop(self.environment.spawn("demo flow", task));
    }

    /// The node was killed: its clients are owed nothing more.
    pub(super) fn mark_killed(&self, clients: &[DemoClient]) {
        let is_killed = |client: &DemoClient| clients.iter().any(|killed| killed.id == client.id);
        let mut ledger = self.ledger();
        for (flow, (from, to)) in self.flows.iter().enumerate() {
            let ends = Ends {
                sender: is_killed(from),
                receiver: is_killed(to),
            };
            if ends != Ends::default() {
                ledger.touch(flow, ends);
            }
        }
    }

    /// The slowest answer to a message that was sent since then between clients that lived.
    pub(super) fn slowest_since(&self, since: Instant, killed: &[DemoClient]) -> Duration {
        let is_killed = |client: &DemoClient| killed.iter().any(|gone| gone.id == client.id);
        let slowest = lock(&self.slowest);
        let living = slowest.iter().filter(|slow| {
            let (from, to) = &self.flows[slow.flow];
            slow.sent >= since && !is_killed(from) && !is_killed(to)
        });
        living.map(|slow| slow.took).max().unwrap_or_default()
    }

    /// Sends nothing more, and waits until everything is settled, `within` a time.
    pub(super) async fn end(&self, within: Duration) {
        /// Fine enough: it happens once, at the end.
        const LOOK: Duration = Duration::from_millis(20);
        self.stop.cancel();
        self.tracker.close();
        let settled = async {
            self.tracker.wait().await;
            while !self.ledger().is_settled() {
                tokio::time::sleep(LOOK).await;
            }
        };
        // What is not settled by then is what the account will say.
        drop(tokio::time::timeout(within, settled).await);
    }
}

/// Nobody panics while the account is locked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One flow's sending end.
struct Sender {
    environment: Environment,
    ledger: Arc<Mutex<Ledger>>,
    slowest: Arc<Mutex<Vec<Slow>>>,
    flow: usize,
    from: DemoClient,
    to: String,
}

impl Sender {
    async fn run(self, stop: CancellationToken) {
        // Spread over the interval: a cluster's clients do not all speak in one moment.
        let offset = self
            .environment
            .random_range(0..INTERVAL.as_millis() as u64);
        tokio::time::sleep(Duration::from_millis(offset)).await;
        while !stop.is_cancelled() {
            let sent = self.environment.now();
            let burst: Vec<_> = (0..BURST)
                .map(|_| lock(&self.ledger).send(self.flow))
                .collect();
            // Polled in order, so sent in order.
            let routes = join_all(burst.into_iter().map(|number| self.send(number))).await;
            let took = self.environment.now().saturating_duration_since(sent);
            lock(&self.slowest).push(Slow {
                flow: self.flow,
                sent,
                took,
            });
            if routes.contains(&Way::Ended) {
                return;
            }
            tokio::time::sleep(INTERVAL.saturating_sub(took)).await;
        }
    }

    async fn send(&self, number: u32) -> Way {
        let outcome = self
            .from
            .send(&self.to, Ledger::text(self.flow, number))
            .await;
        let fate = match outcome.as_ref().map(|outcome| &*outcome.happened) {
            Some("yes") => Fate::Yes,
            Some("no") => Fate::No,
            Some(_) | None => Fate::Unknown,
        };
        lock(&self.ledger).settle(self.flow, number, fate);
        match outcome.as_ref().map(|outcome| &*outcome.outcome) {
            Some("not_found" | "node_down" | "node_lost") | None => Way::Ended,
            Some(_) => Way::Open,
        }
    }
}

/// Whether the next message of a flow can arrive at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// An end is gone for good.
    Ended,
}
