//! A simulated cluster: the hosts, the network between them, and what is done to both.

mod cuts;
mod faults;
mod host;
mod machine;
mod rotation;
mod wires;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use raftwire::NodeId;
use raftwire_environment::SimulatedDisk;
use raftwire_transport::memory::{LinkProfile, MemoryNetwork, MemoryStatistics};

use self::cuts::Cuts;
use self::host::Host;
use self::machine::{Bay, Keyring, Machine, Power};
use self::rotation::Rotation;
use self::wires::Wires;
use crate::board::{Board, Phase};
use crate::dice::Dice;
use crate::fact::{End, Event, Fact};
use crate::scenario::Scenario;
use crate::view::View;

/// How much simulated time a step takes: the granularity of tokio's clock.
const TICK: Duration = Duration::from_millis(1);

/// The least that simulated TCP takes one way.
const LATENCY_MIN: Duration = Duration::from_micros(200);

/// A cluster under turmoil.
pub(crate) struct Cluster<'a> {
    sim: turmoil::Sim<'a>,
    wires: Wires,
    board: Board,
    machines: Vec<Machine>,
    cuts: Cuts,
    /// The calm network's profile, and those of the faults that are under way.
    calm: LinkProfile,
    weather: BTreeMap<usize, LinkProfile>,
    /// Seeds of new disks.
    disks: Dice,
    /// Which machines each fault under way has put down.
    down: BTreeMap<usize, Vec<usize>>,
    /// Whose disk each fault under way has made slow.
    slow: BTreeMap<usize, usize>,
    /// The exchange of the secret, where there is one.
    rotation: Option<Rotation>,
}

impl Cluster<'_> {
    /// The cluster of a scenario; nothing runs before the first step.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let mut sim = turmoil::Builder::new()
            .rng_seed(scenario.dice("turmoil").seed())
            .tick_duration(TICK)
            .min_message_latency(LATENCY_MIN)
            .max_message_latency(LATENCY_MIN)
            .epoch(std::time::SystemTime::UNIX_EPOCH)
            .build();
        let network = MemoryNetwork::new(scenario.dice("network").seed());
        network.detect_cuts(scenario.detects_cuts);
        let wires = Wires {
            carrier: scenario.carrier,
            network,
        };
        wires.set_weather(&sim, scenario.network.clone());
        let board = Board::default();
        let scenario = Arc::new(scenario.clone());
        let mut machines = Vec::new();
        for plan in &scenario.nodes {
            let disk = SimulatedDisk::new(scenario.dice(&format!("disk {}", plan.node)).seed());
            let bay = Bay::new(disk);
            let starts = Arc::new(AtomicU64::new(0));
            let keyring = Keyring::default();
            let host = Host {
                plan: plan.clone(),
                scenario: Arc::clone(&scenario),
                wires: wires.clone(),
                bay: bay.clone(),
                keyring: keyring.clone(),
                board: board.clone(),
                starts: Arc::clone(&starts),
            };
            sim.host(plan.node.as_str(), move || host.clone().run());
            let node = plan.node.clone();
            machines.push(Machine {
                node,
                bay,
                keyring,
                starts,
                power: Power::On,
                is_disk_bad: false,
            });
        }
        Cluster {
            sim,
            wires,
            board,
            machines,
            cuts: Cuts::default(),
            calm: scenario.network.clone(),
            weather: BTreeMap::new(),
            disks: scenario.dice("new disks"),
            down: BTreeMap::new(),
            slow: BTreeMap::new(),
            rotation: scenario.rotation.as_ref().map(Rotation::new),
        }
    }

    /// Simulated time.
    pub(crate) fn now(&self) -> Duration {
        self.sim.elapsed()
    }

    /// Goes on by one tick.
    ///
    /// # Errors
    /// What a node said when it panicked.
    pub(crate) fn step(&mut self) -> Result<(), String> {
        match catch_unwind(AssertUnwindSafe(|| self.sim.step())) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                Err(text.unwrap_or_else(|| "a panic without a text".to_owned()))
            }
        }
    }

    /// What was reported since the last time. Nodes that have stopped are started again if that
    /// is due.
    pub(crate) fn take_facts(&mut self) -> Vec<Fact> {
        let facts = self.board.take_facts();
        for fact in &facts {
            match &fact.event {
                Event::Ended(process, End::Stopped) => self.has_ended(&process.node),
                Event::Failed(process, _) if self.is_disk_bad(&process.node) => {
                    self.has_ended(&process.node);
                }
                _ => {}
            }
        }
        facts
    }

    /// How the nodes that run see themselves.
    pub(crate) fn views(&self) -> BTreeMap<NodeId, View> {
        self.board.views()
    }

    /// Reports something that the controlling test did.
    pub(crate) fn note(&self, text: String) {
        self.board.report_at(self.now(), Event::Note(text));
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.board.set_phase(phase);
    }

    /// Frames that were sent.
    pub(crate) fn messages(&self) -> u64 {
        self.board.messages()
    }

    /// Whether routes are under way.
    pub(crate) fn has_routes(&self) -> bool {
        self.board.has_routes()
    }

    /// When a probe last went from one node to another.
    pub(crate) fn last_probes(&self) -> BTreeMap<(NodeId, NodeId), Duration> {
        self.board.last_probes()
    }

    /// What has become of packets so far.
    pub(crate) fn packets(&self) -> MemoryStatistics {
        self.wires.network.statistics()
    }

    /// Whether a node's disk fails, or has failed since it was started.
    pub(crate) fn is_disk_bad(&self, node: &NodeId) -> bool {
        self.machines
            .iter()
            .any(|machine| machine.node == *node && machine.is_disk_bad)
    }
}

impl Drop for Cluster<'_> {
    fn drop(&mut self) {
        // A host that has panicked may panic again when its tasks are dropped; the run is over.
        for machine in &self.machines {
            let node = machine.node.as_str();
            let _ = catch_unwind(AssertUnwindSafe(|| self.sim.crash(node)));
        }
    }
}
