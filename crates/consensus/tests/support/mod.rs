//! A cluster in one process: simulated disks, paused time, and a network that can be cut.
#![allow(dead_code, unreachable_pub, clippy::print_stdout)] // each test binary uses a part of it

mod network;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use network::TestNetwork;
use raftwire_consensus::{
    ClusterState, OpenError, RaftNode, RaftOptions, RaftStatus, Role, Storage, Timings,
};
use raftwire_environment::{Environment, SimulatedDisk};
use raftwire_protocol::{MintedId, Name, NodeId, Session};
use tokio::time::sleep;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// How long a healed cluster may take until everybody is a member again.
const SETTLE: Duration = Duration::from_secs(20);

pub struct TestCluster {
    pub network: Arc<TestNetwork>,
    pub machines: BTreeMap<NodeId, Machine>,
    /// By how many millionths a node's boot clock runs too fast.
    pub drift: BTreeMap<NodeId, i32>,
    pub timings: Timings,
    seed: u64,
}

/// What outlives a node's process.
pub struct Machine {
    pub disk: SimulatedDisk,
    pub environment: Environment,
    pub node: Option<Arc<RaftNode>>,
    /// How often its process was started.
    pub starts: u64,
    seed: u64,
}

/// Time as the test's runtime counts it, paused or not.
pub struct Stopwatch {
    started: std::time::Instant,
}

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch {
            started: Environment::real().now(),
        }
    }

    pub fn elapsed(&self) -> Duration {
        Environment::real()
            .now()
            .saturating_duration_since(self.started)
    }
}

pub fn name(text: &str) -> NodeId {
    text.parse().expect("a valid node id")
}

pub fn names(list: &[&str]) -> Vec<NodeId> {
    list.iter().map(|text| name(text)).collect()
}

/// Those of these names that this node has not.
pub fn others(list: &[&str], than: &NodeId) -> Vec<NodeId> {
    let mut others = names(list);
    others.retain(|node| node != than);
    others
}

/// A name of a connection.
pub fn called(text: &str) -> Name {
    text.parse().expect("a valid name")
}

/// A connection of some node.
pub fn connection(number: u8) -> MintedId {
    MintedId::from_bytes([number; 16])
}

impl TestCluster {
    pub fn new(seed: u64) -> TestCluster {
        TestCluster {
            network: TestNetwork::new(),
            machines: BTreeMap::new(),
            drift: BTreeMap::new(),
            timings: Timings::direct(),
            seed,
        }
    }

    /// Nodes of these names, each with the same list, started.
    pub async fn started(seed: u64, list: &[&str]) -> TestCluster {
        let mut cluster = TestCluster::new(seed);
        for node in list {
            cluster.start(node, list).await;
        }
        cluster
    }

    /// The same, once all of them are settled.
    pub async fn ready(seed: u64, list: &[&str]) -> TestCluster {
        let cluster = TestCluster::started(seed, list).await;
        cluster.settled().await;
        cluster
    }

    pub fn options(&mut self, node: &str, list: &[&str]) -> RaftOptions {
        let seed = self.seed;
        let count = self.machines.len() as u64;
        let machine = self.machines.entry(name(node)).or_insert_with(|| {
            let seed = seed.wrapping_mul(1_000).wrapping_add(count);
            let disk = SimulatedDisk::new(seed);
            let environment = Environment::simulated(seed, disk.clone());
            Machine {
                disk,
                environment,
                node: None,
                starts: 0,
                seed,
            }
        });
        machine.starts += 1;
        machine.environment = Environment::simulated_with_drift(
            machine.seed.wrapping_add(machine.starts << 32),
            machine.disk.clone(),
            self.drift.get(&name(node)).copied().unwrap_or(0),
        );
        let session = u128::from(machine.environment.random_u64());
        RaftOptions {
            founding: names(list),
            timings: self.timings,
            ..RaftOptions::new(
                "test",
                name(node),
                Session::new(session),
                Storage::Durable(PathBuf::from("/data")),
            )
        }
    }

    pub async fn start(&mut self, node: &str, list: &[&str]) -> Arc<RaftNode> {
        let options = self.options(node, list);
        self.start_with(options).await.expect("the node starts")
    }

