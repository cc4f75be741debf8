use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_environment::Environment;
use raftwire_protocol::{Lane as LaneName, NodeId, Session};
use raftwire_transport::{
    Channel, ClusterTransport, CreateError, Lanes, SendError, StartError, TransportEvents,
    TransportSetup, event_queue,
};
use rustls::ClientConfig;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::broker::{Login, client_config};
use crate::channel_names::ChannelNames;
use crate::envelope::Sender;
use crate::lane::{Lane, LaneState, LaneTask, STOP_TIMEOUT};
use crate::{RedisOptions, RedisStatistics};

/// Carries packets between nodes over the Pub/Sub of Redis. Cheap to clone; the clones are the
/// same transport.
#[derive(Clone, Debug)]
pub struct RedisClusterTransport {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    environment: Environment,
    options: RedisOptions,
    tls: Option<Arc<ClientConfig>>,
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

impl RedisClusterTransport {
    /// Makes a transport; nothing is opened yet. Addresses of peers are not used: on a broker a
    /// name is enough. Reads the file of authorities, if one is given.
    ///
    /// # Errors
    ///
    /// If an option cannot work.
    pub fn new(setup: TransportSetup, options: RedisOptions) -> Result<Self, CreateError> {
        options.validate()?;
        let TransportSetup {
            environment,
            cluster,
            node,
            peers,
            lanes,
        } = setup;
        let tls = client_config(&options, &environment)?;
        let peers: BTreeSet<NodeId> = peers.into_iter().map(|peer| peer.node).collect();
        let local = Sender {
            node: node.clone(),
            session: random_session(&environment),
            epoch: 0,
        };
        let lane = |lane| {
            let names = ChannelNames::new(options.connection.channel_prefix(), &cluster, lane);
            let state = LaneState::new(lane, options.clone(), names, peers.clone(), local.clone());
            Arc::new(Lane::new(state))
        };
        let (control, data) = (lane(LaneName::Control), lane(LaneName::Data));
        Ok(Self {
            shared: Arc::new(Shared {
                environment,
                options,
                tls,
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
    pub fn statistics(&self) -> RedisStatistics {
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
            let name = format!("raftwire-{}-{lane}", self.node);
            let tls = self.tls.clone();
            let task = LaneTask {
                name: lane,
                lane: Arc::clone(self.lane(lane)),
                environment: self.environment.clone(),
                options: self.options.clone(),
                login: Login::new(&self.options, &self.environment, tls, name),
                events: sender.clone(),
                stopping: self.stopping.subscribe(),
                first: Some(first),
            };
            tasks.push(self.environment.spawn("redis lane", task.run()));
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
impl ClusterTransport for RedisClusterTransport {
    async fn start(&self) -> Result<TransportEvents, StartError> {
        let (events, attempts) = self.shared.run()?;
        if self.shared.options.connection.waits_for_broker() {
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
                    service: self.shared.options.connection.to_string(),
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
