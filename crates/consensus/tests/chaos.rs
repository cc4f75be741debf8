//! Random faults from a seed, and what must be true after each step.
//!
//! `CHAOS_SEEDS=100..200 cargo test -p raftwire-consensus --test chaos` tries others.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_consensus::testing::{Command, propose};
use raftwire_consensus::{Inspection, Role, Timings};
use raftwire_environment::{Environment, SimulatedDisk};
use raftwire_protocol::{Incarnation, NodeId, RaftId};
use support::{TestCluster, name, names, role, state, status};
use tokio::time::sleep;

/// How long the faults go on.
const STEPS: u64 = 1_500;
const STEP: Duration = Duration::from_millis(20);
/// Looking inside costs more than the rest of a step.
const STEPS_BETWEEN_INSPECTIONS: u64 = 5;

/// What has been seen so far. Each map holds what may never change.
#[derive(Default)]
struct Oracle {
    /// The leader of a term.
    leaders: BTreeMap<u64, RaftId>,
    /// For whom a node voted in a term.
    votes: BTreeMap<(RaftId, u64), RaftId>,
    /// The committed entry at an index.
    committed: BTreeMap<u64, (u64, [u8; 32])>,
    /// The content of the entry of an index and term.
    entries: BTreeMap<(u64, u64), [u8; 32]>,
    /// The state at an index.
    states: BTreeMap<u64, [u8; 32]>,
}

fn put<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    map: &mut BTreeMap<K, V>,
    key: K,
    value: V,
) -> Result<(), String> {
    match map.get(&key) {
        Some(known) if *known != value => {
            Err(format!("{what}: {key:?} is {value:?} and was {known:?}"))
        }
        Some(_) => Ok(()),
        None => {
            map.insert(key, value);
            Ok(())
        }
    }
}

impl Oracle {
    fn see(&mut self, seen: &Inspection) -> Result<(), String> {
        if seen.role == Role::Leader {
            put(
                "two leaders in a term",
                &mut self.leaders,
                seen.term,
                seen.raft_id,
            )?;
        }
        if let Some(vote) = seen.vote.filter(|vote| vote.term > 0) {
            let key = (seen.raft_id, vote.term);
            // A voter may learn who won; its own vote it gave once.
            if !vote.won {
                put("voted twice", &mut self.votes, key, vote.candidate)?;
            }
        }
        for (index, term, digest) in &seen.entries {
            put(
                "logs do not match",
                &mut self.entries,
                (*index, *term),
                *digest,
            )?;
            if seen
                .committed_index
                .is_some_and(|committed| *index <= committed)
            {
                put(
                    "a committed entry changed",
                    &mut self.committed,
                    *index,
                    (*term, *digest),
                )?;
            }
        }
        put(
            "states differ",
            &mut self.states,
            seen.applied_index,
            seen.state_hash,
        )
    }
}

/// At most one node calls itself the leader, and nobody holds a lease on an incarnation that the
/// log has ended.
fn check_leases(cluster: &TestCluster) -> Result<(), String> {
    if cluster.leaders().len() > 1 {
        return Err(format!("leaders at once: {:?}", cluster.leaders()));
    }
    for (holder, node) in cluster.running() {
        let Some(own) = *node.membership().borrow() else {
            continue;
        };
        if !cluster.holds_lease(holder.as_str()) {
            continue;
        }
        for (witness, other) in cluster.running() {
            let state = state(other);
            let ended = state.members.get(holder).is_some_and(|row| {
                row.incarnation > own.incarnation
                    || (row.incarnation == own.incarnation && !row.is_alive())
            });
            if ended {
                return Err(format!(
                    "{holder} holds a lease on {}, which {witness} knows to have ended: {:?}",
                    own.incarnation, state.members[holder]
                ));
            }
        }
    }
    Ok(())
}

struct Chaos {
    cluster: TestCluster,
    oracle: Oracle,
    random: Environment,
    list: Vec<&'static str>,
    /// Nodes that are down, and the step at which they start again.
    down: BTreeMap<&'static str, u64>,
    serial: u64,
    /// Whether a disk was lost.
    wiped: bool,
    /// Proposals under way, and the node that makes them.
    proposals: Vec<(&'static str, tokio::task::AbortHandle)>,
    /// How many steps there are between two faults, on average.
    pace: u64,
    tune: fn(&mut raftwire_consensus::RaftOptions),
}

impl Chaos {
    async fn new(seed: u64, tune: fn(&mut raftwire_consensus::RaftOptions)) -> Chaos {
        let random = Environment::simulated(seed, SimulatedDisk::new(seed));
        let all = ["a", "b", "c", "d", "e"];
        let count = if random.random_range(0..3) == 0 { 5 } else { 3 };
        // Some leave time for a lease to end, some for nothing.
        let paces = [8, 40, 200];
        let pace = paces[usize::try_from(random.random_range(0..3)).expect("small")];
        let mut chaos = Chaos {
            pace,
            cluster: TestCluster::new(seed),
            oracle: Oracle::default(),
            random,
            list: all[..count].to_vec(),
            down: BTreeMap::new(),
            serial: 0,
            wiped: false,
            proposals: Vec::new(),
            tune,
        };
        // Boot clocks that run up to 5 % apart.
        for node in chaos.list.clone() {
            let drift = i32::try_from(chaos.random.random_range(0..50_000)).expect("small");
            chaos.cluster.drift.insert(name(node), drift - 25_000);
            chaos.start(node).await;
        }
        chaos
    }

    async fn start(&mut self, node: &'static str) {
        let mut options = self.cluster.options(node, &self.list.clone());
        options.timings = Timings::direct();
        (self.tune)(&mut options);
        self.cluster
            .start_with(options)
            .await
            .expect("the data is sound");
    }

