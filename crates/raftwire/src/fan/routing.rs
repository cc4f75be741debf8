//! From any node to all connections of a user, of a group, or of the cluster.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use raftwire_protocol::{Frame, Group, NodeId, UserId};
use tokio::sync::oneshot;

use super::{Audience, FanJob, FanOutcome, FanReply};
use crate::directory::FanPlace;
use crate::peer::Fan;
use crate::{ClusterRouter, ROUTE_DEADLINE_MAX, RouteOutcome};

/// How one message for many connections is sent.
///
/// ```
/// use std::time::Duration;
///
/// let options = raftwire::FanOptions::default().deadline(Duration::from_millis(500));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FanOptions {
    deadline: Option<Duration>,
}

impl FanOptions {
    /// How long it may take, at most [`ROUTE_DEADLINE_MAX`]: a longer one is taken as that.
    /// Default: the cluster's `route_deadline`.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

/// A node that a fan-out concerns: its answer is on the way, or it is known that none will come.
type Flight = (
    NodeId,
    Result<Option<oneshot::Receiver<FanReply>>, RouteOutcome>,
);

impl ClusterRouter {
    /// Sends a message to all connections of a user. See [`fan_out`](Self::fan_out).
    pub async fn send_to_user(&self, user: &UserId, message: impl Into<Frame>) -> FanOutcome {
        let audience = Audience::User(user.clone());
        self.fan_out(&audience, message, FanOptions::default())
            .await
    }

    /// Sends a message to all connections in a group. See [`fan_out`](Self::fan_out).
    pub async fn send_to_group(&self, group: &Group, message: impl Into<Frame>) -> FanOutcome {
        let audience = Audience::Group(group.clone());
        self.fan_out(&audience, message, FanOptions::default())
            .await
    }

    /// Sends a message to all connections of the cluster. See [`fan_out`](Self::fan_out).
    pub async fn broadcast(&self, message: impl Into<Frame>) -> FanOutcome {
        let options = FanOptions::default();
        self.fan_out(&Audience::Everyone, message, options).await
    }

    /// Sends one message to many connections, wherever they live, and says what became of it. It crosses
    /// the wire once for each node that holds such connections, however many, and they share it.
    /// Always ends by the deadline.
    ///
    /// Fan-outs of one handle reach each connection in the order in which their futures were first
    /// polled. Between a fan-out and a message that is [routed](Self::route) to a connection by its id,
    /// no order is promised.
    ///
    /// A connection that joined by [`join`](crate::ClusterManager::join) is missed by what other nodes
    /// send before they have heard of it, some milliseconds later;
    /// [`join_settled`](crate::ClusterManager::join_settled) waits for that. While this node is cut
    /// off from the majority, its own connections are reached as always.
    ///
    /// # Cancel safety
    /// A dropped future forgets the answers; the message may be delivered all the same.
    pub async fn fan_out(
        &self,
        audience: &Audience,
        message: impl Into<Frame>,
        options: FanOptions,
    ) -> FanOutcome {
        let deadline = options.deadline.unwrap_or(self.inner.limits.deadline);
        let deadline = self.inner.environment.now() + deadline.min(ROUTE_DEADLINE_MAX);
        let is_fenced = !self.inner.holds_lease();
        let flights = self.start_fan(audience, &message.into(), deadline, true);
        let landing = flights
            .into_iter()
            .map(|(node, flight)| async move { (node, land(flight, deadline).await) });
        let mut outcome = FanOutcome {
            is_fenced,
            ..FanOutcome::default()
        };
        for (node, reply) in join_all(landing).await {
            if let Some(reply) = reply {
                outcome.add(node, reply);
            }
        }
        self.fan_counters().answered(audience, &outcome);
        outcome
    }

    /// Sends one message to many connections and forgets it: queued in order with the other fan-outs,
    /// received at most once, and nobody says what became of it.
    ///
    /// Returns the nodes of which it is known at once that their connections will not receive it, and
    /// why.
    pub fn fan_out_and_forget(
        &self,
        audience: &Audience,
        message: impl Into<Frame>,
    ) -> BTreeMap<NodeId, RouteOutcome> {
        let deadline = self.inner.environment.now() + self.inner.limits.deadline;
        let flights = self.start_fan(audience, &message.into(), deadline, false);
        let missed = flights
            .into_iter()
            .filter_map(|(node, flight)| Some((node, flight.err()?)));
        let missed = missed.collect();
        self.fan_counters().forgotten(audience, &missed);
        missed
    }

    /// Puts the message on its way to every node that it concerns. Nothing in here waits: this is what
    /// keeps the order.
    fn start_fan(
        &self,
        audience: &Audience,
        frame: &Frame,
        deadline: Instant,
        acknowledged: bool,
    ) -> Vec<Flight> {
        let inner = &self.inner;
        let directory = inner.directory.load();
        let size = inner.check_size(frame);
        // Without a lease this node may be held dead: others join then without telling it, so that no
        // copy of what they hold says that a row is not in it.
        let row = audience.row().filter(|_| inner.holds_lease());
        let begin =
            |send: &dyn Fn(Option<oneshot::Sender<FanReply>>) -> Result<(), RouteOutcome>| {
                size.clone()?;
                if !acknowledged {
                    return send(None).map(|()| None);
                }
                let (reply, answer) = oneshot::channel();
                send(Some(reply)).map(|()| Some(answer))
            };
        let here = begin(&|reply| {
            let job = FanJob::new(audience, frame.clone(), acknowledged);
            inner.fans.send(job, deadline, reply)
        });
        let mut flights = vec![(inner.node.clone(), here)];
        for place in directory.fan_places() {
            match place {
                FanPlace::At { facts, .. }
                    if row.as_ref().is_some_and(|row| {
                        facts.as_ref().is_some_and(|facts| !facts.may_hold(row))
                    }) => {}
                FanPlace::At { peer, .. } => {
                    let sent = begin(&|reply| {
                        peer.send_fan(Fan {
                            audience: audience.clone(),
                            frame: frame.clone(),
                            deadline,
                            reply,
                        })
                    });
                    flights.push((peer.node().clone(), sent));
                }
                FanPlace::Unreachable(node) => {
                    flights.push((node.clone(), Err(RouteOutcome::Unavailable)));
                }
            }
        }
        flights
    }
}

/// The answer of one node; `None` where nobody waits for one.
async fn land(
    flight: Result<Option<oneshot::Receiver<FanReply>>, RouteOutcome>,
    deadline: Instant,
) -> Option<FanReply> {
    /// The peer's task answers at the deadline by itself, with what it knows of the message: this
    /// only ends the waiting where it cannot run.
    const PATIENCE: Duration = Duration::from_millis(100);
    let answer = match flight {
        Ok(answer) => answer?,
        Err(outcome) => return Some(Err(outcome)),
    };
    let lost = Err(RouteOutcome::Deadline { transmitted: true });
    match tokio::time::timeout_at((deadline + PATIENCE).into(), answer).await {
        Ok(Ok(reply)) => Some(reply),
        // Only a node that stops forgets to answer.
        Ok(Err(_)) | Err(_) => Some(lost),
    }
}
