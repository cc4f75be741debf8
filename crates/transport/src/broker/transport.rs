use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_environment::Environment;
use raftwire_protocol::{Lane as LaneName, NodeId, Session};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::envelope::Sender;
use super::lane::{Lane, LaneState, LaneTask, STOP_TIMEOUT};
use super::{BrokerClient, BrokerOptions, BrokerStatistics};
use crate::{
    Channel, ClusterTransport, CreateError, Lanes, SendError, StartError, TransportEvents,
    TransportSetup, event_queue,
};

/// Carries packets between nodes over a broker. Cheap to clone; the clones are the same transport.
#[derive(Clone, Debug)]
pub struct BrokerTransport {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    environment: Environment,
    options: BrokerOptions,
    client: Arc<dyn BrokerClient>,
    /// Whether a node that finds no broker when it starts waits for it.
    waits: bool,
    node: NodeId,
    lanes: Lanes,
    control: Arc<Lane>,
    data: Arc<Lane>,
    phase: Mutex<Phase>,
    stopping: watch::Sender<bool>,
}

#[derive(Debug)]
enum Phase {
    Created,
    Running(Vec<JoinHandle<()>>),
    Stopped,
}

impl BrokerTransport {
    /// Makes a transport; nothing is opened yet. Addresses of peers are not used: on a broker a
    /// name is enough. Unless it `waits` for the broker, it does not start where the first attempt
    /// to connect fails.
    ///
    /// # Errors
    ///
    /// If an option cannot work.
    pub fn new(
        setup: TransportSetup,
        options: BrokerOptions,
        client: Arc<dyn BrokerClient>,
        waits: bool,
    ) -> Result<Self, CreateError> {
        options.validate()?;
        let TransportSetup {
            environment,
            cluster: _,
            node,
            peers,
            lanes,
        } = setup;
        let peers: BTreeSet<NodeId> = peers.into_iter().map(|peer| peer.node).collect();
        let session = random_session(&environment);
        let local = Sender {
            node: node.clone(),
            session,
            epoch: 0,
        };
        let lane = |lane| {
            let state = LaneState::new(lane, options.clone(), peers.clone(), local.clone());
            Arc::new(Lane::new(lane, session, environment.clone(), state))
        };
        let (control, data) = (lane(LaneName::Control), lane(LaneName::Data));
        Ok(Self {
            shared: Arc::new(Shared {
                environment,
                options,
                client,
                waits,
                node,
                lanes,
                control,
                data,
                phase: Mutex::new(Phase::Created),
                stopping: watch::Sender::new(false),
            }),
        })
    }

    /// The node that it is for.
    pub fn node_id(&self) -> &NodeId {
        &self.shared.node
    }

    /// What it has counted.
    pub fn statistics(&self) -> BrokerStatistics {
        let lanes = LaneName::ALL.map(|lane| self.shared.lane(lane));
        let [control, data] = lanes.map(|lane| lane.with(|state| state.statistics()));
        control + data
    }
}

impl Shared {
    fn lane(&self, lane: LaneName) -> &Arc<Lane> {
        match lane {
            LaneName::Control => &self.control,
            LaneName::Data => &self.data,
        }
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the tasks; returns the events, and what the first attempts to connect bring.
    fn run(&self) -> Result<(TransportEvents, Vec<oneshot::Receiver<FirstAttempt>>), StartError> {
        let mut phase = self.phase();
        match *phase {
            Phase::Created => {}
            Phase::Running(_) => return Err(StartError::AlreadyStarted),
            Phase::Stopped => return Err(StartError::Stopped),
        }
        let (sender, events) = event_queue();
        let mut tasks = Vec::new();
        let mut attempts = Vec::new();
        for lane in self.lanes.iter() {
            let (first, attempt) = oneshot::channel();
            attempts.push(attempt);
            let task = LaneTask {
                lane: Arc::clone(self.lane(lane)),
                client: Arc::clone(&self.client),
                options: self.options.clone(),
                events: sender.clone(),
                stopping: self.stopping.subscribe(),
                first: Some(first),
            };
            tasks.push(self.environment.spawn("broker lane", task.run()));
        }
        *phase = Phase::Running(tasks);
        Ok((events, attempts))
    }
}

impl Shared {
    /// Waits for the tasks, and ends those that do not end by themselves in time.
    async fn end(&self, tasks: &mut [JoinHandle<()>]) {
        self.stopping.send_replace(true);
        for task in tasks {
            // Its panic, if there was one, has been logged.
            if tokio::time::timeout(STOP_TIMEOUT, &mut *task)
                .await
                .is_err()
            {
                task.abort();
                let _ = task.await;
            }
        }
    }
}

type FirstAttempt = Result<(), String>;

fn random_session(environment: &Environment) -> Session {
    let mut bytes = [0; 16];
    environment.fill_random(&mut bytes);
    // All zeros is no session.
    bytes[0] |= 1;
    Session::from_bytes(bytes)
}

#[async_trait]
impl ClusterTransport for BrokerTransport {
    async fn start(&self) -> Result<TransportEvents, StartError> {
        let (events, attempts) = self.shared.run()?;
        if self.shared.waits {
            return Ok(events);
        }
        for attempt in attempts {
            let failed = match attempt.await {
                Ok(Ok(())) => None,
                Ok(Err(reason)) => Some(reason),
                Err(_) => Some("it was stopped".to_owned()),
            };
            if let Some(reason) = failed {
                self.stop().await;
                return Err(StartError::Service {
                    service: self.shared.client.address(),
                    reason,
                });
            }
        }
        Ok(events)
    }

    async fn stop(&self) {
        let phase = std::mem::replace(&mut *self.shared.phase(), Phase::Stopped);
        let Phase::Running(mut tasks) = phase else {
            return;
        };
        self.shared.end(&mut tasks).await;
        for lane in LaneName::ALL {
            let lane = self.shared.lane(lane);
            lane.with(|state| state.disconnected("the transport has stopped"));
        }
    }

    fn send(&self, channel: &Channel, packet: Bytes) -> Result<(), SendError> {
        let lane = self.shared.lane(channel.lane);
        lane.with(|state| state.send(channel, packet))
    }

    fn broadcast(&self, lane: LaneName, packet: Bytes) -> Result<usize, SendError> {
        let lane = self.shared.lane(lane);
        lane.with(|state| state.broadcast(&packet))
    }

    fn adopt(&self, channel: &Channel) {
        let now = self.shared.environment.now();
        let lane = self.shared.lane(channel.lane);
        lane.with(|state| state.adopt(channel, now));
    }

    fn disconnect(&self, channel: &Channel, reason: &str) {
        let now = self.shared.environment.now();
        let lane = self.shared.lane(channel.lane);
        lane.with(|state| state.disconnect(channel, reason, now));
    }
}