    async fn crash(&mut self, node: &'static str) {
        // A proposal belongs to the process that makes it.
        for (_, proposal) in self
            .proposals
            .iter()
            .filter(|(proposer, _)| *proposer == node)
        {
            proposal.abort();
        }
        self.proposals
            .retain(|(_, proposal)| !proposal.is_finished());
        self.cluster.crash(node).await;
    }

    fn some_node(&self) -> &'static str {
        let at = self.random.random_range(0..self.list.len() as u64);
        self.list[usize::try_from(at).expect("small")]
    }

    fn some_half(&self) -> (Vec<NodeId>, Vec<NodeId>) {
        names(&self.list)
            .into_iter()
            .partition(|_| self.random.random_range(0..2) == 0)
    }

    async fn fault(&mut self, step: u64) {
        match self.random.random_range(0..100) {
            0..=9 => {
                let (one, other) = self.some_half();
                self.cluster.network.cut(&one, &other);
            }
            10..=14 => {
                let (from, to) = (name(self.some_node()), name(self.some_node()));
                self.cluster.network.cut_one_way(&from, &to);
            }
            15..=29 => self.cluster.network.heal(),
            30..=44 => {
                let node = self.some_node();
                if !self.down.contains_key(node) && self.down.len() < self.list.len() - 1 {
                    self.crash(node).await;
                    // A second lost disk could be a majority's.
                    if !self.wiped && self.random.random_range(0..8) == 0 {
                        self.wiped = true;
                        self.cluster.wipe(node);
                    }
                    let wait = [2, 20, 400]
                        [usize::try_from(self.random.random_range(0..3)).expect("small")];
                    self.down.insert(node, step + wait);
                }
            }
            45..=47 => {
                let node = self.some_node();
                if !self.down.contains_key(node) {
                    self.cluster.node(node).stop().await;
                    self.crash(node).await;
                    self.down.insert(node, step + 10);
                }
            }
            48..=52 => {
                let millis = self.random.random_range(0..30);
                self.cluster
                    .network
                    .set_delay(Duration::from_millis(millis));
            }
            53..=59 => self.propose(),
            _ => {}
        }
    }

    /// Something for the log, proposed by whoever is asked.
    fn propose(&mut self) {
        let proposer = self.some_node();
        if self.down.contains_key(proposer) {
            return;
        }
        self.serial += 1;
        // No incarnation is ever this high, so the entry changes nothing.
        let incarnation = Incarnation::new((1 << 40) + self.serial);
        let command = Command::Leave {
            node: name(proposer),
            incarnation,
        };
        let node = self.cluster.node(proposer);
        let proposal = self.random.spawn("propose", async move {
            propose(&node, &command, Duration::from_secs(2)).await;
        });
        self.proposals.push((proposer, proposal.abort_handle()));
    }

    async fn check(&mut self, step: u64) -> Result<(), String> {
        check_leases(&self.cluster)?;
        if !step.is_multiple_of(STEPS_BETWEEN_INSPECTIONS) {
            return Ok(());
        }
        for (name, node) in self.cluster.running() {
            if role(node) == Role::Stopped {
                return Err(format!(
                    "the engine of {name} has stopped: {:?}",
                    status(node).problem
                ));
            }
            let seen = node.inspect().await.expect("it runs");
            self.oracle.see(&seen)?;
        }
        Ok(())
    }

    /// Faults, then peace: everybody must agree again.
    async fn run(mut self) -> Result<(), String> {
        for step in 0..STEPS {
            if self.random.random_range(0..self.pace) == 0 {
                self.fault(step).await;
            }
            let due: Vec<&'static str> = self
                .down
                .iter()
                .filter(|(_, at)| **at <= step)
                .map(|(node, _)| *node)
                .collect();
            for node in due {
                self.down.remove(node);
                self.start(node).await;
            }
            self.check(step).await?;
            sleep(STEP).await;
        }
        self.cluster.network.heal();
        self.cluster.network.set_delay(Duration::from_millis(1));
        for (node, _) in std::mem::take(&mut self.down) {
            self.start(node).await;
        }
        if !self.cluster.settles().await {
            self.cluster.describe();
            return Err("the healed cluster does not settle".to_owned());
        }
        self.check(0).await
    }
}

fn seeds(default: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("CHAOS_SEEDS") else {
        return default;
    };
    let parsed = text
        .split_once("..")
        .and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.expect("CHAOS_SEEDS looks like 0..100")
}

fn run_seed(seed: u64, tune: fn(&mut raftwire_consensus::RaftOptions)) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_be_bytes()))
        .build()
        .expect("a runtime");
    runtime.block_on(async { Chaos::new(seed, tune).await.run().await })
}

#[test]
fn whatever_fails_the_invariants_hold() {
    for seed in seeds(0..12) {
        if let Err(broken) = run_seed(seed, |_| {}) {
            panic!("CHAOS_SEEDS={seed}..{}: {broken}", seed + 1);
        }
    }
}

/// The oracle is worth something: it finds nodes that do wrong on purpose.
#[cfg(feature = "wrong-variants")]
#[test]
fn votes_that_are_forgotten_are_found() {
    let found =
        seeds(0..40).any(|seed| run_seed(seed, |options| options.forget_vote = true).is_err());
    assert!(found);
}

/// The same for the fence.
#[cfg(feature = "wrong-variants")]
#[test]
fn a_fence_that_is_ignored_is_found() {
    let found =
        seeds(0..12).any(|seed| run_seed(seed, |options| options.ignore_fence = true).is_err());
    assert!(found);
}
