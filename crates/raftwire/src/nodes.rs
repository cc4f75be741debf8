//! The members as an application sees them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use prost::Message as _;
use raftwire_consensus::{CallError, Member, RemoveError};
use raftwire_protocol::{ConnectionId, Incarnation, NodeId};

use crate::directory::Route;
use crate::manager::{ClusterManager, Inner};
use crate::peer::Service;
use crate::report::{ConnectionCount, Question, Report};
use crate::{ConnectionInfo, RouteOutcome};

/// How long a living node may take to report of itself. Generous for a round trip: what does not
/// answer is named, not waited for.
const REPORT_DEADLINE: Duration = Duration::from_secs(1);

/// One member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeView {
    /// Its name.
    pub node: NodeId,
    /// Where it listens, if it said so.
    pub address: Option<String>,
    /// Its newest incarnation.
    pub incarnation: Incarnation,
    /// Whether the cluster holds it alive.
    pub is_alive: bool,
    /// Whether it is the leader that this node knows of.
    pub is_leader: bool,
    /// Whether it has a vote, the leader among them; `None` where this node does not know who has.
    pub is_voter: Option<bool>,
    /// Whether it has the log, with a vote or to stand by; `None` where this node does not know.
    pub has_log: Option<bool>,
    /// Whether it is this node.
    pub is_local: bool,
    /// Whether it is an edge for ever, as its configuration says.
    pub is_edge: bool,
}

impl ClusterManager {
    /// Every member that this node knows of, living or dead, by name.
    pub fn nodes(&self) -> Vec<NodeView> {
        let leader = self.leader();
        let local = self.node_id();
        let voters = self.inner.raft.voters();
        let seated = self.inner.raft.seated();
        let view = |(node, member): (&NodeId, &Member)| NodeView {
            node: node.clone(),
            address: member.address.clone(),
            incarnation: member.incarnation,
            is_alive: member.is_alive(),
            is_leader: leader.as_ref() == Some(node),
            is_voter: (!voters.is_empty()).then(|| voters.contains(node)),
            has_log: (!voters.is_empty()).then(|| seated.contains(node)),
            is_local: node == local,
            is_edge: member.edge,
        };
        self.inner.state.borrow().members.iter().map(view).collect()
    }

    /// Takes a dead node out of the cluster for good: it is no longer listed, and a seat that it had
    /// goes to another. If it comes back it joins as a new node.
    ///
    /// # Errors
    /// [`RemoveError::Alive`] and [`RemoveError::Unknown`] say that nothing was done;
    /// [`RemoveError::Unavailable`] says that nobody knows.
    pub async fn remove_node(&self, node: &NodeId) -> Result<(), RemoveError> {
        self.inner.raft.remove(node).await
    }

    /// The connections of each living node, asked now; `None` where a node did not answer.
    pub async fn connections_by_node(&self) -> BTreeMap<NodeId, Option<u64>> {
        let alive = self
            .nodes()
            .into_iter()
            .filter(|view| view.is_alive || view.is_local);
        let counts = alive.map(|view| async move {
            if view.is_local {
                return (view.node, Some(self.local_connections() as u64));
            }
            let question = Question::default();
            let report = self.inner.report(&view.node, &question, REPORT_DEADLINE);
            let report = report.await;
            (view.node, report.ok().map(|report| report.connections))
        });
        join_all(counts).await.into_iter().collect()
    }

    /// How many connections the cluster holds, asked now of every living node.
    pub async fn cluster_connections(&self) -> ConnectionCount {
        let mut count = ConnectionCount::default();
        for (node, connections) in self.connections_by_node().await {
            match connections {
                Some(connections) => count.total += connections,
                None => count.unknown.push(node),
            }
        }
        count
    }

    /// The living node with the fewest connections, of those that answer; the smaller name wins a
    /// tie. A good place to send a new client.
    pub async fn least_loaded_node(&self) -> Option<NodeId> {
        let counts = self.connections_by_node().await.into_iter();
        let known = counts.filter_map(|(node, count)| Some((count?, node)));
        known.min().map(|(_, node)| node)
    }

    /// What is known of a connection, asked of the node that holds it.
    ///
    /// # Errors
    /// The outcome that a message to it would have had: [`RouteOutcome::NotFound`],
    /// [`RouteOutcome::NodeDown`], [`RouteOutcome::Unavailable`], or
    /// [`RouteOutcome::Deadline`] where its node does not answer.
    pub async fn connection_info(
        &self,
        connection: &ConnectionId,
    ) -> Result<ConnectionInfo, RouteOutcome> {
        let deadline = self.inner.environment.now() + REPORT_DEADLINE;
        let (id, route) = self.inner.router.resolve(connection, deadline).await?;
        match route {
            Route::Here => {
                let entry = self.inner.table.get(&id).ok_or(RouteOutcome::NotFound)?;
                Ok(ConnectionInfo::clone(&entry.info))
            }
            Route::At(peer) => {
                // Finding the connection took some of the time.
                let left = deadline.saturating_duration_since(self.inner.environment.now());
                let question = Question::about(&id);
                let report = self.inner.report(peer.node(), &question, left).await;
                let report = report.map_err(|error| match error {
                    CallError::Deadline => RouteOutcome::Deadline { transmitted: true },
                    _ => RouteOutcome::Unavailable,
                })?;
                report.into_info().ok_or(RouteOutcome::NotFound)
            }
            Route::Down(node) => Err(RouteOutcome::NodeDown { node }),
            Route::Unreachable => Err(RouteOutcome::Unavailable),
            Route::Gone | Route::Unknown => Err(RouteOutcome::NotFound),
        }
    }
}

impl Inner {
    async fn report(
        &self,
        node: &NodeId,
        question: &Question,
        deadline: Duration,
    ) -> Result<Report, CallError> {
        let question = question.encode_to_vec();
        let call = self.rpc.call(Service::Node, node, &question, deadline);
        let answer = call
            .await
            .inspect_err(|error| tracing::debug!(%node, %error, "no report"))?;
        Report::decode(answer).map_err(|error| CallError::Refused(error.to_string()))
    }
}
