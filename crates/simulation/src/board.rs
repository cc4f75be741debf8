//! Where the nodes of a simulation put what the controlling test reads between its steps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raftwire::{ConnectionId, NodeId};
use tokio::sync::Notify;

use crate::fact::{Event, Fact, Process};
use crate::view::View;

/// Connections that senders choose from. Old ones are kept for a while: messages to them must be
/// answered truly too.
const ROSTER_MAX: usize = 200;

/// Shared by everything in a simulation. The lock is never held across an await; and as only one
/// host runs at a time, nobody ever waits for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    facts: Vec<Fact>,
    views: BTreeMap<NodeId, View>,
    stop_signals: BTreeMap<NodeId, Arc<Notify>>,
    roster: Vec<ConnectionId>,
    /// Each process's open connections whose clients read at once: those that may have names.
    nameable: BTreeMap<Process, Vec<ConnectionId>>,
    name_questions: u64,
    /// Frames that were sent to everyone.
    broadcasts: BTreeSet<u64>,
    /// The node that the operator removes.
    to_remove: Option<NodeId>,
    probes: BTreeMap<NodeId, ConnectionId>,
    probed: BTreeMap<(NodeId, NodeId), Duration>,
    messages: u64,
    /// Processes that have stopped: their senders send nothing more.
    stopped: BTreeSet<Process>,
    /// Routes of each process that are under way.
    routes: BTreeMap<Process, usize>,
    phase: Phase,
}

/// What the nodes' clients and senders are to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Live and send.
    #[default]
    Busy,
    /// Probe the ways between all nodes as well.
    Recovering,
    /// Send nothing more.
    Settling,
    /// Read everything that there is, at once.
    Emptying,
    /// Say who is there.
    Resting,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports something that happened just now, from inside a host.
    pub(crate) fn report(&self, event: Event) {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        self.report_at(at, event);
    }

    /// Reports something that happened at a time.
    pub(crate) fn report_at(&self, at: Duration, event: Event) {
        self.lock().facts.push(Fact { at, event });
    }

    /// Takes what was reported since the last time.
    pub(crate) fn take_facts(&self) -> Vec<Fact> {
        std::mem::take(&mut self.lock().facts)
    }

    pub(crate) fn show(&self, view: View) {
        self.lock().views.insert(view.process.node.clone(), view);
    }

    pub(crate) fn views(&self) -> BTreeMap<NodeId, View> {
        self.lock().views.clone()
    }

    /// A process listens for the wish that it stops.
    pub(crate) fn listen(&self, process: &Process) -> Arc<Notify> {
        let signal = Arc::new(Notify::new());
        self.lock()
            .stop_signals
            .insert(process.node.clone(), Arc::clone(&signal));
        signal
    }

    /// Asks a node to stop; whether there is one to ask.
    pub(crate) fn ask_to_stop(&self, node: &NodeId) -> bool {
        let signal = self.lock().stop_signals.remove(node);
        if let Some(signal) = &signal {
            signal.notify_one();
        }
        signal.is_some()
    }

    /// A process has ended: nothing of it is shown any more.
    pub(crate) fn forget(&self, node: &NodeId) {
        let mut state = self.lock();
        state.views.remove(node);
        state.stop_signals.remove(node);
        state.probes.remove(node);
    }

    pub(crate) fn add_connection(&self, connection: ConnectionId) {
        let mut state = self.lock();
        if state.roster.len() == ROSTER_MAX {
            state.roster.remove(0);
        }
        state.roster.push(connection);
    }

    /// A client that reads at once is connected.
    pub(crate) fn add_nameable(&self, process: &Process, connection: ConnectionId) {
        let mut state = self.lock();
        let of_process = state.nameable.entry(process.clone()).or_default();
        of_process.push(connection);
    }

    /// It is gone.
    pub(crate) fn remove_nameable(&self, process: &Process, connection: &ConnectionId) {
        if let Some(of_process) = self.lock().nameable.get_mut(process) {
            of_process.retain(|other| other != connection);
        }
    }

    /// The connection of this process that `choose` wants, of those that may have a name.
    pub(crate) fn nameable(
        &self,
        process: &Process,
        choose: impl FnOnce(usize) -> usize,
    ) -> Option<ConnectionId> {
        let state = self.lock();
        let of_process = state.nameable.get(process)?;
        (!of_process.is_empty()).then(|| of_process[choose(of_process.len())].clone())
    }

    pub(crate) fn next_name_question(&self) -> u64 {
        let mut state = self.lock();
        state.name_questions += 1;
        state.name_questions
    }

    /// The connection that `choose` wants, of the number of those that there are.
    pub(crate) fn connection(&self, choose: impl FnOnce(usize) -> usize) -> Option<ConnectionId> {
        let state = self.lock();
        let count = state.roster.len();
        (count > 0).then(|| state.roster[choose(count)].clone())
    }

    pub(crate) fn next_message(&self) -> u64 {
        let mut state = self.lock();
        state.messages += 1;
        state.messages
    }

    /// A frame is for everyone: whoever receives it need not look for who sent it to them.
    pub(crate) fn add_broadcast(&self, number: u64) {
        self.lock().broadcasts.insert(number);
    }

    pub(crate) fn is_broadcast(&self, number: u64) -> bool {
        self.lock().broadcasts.contains(&number)
    }

    /// The operator removes a node from now on, as soon as it is dead; or none any more.
    pub(crate) fn set_to_remove(&self, node: Option<NodeId>) {
        self.lock().to_remove = node;
    }

    pub(crate) fn to_remove(&self) -> Option<NodeId> {
        self.lock().to_remove.clone()
    }

    pub(crate) fn messages(&self) -> u64 {
        self.lock().messages
    }

    /// A process has stopped: its senders are to send nothing more.
    pub(crate) fn set_stopped(&self, process: &Process) {
        self.lock().stopped.insert(process.clone());
    }

    /// Whether the senders of a process may send.
    pub(crate) fn may_send(&self, process: &Process) -> bool {
        let state = self.lock();
        state.phase < Phase::Settling && !state.stopped.contains(process)
    }

    /// A route of a process begins.
    pub(crate) fn route_begins(&self, process: &Process) {
        *self.lock().routes.entry(process.clone()).or_default() += 1;
    }

    /// A route of a process has ended.
    pub(crate) fn route_ends(&self, process: &Process) {
        *self.lock().routes.entry(process.clone()).or_default() -= 1;
    }

    /// How many routes of a process are under way.
    pub(crate) fn routes(&self, process: &Process) -> usize {
        self.lock().routes.get(process).copied().unwrap_or(0)
    }

    /// Whether routes of any process that runs are under way.
    pub(crate) fn has_routes(&self) -> bool {
        let state = self.lock();
        let mut processes = state.views.values().map(|view| &view.process);
        processes.any(|process| state.routes.get(process).is_some_and(|routes| *routes > 0))
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    pub(crate) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Makes a connection the one by which the others probe the way to this node.
    pub(crate) fn set_probe(&self, node: &NodeId, connection: ConnectionId) {
        self.lock().probes.insert(node.clone(), connection);
    }

    pub(crate) fn probes(&self) -> BTreeMap<NodeId, ConnectionId> {
        self.lock().probes.clone()
    }

    /// A probe was delivered.
    pub(crate) fn probed(&self, from: &NodeId, to: &NodeId) {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        self.lock().probed.insert((from.clone(), to.clone()), at);
    }

    /// When the last probe of each way was delivered.
    pub(crate) fn last_probes(&self) -> BTreeMap<(NodeId, NodeId), Duration> {
        self.lock().probed.clone()
    }
}
