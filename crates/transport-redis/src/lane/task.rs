use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raftwire_environment::Environment;
use raftwire_protocol::Lane as LaneName;
use raftwire_transport::{BackOff, TransportEventSender};
use tokio::sync::watch;

use super::Lane;
use super::publisher::{Lost, Publisher};
use super::subscriber::Subscriber;
use crate::RedisOptions;
use crate::broker::{Broker, Login, Problem, open_broker};

/// How long the last words may take.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(500);

/// How long stopping may take; afterwards what still runs is ended.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(2);

const _: () = assert!(GOODBYE_TIMEOUT.as_millis() < STOP_TIMEOUT.as_millis());

/// Keeps one lane connected to the broker for as long as the transport runs.
pub(crate) struct LaneTask {
    pub(crate) name: LaneName,
    pub(crate) lane: Arc<Lane>,
    pub(crate) environment: Environment,
    pub(crate) options: RedisOptions,
    pub(crate) login: Login,
    pub(crate) events: TransportEventSender,
    pub(crate) stopping: watch::Receiver<bool>,
    /// Says how the first attempt went, to whoever waits for it.
    pub(crate) first: Option<tokio::sync::oneshot::Sender<Result<(), String>>>,
}

impl LaneTask {
    pub(crate) async fn run(mut self) {
        let mut back_off = BackOff::new(self.options.back_off_min, self.options.back_off_max);
        let mut told = String::new();
        let channels = self.channels();
        loop {
            let opened = tokio::select! {
                biased;
                () = self.ends() => return,
                opened = open_broker(&self.login, &channels) => opened,
            };
            self.tell_first(&opened);
            match opened {
                Ok(broker) => {
                    told.clear();
                    let begun = self.environment.now();
                    let lost = self.serve(broker).await;
                    if matches!(lost, Lost::Stopping) {
                        return;
                    }
                    let lived = self.environment.now().saturating_duration_since(begun);
                    if lived > self.options.silence_max() {
                        back_off.reset();
                    }
                }
                Err(problem) => self.tell_problem(&problem, &mut told),
            }
            back_off.failed();
            tokio::select! {
                biased;
                () = self.ends() => return,
                () = tokio::time::sleep(back_off.pause(&self.environment)) => {}
            }
        }
    }

    /// What this node subscribes to: its own channel, and that of all.
    fn channels(&self) -> [Bytes; 2] {
        self.lane.with(|state| {
            let names = state.names();
            [names.node(state.node()), names.all()]
        })
    }

    /// Runs from one connection to the broker to its end.
    async fn serve(&self, broker: Broker) -> Lost {
        let Broker {
            server,
            mut heard,
            _subscriber,
            commands,
            mut answers,
            publish,
        } = broker;
        let (lane, broker) = (self.name, server.to_string());
        tracing::info!(%lane, broker, "connected to Redis");
        let interval = self.options.hello_interval;
        let silence_max = self.options.silence_max();
        let mut publisher = Publisher::new(
            &self.lane,
            &self.environment,
            commands,
            publish,
            interval,
            silence_max,
        );
        let subscriber = Subscriber {
            lane: &self.lane,
            name: self.name,
            environment: &self.environment,
            events: &self.events,
            hello_interval: interval,
            silence_max,
        };
        self.lane.with(|state| state.connected());
        // Not biased: each half can use up the task's whole turn, and must not do so every time.
        let lost = tokio::select! {
            lost = subscriber.run(&mut heard) => lost,
            lost = publisher.run(&mut answers) => lost,
            () = self.ends() => Lost::Stopping,
        };
        if matches!(lost, Lost::Stopping) {
            let finished = publisher.finish(&mut answers);
            // Peers that do not hear the last words notice it by themselves.
            let _ = tokio::time::timeout(GOODBYE_TIMEOUT, finished).await;
            return lost;
        }
        tracing::warn!(%lane, broker, reason = %lost, "connection to Redis lost");
        let reason = format!("the connection to the broker was lost: {lost}");
        self.lane.with(|state| state.disconnected(&reason));
        let told = tokio::select! {
            biased;
            told = subscriber.tell() => told.is_ok(),
            () = self.ends() => false,
        };
        if told { lost } else { Lost::Stopping }
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

    fn tell_first(&mut self, opened: &Result<Broker, Problem>) {
        if let Some(first) = self.first.take() {
            let result = match opened {
                Ok(_) => Ok(()),
                Err(problem) => Err(problem.to_string()),
            };
            // Whoever asked may have given up.
            let _ = first.send(result);
        }
    }

    /// A problem is told once, however often it is met.
    fn tell_problem(&self, problem: &Problem, told: &mut String) {
        let (lane, text) = (self.name, problem.to_string());
        if *told == text {
            tracing::debug!(%lane, problem = text, "Redis cannot be used yet");
            return;
        }
        tracing::warn!(%lane, problem = text, "Redis cannot be used; trying again");
        *told = text;
    }
}
