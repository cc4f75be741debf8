//! What is shown, act by act.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use raftwire::Timings;
use raftwire_environment::Environment;
use tokio::sync::mpsc;

use super::client::{DemoClient, OnMessage};
use super::narrator::{count, span};
use super::nodes::{NAMES, NODES, Nodes};
use super::traffic::Traffic;
use super::{DemoError, Narrator, watch};
use crate::ClusterReport;
use crate::cli::Style;

/// How long the last messages may take to be settled: two route deadlines.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the traffic runs before the leader is killed, and after it came back.
const QUIET_SPELL: Duration = Duration::from_secs(2);
/// Messages of which the latency is told.
const PROBES: usize = 500;
/// How long one of them may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Clients that connect at the same time.
const CONNECTING_MAX: usize = 64;

/// How long what must happen may take before it counts as a fault.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until there is a leader: twenty times the longest wait of a voter. It takes two or three.
    election: Duration,
    /// Until a killed node is declared dead: two leases, and some room.
    death: Duration,
    /// Until a node is a member again: three leases. It takes about an election.
    comeback: Duration,
}

impl Patience {
    pub(super) fn with(timings: Timings) -> Patience {
        Patience {
            election: timings.election_max * 20,
            death: timings.lease * 2 + Duration::from_secs(5),
            comeback: timings.lease * 3,
        }
    }
}

/// What was seen, for the summary.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) clients: usize,
    pub(super) election: Duration,
    pub(super) route_median: Duration,
    pub(super) route_p99: Duration,
    pub(super) failover: Duration,
    pub(super) death: Duration,
    pub(super) slowest: Duration,
    pub(super) comeback: Duration,
}

/// The play, as far as it has got.
#[derive(Debug)]
pub(super) struct Acts {
    environment: Environment,
    narrator: Narrator,
    patience: Patience,
    pub(super) traffic: Traffic,
    pub(super) facts: Facts,
    /// By node.
    clients: [Vec<DemoClient>; NODES],
    /// The clients that were killed with their node.
    killed: Vec<DemoClient>,
    leader: usize,
    term: u64,
    killed_at: Option<Instant>,
}

impl Acts {
    pub(super) fn new(environment: Environment, narrator: Narrator, patience: Patience) -> Acts {
        Acts {
            traffic: Traffic::new(environment.clone()),
            environment,
            narrator,
            patience,
            facts: Facts::default(),
            clients: Default::default(),
            killed: Vec::new(),
            leader: 0,
            term: 0,
            killed_at: None,
        }
    }

    /// Starts three nodes and waits until all of them are ready.
    pub(super) async fn elect(&mut self, nodes: &mut Nodes) -> Result<(), DemoError> {
        let started = self.environment.now();
        let mut processes = [0; NODES];
        for (index, process) in processes.iter_mut().enumerate() {
            *process = nodes.start(index)?;
        }
        let each = (0..NODES).map(|index| {
            format!(
                "{} (process {}, port {})",
                NAMES[index],
                processes[index],
                nodes.port(index)
            )
        });
        let each: Vec<_> = each.collect();
        self.narrator
            .tell(Style::Plain, "three nodes start, on empty disks:");
        each.iter().for_each(|line| self.narrator.add(line));

        let everyone: Vec<_> = (0..NODES).collect();
        let wait = ("an election", self.patience.election);
        (self.leader, self.term) =
            watch::until(&self.environment, nodes, &everyone, wait, leads).await?;
        self.facts.election = self.since(started);
        let text = format!(
            "{} is elected leader of term {}",
            NAMES[self.leader], self.term
        );
        self.tell_good(&text, self.facts.election, "after the start");
        for index in everyone {
            let wait = ("every node's readiness", self.patience.election);
            watch::until(&self.environment, nodes, &[index], wait, ready).await?;
        }
        Ok(())
    }

    /// Connects the clients, a third to each node.
    pub(super) async fn connect(&mut self, nodes: &Nodes, total: usize) -> Result<(), DemoError> {
        let started = self.environment.now();
        let each = total / NODES;
        for index in 0..NODES {
            self.clients[index] = self.connect_to(nodes, index, each).await?;
        }
        self.facts.clients = each * NODES;
        let took = span(self.since(started));
        let text = format!(
            "{} clients connect, {each} to each node, in {took}",
            each * NODES
        );
        self.narrator.tell(Style::Plain, &text);
        Ok(())
    }

