use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::{Lane, Listener};
use crate::broker::{BrokerClient, BrokerOptions, BrokerSession};
use crate::{BackOff, TransportEventSender};

/// How long the last words may take.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(500);

/// How long stopping may take; afterwards what still runs is ended.
pub(in crate::broker) const STOP_TIMEOUT: Duration = Duration::from_secs(2);

const _: () = assert!(GOODBYE_TIMEOUT.as_millis() < STOP_TIMEOUT.as_millis());

/// Keeps one lane connected to the broker for as long as the transport runs.
pub(in crate::broker) struct LaneTask {
    pub(in crate::broker) lane: Arc<Lane>,
    pub(in crate::broker) client: Arc<dyn BrokerClient>,
    pub(in crate::broker) options: BrokerOptions,
    pub(in crate::broker) events: TransportEventSender,
    pub(in crate::broker) stopping: watch::Receiver<bool>,
    /// Says how the first attempt went, to whoever waits for it.
    pub(in crate::broker) first: Option<oneshot::Sender<Result<(), String>>>,
}

/// The transport is to stop.
struct Stopping;

impl LaneTask {
    pub(in crate::broker) async fn run(mut self) {
        let mut back_off = BackOff::new(self.options.back_off_min, self.options.back_off_max);
        let mut told = String::new();
        let environment = self.lane.environment().clone();
        loop {
            let connected = tokio::select! {
                biased;
                () = self.ends() => return,
                connected = self.client.connect(&self.lane) => connected,
            };
            self.tell_first(connected.as_ref().err());
            match connected {
                Ok(session) => {
                    told.clear();
                    let begun = environment.now();
                    if let Err(Stopping) = self.serve(session).await {
                        return;
                    }
                    let lived = environment.now().saturating_duration_since(begun);
                    if lived > self.options.silence_max() {
                        back_off.reset();
                    }
                }
                Err(problem) => self.tell_problem(problem, &mut told),
            }
            back_off.failed();
            tokio::select! {
                biased;
                () = self.ends() => return,
                () = tokio::time::sleep(back_off.pause(&environment)) => {}
            }
        }
    }

    /// Runs from one connection to the broker to its end.
    async fn serve(&self, mut session: Box<dyn BrokerSession>) -> Result<(), Stopping> {
        let (lane, broker, service) = (self.lane.name(), session.server(), self.client.service());
        tracing::info!(%lane, broker, "connected to {service}");
        let listener = Listener::new(&self.lane, &self.events, &self.options);
        self.lane.with(|state| state.connected());
        let lost = tokio::select! {
            biased;
            () = self.ends() => None,
            lost = session.run(&listener) => Some(lost),
        };
        let Some(lost) = lost else {
            // Peers that do not hear the last words notice it by themselves.
            let _ = tokio::time::timeout(GOODBYE_TIMEOUT, session.finish()).await;
            return Err(Stopping);
        };
        tracing::warn!(%lane, broker, reason = lost, "connection to {service} lost");
        let reason = format!("the connection to the broker was lost: {lost}");
        self.lane.with(|state| state.disconnected(&reason));
        tokio::select! {
            biased;
            told = listener.tell() => told.map_err(|_| Stopping),
            () = self.ends() => Err(Stopping),
        }
    }

    /// Waits until the transport is to stop, or nobody reads its events any more.
    async fn ends(&self) {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = self.events.closed() => {}
        }
    }

    fn tell_first(&mut self, problem: Option<&String>) {
        if let Some(first) = self.first.take() {
            let result = problem.cloned().map_or(Ok(()), Err);
            // Whoever asked may have given up.
            let _ = first.send(result);
        }
    }

    /// A problem is told once, however often it is met.
    fn tell_problem(&self, problem: String, told: &mut String) {
        let (lane, service) = (self.lane.name(), self.client.service());
        if *told == problem {
            tracing::debug!(%lane, problem, "{service} cannot be used yet");
            return;
        }
        tracing::warn!(%lane, problem, "{service} cannot be used; trying again");
        *told = problem;
    }
}