    /// Starts a node that takes no seat.
    pub async fn start_edge(&mut self, node: &str, list: &[&str]) -> Arc<RaftNode> {
        let mut options = self.options(node, list);
        options.seat = raftwire_consensus::SeatPolicy::Edge;
        self.start_with(options).await.expect("the node starts")
    }

    pub async fn start_with(&mut self, options: RaftOptions) -> Result<Arc<RaftNode>, OpenError> {
        let node = options.node.clone();
        let machine = self
            .machines
            .get_mut(&node)
            .expect("options() was called for it");
        let raft = Arc::new(RaftNode::open(options, machine.environment.clone()).await?);
        self.network.register(&node, &raft);
        raft.start(self.network.endpoint(&node))
            .await
            .expect("consensus starts");
        machine.node = Some(Arc::clone(&raft));
        Ok(raft)
    }

    /// The process is killed, and the disk forgets what was not synced.
    pub async fn crash(&mut self, node: &str) {
        let machine = self.machines.get_mut(&name(node)).expect("known");
        self.network.unregister(&name(node));
        machine.node = None;
        machine.disk.crash();
        // Tasks of the engine notice that their owner is gone when they are next polled.
        sleep(Duration::from_millis(1)).await;
    }

    /// The machine gets an empty disk.
    pub fn wipe(&mut self, node: &str) {
        let machine = self.machines.get_mut(&name(node)).expect("known");
        machine.seed = machine.seed.wrapping_add(500);
        machine.disk = SimulatedDisk::new(machine.seed);
    }

    /// What another process on the machine of a node sees.
    pub fn fresh_environment(&self, node: &str) -> Environment {
        let machine = &self.machines[&name(node)];
        Environment::simulated(machine.seed.wrapping_add(77), machine.disk.clone())
    }

    pub fn node(&self, node: &str) -> Arc<RaftNode> {
        self.machines[&name(node)]
            .node
            .clone()
            .expect("the node runs")
    }

    pub fn running(&self) -> impl Iterator<Item = (&NodeId, &Arc<RaftNode>)> {
        self.machines
            .iter()
            .filter_map(|(name, machine)| Some((name, machine.node.as_ref()?)))
    }

    /// Who says of itself, by its lease, that it leads.
    pub fn leaders(&self) -> Vec<NodeId> {
        self.running()
            .filter(|(_, node)| node.is_leader())
            .map(|(name, _)| name.clone())
            .collect()
    }

    pub async fn leader(&self) -> NodeId {
        self.until("a leader", Duration::from_secs(10), || {
            self.leaders().len() == 1
        })
        .await;
        self.leaders().remove(0)
    }

    /// Waits until every running node holds its lease and agrees with the others.
    pub async fn settled(&self) {
        self.until("every node a member", SETTLE, || self.is_settled())
            .await;
    }

    /// Like `settled`, for those who expect that it may not come to that.
    pub async fn settles(&self) -> bool {
        let start = Stopwatch::start();
        while !self.is_settled() && start.elapsed() < SETTLE {
            sleep(LOOK).await;
        }
        self.is_settled()
    }

    fn is_settled(&self) -> bool {
        self.running().all(|(name, node)| {
            let machine = &self.machines[name];
            node.lease().holds(machine.environment.boot_time())
                && role(node) != Role::Stopped
                && self
                    .running()
                    .all(|(other, _)| state(node).alive(other).is_some())
        })
    }

    pub fn holds_lease(&self, node: &str) -> bool {
        let machine = &self.machines[&name(node)];
        machine
            .node
            .as_ref()
            .is_some_and(|raft| raft.lease().holds(machine.environment.boot_time()))
    }

    /// Waits for a condition; how long it took.
    pub async fn until(
        &self,
        what: &str,
        limit: Duration,
        condition: impl Fn() -> bool,
    ) -> Duration {
        let start = Stopwatch::start();
        while !condition() {
            if start.elapsed() > limit {
                self.describe();
                panic!("no {what} within {limit:?}");
            }
            sleep(LOOK).await;
        }
        start.elapsed()
    }

    pub fn describe(&self) {
        for (name, node) in self.running() {
            println!("{name}: {:?}\n    {:?}", status(node), state(node));
        }
    }
}

pub fn state(node: &RaftNode) -> Arc<ClusterState> {
    node.state().borrow().clone()
}

pub fn status(node: &RaftNode) -> RaftStatus {
    node.status().borrow().clone()
}

pub fn role(node: &RaftNode) -> Role {
    status(node).role
}