    async fn connect_to(
        &self,
        nodes: &Nodes,
        node: usize,
        how_many: usize,
    ) -> Result<Vec<DemoClient>, DemoError> {
        let at = (node, nodes.port(node));
        let connecting = (0..how_many)
            .map(|_| DemoClient::connect(&self.environment, at, self.traffic.on_message()));
        stream::iter(connecting)
            .buffer_unordered(CONNECTING_MAX)
            .try_collect()
            .await
    }

    /// Sends from a client of one node to a client of another, and tells how long it takes.
    pub(super) async fn route_across(&mut self, nodes: &Nodes) -> Result<(), DemoError> {
        let (from, to) = (0, NODES - 1);
        let mut times = self.probe(nodes, from, to, PROBES).await?;
        times.sort_unstable();
        self.facts.route_median = times[times.len() / 2];
        self.facts.route_p99 = times[times.len() * 99 / 100];
        let text = format!(
            "a client of {} sends to a client of {}",
            NAMES[from], NAMES[to]
        );
        let detail = format!(
            "until it has it (median of {}, p99 {})",
            times.len(),
            span(self.facts.route_p99)
        );
        self.tell_good(&text, self.facts.route_median, &detail);
        Ok(())
    }

    /// Sends one message after the other between two clients of their own: how long each took
    /// until it was received.
    async fn probe(
        &self,
        nodes: &Nodes,
        from: usize,
        to: usize,
        how_many: usize,
    ) -> Result<Vec<Duration>, DemoError> {
        let silent = Arc::new(|_, _: &str| {});
        let sender = self.listen(nodes, from, silent).await?;
        let (arrived, mut arrivals) = mpsc::channel(1);
        let environment = self.environment.clone();
        let on_message = Arc::new(move |_, _: &str| {
            // One message is under way at a time, so there is room.
            let _ = arrived.try_send(environment.now());
        });
        let receiver = self.listen(nodes, to, on_message).await?;

        let mut times = Vec::with_capacity(how_many);
        for number in 0..how_many {
            let sent = self.environment.now();
            let outcome = sender.send(&receiver.id, format!("hello {number}")).await;
            let outcome = outcome.unwrap_or_default();
            if outcome.happened != "yes" {
                return Err(DemoError::NotDelivered {
                    outcome: outcome.outcome.into_owned(),
                });
            }
            let Ok(Some(at)) = tokio::time::timeout(PROBE_TIMEOUT, arrivals.recv()).await else {
                let what = "the arrival of an acknowledged message".to_owned();
                return Err(DemoError::TooLate {
                    what,
                    seconds: PROBE_TIMEOUT.as_secs(),
                });
            };
            times.push(at.saturating_duration_since(sent));
        }
        Ok(times)
    }

    /// Connects one more client, which takes no part in the traffic.
    pub(super) async fn listen(
        &self,
        nodes: &Nodes,
        node: usize,
        on_message: OnMessage,
    ) -> Result<DemoClient, DemoError> {
        DemoClient::connect(&self.environment, (node, nodes.port(node)), on_message).await
    }

    /// Every client begins to send to one of the next node.
    pub(super) fn start_traffic(&mut self) {
        for node in 0..NODES {
            for (from, to) in self.clients[node]
                .iter()
                .zip(&self.clients[(node + 1) % NODES])
            {
                self.traffic.start(from, to);
            }
        }
        let text = "from now on every client sends numbered messages to one of the next node";
        self.narrator.tell(Style::Plain, text);
    }

    /// Kills the leader with its clients, and waits for the next one.
    pub(super) async fn kill_the_leader(&mut self, nodes: &mut Nodes) -> Result<(), DemoError> {
        tokio::time::sleep(QUIET_SPELL).await;
        let everyone: Vec<_> = (0..NODES).collect();
        let wait = ("the leader's word", self.patience.election);
        (self.leader, self.term) =
            watch::until(&self.environment, nodes, &everyone, wait, leads).await?;
        let (leader, term) = (self.leader, self.term);
        self.killed = std::mem::take(&mut self.clients[leader]);

        let killed_at = self.environment.now();
        self.killed_at = Some(killed_at);
        nodes.kill(leader).await?;
        self.traffic.mark_killed(&self.killed);
        let text = format!(
            "kill -9 {}, the leader, with {} clients",
            NAMES[leader],
            self.killed.len()
        );
        self.narrator.tell(Style::Bad, &text);

        let wait = ("the election of another leader", self.patience.election);
        let next =
            |index, report: &ClusterReport| leads(index, report).filter(|(_, newer)| *newer > term);
        (self.leader, self.term) =
            watch::until(&self.environment, nodes, &survivors(leader), wait, next).await?;
        self.facts.failover = self.since(killed_at);
        let text = format!(
            "{} is elected leader of term {}",
            NAMES[self.leader], self.term
        );
        self.tell_good(&text, self.facts.failover, "after the kill");
        Ok(())
    }

