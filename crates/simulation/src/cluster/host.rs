//! What runs on a simulated host: a whole node with its clients and senders.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use raftwire::{ClusterManager, ClusterOptions, SeatPolicy, Secret, StartError};
use raftwire_environment::Environment;
use tokio::time::{sleep, timeout};

use super::machine::{Bay, Keyring, Keys};
use super::wires::Wires;
use crate::board::{Board, Phase};
use crate::fact::{End, Event, Process};
use crate::load::{self, Place};
use crate::scenario::{NodePlan, Part, Scenario};
use crate::view::View;

/// How often a node's view of itself is taken.
const VIEW_EVERY: Duration = Duration::from_millis(1);

/// How long a stop may take, whatever the peers do.
const STOP_MAX: Duration = Duration::from_secs(5);

/// How long clients are given to read what a stopped node has left for them. The slow ones may need
/// longer, and lose it with the process.
const CLIENTS_END_MAX: Duration = Duration::from_secs(2);

/// How long a stopped node is kept for routes that have no answer yet: longer than any deadline. Not
/// once the cluster is to recover.
const ROUTES_END_MAX: Duration = Duration::from_secs(6);

/// How often it is looked whether there are any left.
const LOOK: Duration = Duration::from_millis(5);

/// A machine: it keeps its disk across the starts of its node.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) plan: NodePlan,
    pub(super) scenario: Arc<Scenario>,
    pub(super) wires: Wires,
    pub(super) bay: Bay,
    pub(super) keyring: Keyring,
    pub(super) board: Board,
    /// How often the node was started.
    pub(super) starts: Arc<AtomicU64>,
}

impl Host {
    /// The host's software: runs until the node has stopped, or did not start.
    pub(super) async fn run(self) -> turmoil::Result {
        let start = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        if start == 1 {
            sleep(self.plan.starts_at).await;
        }
        let process = Process {
            node: self.plan.node.clone(),
            start,
        };
        let mut dice = self.scenario.dice(&process.to_string());
        let (disk, drift) = (self.bay.disk(), self.plan.drift_ppm);
        let environment = Environment::simulated_with_drift(dice.seed(), disk, drift);
        match self.start(environment.clone()).await {
            Ok(manager) => {
                let load = Arc::new(self.scenario.load.clone());
                let board = self.board.clone();
                serve(Place {
                    process,
                    manager,
                    environment,
                    board,
                    load,
                    dice,
                })
                .await;
            }
            Err(error) => self
                .board
                .report(Event::Failed(process, format!("start: {error}"))),
        }
        Ok(())
    }

    async fn start(&self, environment: Environment) -> Result<ClusterManager, StartError> {
        let founders = self.scenario.nodes.iter();
        let founders = founders.filter(|plan| plan.part == Part::Founder);
        let nodes = founders
            .map(|plan| self.wires.address(&plan.node))
            .collect();
        let (secret, secret_previous) = self.secrets();
        let options = ClusterOptions {
            node_id: Some(self.plan.node.clone()),
            node_address: self.plan.node.to_string(),
            nodes,
            seat: match self.plan.part {
                Part::Founder | Part::Latecomer => SeatPolicy::Auto,
                Part::Edge => SeatPolicy::Edge,
            },
            ephemeral: self.scenario.is_ephemeral,
            secret,
            secret_previous,
            encrypt: self.scenario.encrypt,
            outbox_bytes_max: self.scenario.load.outbox_bytes_max,
            outbox_policy: self.scenario.load.outbox_policy,
            ..ClusterOptions::default()
        };
        let factory = self.wires.factory(&options);
        ClusterManager::start_wrong(options, environment, factory.as_ref(), self.scenario.wrong)
            .await
    }

    /// What the node is told of secrets: `secret`, and `secret_previous`.
    fn secrets(&self) -> (Option<Secret>, Option<Secret>) {
        let old = self.scenario.secret.clone();
        let rotation = self.scenario.rotation.as_ref();
        let Some(new) = rotation.map(|rotation| rotation.secret.clone()) else {
            return (old, None);
        };
        match self.keyring.read() {
            Keys::Old => (old, None),
            Keys::Both => (Some(new), old),
            Keys::New => (Some(new), None),
        }
    }
}

/// Runs a started node until it is asked to stop, and stops it.
async fn serve(place: Place) {
    let Place {
        process,
        manager,
        environment,
        board,
        ..
    } = &place;
    board.report(Event::Started(process.clone()));
    let signal = board.listen(process);
    let clients = load::start(&place);
    let observer = environment.spawn("observer", observe(place.clone()));
    environment.spawn("inspector", inspect(place.clone()));
    environment.spawn("listener", listen(place.clone()));

    signal.notified().await;
    if timeout(STOP_MAX, manager.stop()).await.is_err() {
        board.report(Event::Failed(
            process.clone(),
            format!("stop: not within {STOP_MAX:?}"),
        ));
    }
    board.set_stopped(process);
    let clients_end = async {
        for client in clients {
            // A client that has panicked has ended as well.
            let _ = client.await;
        }
    };
    let _ = timeout(CLIENTS_END_MAX, clients_end).await;
    let routes_end = async {
        while board.routes(process) > 0 && board.phase() == Phase::Busy {
            sleep(LOOK).await;
        }
    };
    // Each has a deadline, which is judged like any other.
    let _ = timeout(ROUTES_END_MAX, routes_end).await;
    observer.abort();
    board.forget(&process.node);
    board.report(Event::Ended(process.clone(), End::Stopped));
}

async fn observe(place: Place) {
    loop {
        place.board.show(View::of(
            place.process.clone(),
            &place.manager,
            &place.environment,
        ));
        sleep(VIEW_EVERY).await;
    }
}

/// Looks inside whenever something has changed.
async fn inspect(place: Place) {
    let mut status = place.manager.status();
    loop {
        status.borrow_and_update();
        if let Some(seen) = place.manager.raft().inspect().await {
            place
                .board
                .report(Event::Inspected(place.process.clone(), Arc::new(seen)));
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}

/// Reports what the node tells its application.
async fn listen(place: Place) {
    let mut events = place.manager.events();
    while let Some(event) = events.next().await {
        let process = place.process.clone();
        place.board.report(match event {
            Ok(event) => Event::Told(process, event),
            Err(missed) => Event::Failed(process, missed.to_string()),
        });
    }
}
