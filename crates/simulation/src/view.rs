//! A node as it saw itself at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use raftwire::{ClusterManager, NodeId, OwnedFactsView};
use raftwire_consensus::{ClusterState, Membership, Role};
use raftwire_environment::Environment;

use crate::fact::Process;

/// What a running process says of itself. Taken in the process, every millisecond, so that the
/// views of all nodes are of the same moment.
#[derive(Clone, Debug)]
pub struct View {
    /// Which process.
    pub process: Process,
    /// What it has applied.
    pub state: Arc<ClusterState>,
    /// What the log issued to it.
    pub membership: Option<Membership>,
    /// How much of its lease is left by its own clock.
    pub lease_left: Duration,
    /// Whether it acts as the leader.
    pub is_leader: bool,
    /// Whether it may serve.
    pub is_ready: bool,
    /// What the engine is.
    pub role: Role,
    /// The term.
    pub term: u64,
    /// The leader that it knows.
    pub leader: Option<NodeId>,
    /// How far it knows the users and groups of the living, itself included.
    pub owned_facts: BTreeMap<NodeId, OwnedFactsView>,
    /// How many connections it has.
    pub connections: usize,
    /// What keeps it from being a member.
    pub problem: Option<String>,
}

impl View {
    /// Looks at a node; inside its host, where its clock is.
    pub(crate) fn of(process: Process, manager: &ClusterManager, clock: &Environment) -> View {
        let raft = manager.raft();
        let status = raft.status().borrow().clone();
        View {
            process,
            state: Arc::clone(&raft.state().borrow()),
            membership: *raft.membership().borrow(),
            lease_left: raft.lease().remaining(clock.boot_time()),
            is_leader: manager.is_leader(),
            is_ready: manager.is_ready(),
            role: status.role,
            term: status.term,
            leader: status.leader,
            owned_facts: manager.owned_facts(),
            connections: manager.local_connections(),
            problem: status.problem,
        }
    }
}