    /// Waits until the cluster has agreed on the death.
    pub(super) async fn see_it_declared_dead(
        &mut self,
        nodes: &mut Nodes,
    ) -> Result<(), DemoError> {
        let (Some(dead), Some(killed_at)) = (self.dead(), self.killed_at) else {
            return Ok(());
        };
        let wait = ("the death's declaration", self.patience.death);
        let is_dead = |_, report: &ClusterReport| {
            let of_dead = report.nodes.iter().find(|node| node.node == NAMES[dead]);
            of_dead.filter(|node| !node.alive).map(|_| ())
        };
        watch::until(&self.environment, nodes, &survivors(dead), wait, is_dead).await?;
        self.facts.death = self.since(killed_at);
        let text = format!("the cluster has agreed that {} is dead", NAMES[dead]);
        self.tell_good(&text, self.facts.death, "after the kill");

        self.facts.slowest = self.traffic.slowest_since(killed_at, &self.killed);
        let slowest = span(self.facts.slowest);
        let text = "messages between the others went on all the time: the slowest answer took";
        self.narrator
            .tell(Style::Plain, &format!("{text} {slowest}"));
        Ok(())
    }

    /// Starts the killed node with the data that it had, and gives it clients again.
    pub(super) async fn bring_it_back(&mut self, nodes: &mut Nodes) -> Result<(), DemoError> {
        let Some(dead) = self.dead() else {
            return Ok(());
        };
        let started = self.environment.now();
        let process = nodes.start(dead)?;
        let text = format!(
            "{} starts again with its data (process {process})",
            NAMES[dead]
        );
        self.narrator.tell(Style::Plain, &text);
        let wait = ("the killed node's return", self.patience.comeback);
        watch::until(&self.environment, nodes, &[dead], wait, ready).await?;
        self.facts.comeback = self.since(started);
        self.tell_good(
            &format!("{} is a member again", NAMES[dead]),
            self.facts.comeback,
            "after its start",
        );

        let clients = self.connect_to(nodes, dead, self.killed.len()).await?;
        let (next, previous) = ((dead + 1) % NODES, (dead + NODES - 1) % NODES);
        for (client, to) in clients.iter().zip(&self.clients[next]) {
            self.traffic.start(client, to);
        }
        for (from, client) in self.clients[previous].iter().zip(&clients) {
            self.traffic.start(from, client);
        }
        let text = format!("its {} clients connect again, and take part", clients.len());
        self.clients[dead] = clients;
        self.narrator.tell(Style::Plain, &text);
        Ok(())
    }

    /// Lets the last messages arrive.
    pub(super) async fn end_traffic(&mut self) {
        tokio::time::sleep(QUIET_SPELL).await;
        self.traffic.end(SETTLE_TIMEOUT).await;
        let ledger = self.traffic.ledger();
        let sent = ledger.tally(false).sent + ledger.tally(true).sent;
        drop(ledger);
        let text = format!("the traffic ends: {} messages were sent", count(sent));
        self.narrator.tell(Style::Plain, &text);
    }

    /// The node whose clients are gone.
    fn dead(&self) -> Option<usize> {
        self.killed.first().map(|client| client.node)
    }

    fn since(&self, started: Instant) -> Duration {
        self.environment.now().saturating_duration_since(started)
    }

    fn tell_good(&self, text: &str, took: Duration, detail: &str) {
        self.narrator
            .tell(Style::Good, &format!("{text}: {} {detail}", span(took)));
    }
}

fn survivors(dead: usize) -> Vec<usize> {
    (0..NODES).filter(|index| *index != dead).collect()
}

/// The node says that it leads, and may: its index and term.
fn leads(index: usize, report: &ClusterReport) -> Option<(usize, u64)> {
    let leads = report.ready && report.leader.as_deref() == Some(NAMES[index]);
    leads.then_some((index, report.term))
}

fn ready(_: usize, report: &ClusterReport) -> Option<()> {
    report.ready.then_some(())
}
