//! This node's own membership: it joins, and renews its lease for as long as it runs.

use std::time::Duration;

use raftwire_protocol::{Incarnation, NodeId};
use tokio::time::{sleep, timeout};

use crate::command::{Command, Join, Outcome};
use crate::feed;
use crate::leader;
use crate::options::Timings;
use crate::proposer::propose;
use crate::shared::Shared;
use crate::state::JoinRefusal;
use crate::status::Role;
use crate::wire::request::{Nonce, Renew, RequestKind};
use crate::wire::response::{Renewed, ResponseKind};

/// How long one join is tried before its expectation is looked at again.
const JOIN: Duration = Duration::from_secs(5);

/// The pause after an attempt that led to nothing.
const PAUSE: Duration = Duration::from_millis(100);

/// The pause before a name is asked for again that another node has.
const TAKEN_PAUSE: Duration = Duration::from_secs(1);

/// How long a node that joined waits for the log to tell it so before it asks again.
const APPLY: Duration = Duration::from_secs(2);

/// Renewals a lease: of those within its usable part, three may fail.
const RENEWALS: u32 = 5;

/// Runs until the node or its engine ends, or until its session has left.
pub(crate) async fn run(shared: &Shared) {
    let mut known = shared.cluster_known.subscribe();
    if known.wait_for(|known| *known).await.is_err() {
        return;
    }
    let mut renewal = Renewal::default();
    // A node whose engine has stopped knows of nothing new, so it must not seem alive.
    while shared.published.status.borrow().role != Role::Stopped {
        let state = shared.state();
        // Not from the state itself: the lease has to be on this incarnation already.
        let own = shared
            .published
            .membership
            .borrow()
            .map(|own| own.incarnation);
        match own {
            Some(incarnation) if !renewal.must_join => {
                shared.report(None);
                renewal.round(shared, incarnation, state.lease).await;
            }
            own => {
                let row = state
                    .members
                    .get(&shared.options.node)
                    .map(|row| row.incarnation);
                let expected = match std::mem::take(&mut renewal.expect) {
                    Expect::OwnState => own.or(row),
                    Expect::Told(current) => current,
                };
                match join(shared, expected).await {
                    Joining::Again(expect) => renewal.expect = expect,
                    Joining::Joined => renewal.must_join = false,
                    Joining::Over => return,
                }
            }
        }
    }
}

/// Whether what this node knows is so old that it must not act as a member on it: the lease is not
/// renewed then, and so ends.
fn is_stale(shared: &Shared) -> bool {
    let is_fed = shared.published.state.borrow().is_fed();
    is_fed && shared.hearing.feed.elapsed(shared.now()) > feed::STALE_MAX
}

/// What a join expects to find under the node's name.
#[derive(Clone, Copy, Debug, Default)]
enum Expect {
    /// What this node's own state says.
    #[default]
    OwnState,
    /// What the log said in answer to an earlier join, which is newer.
    Told(Option<Incarnation>),
}

/// What a join came to.
enum Joining {
    Joined,
    /// Ask again.
    Again(Expect),
    /// This session has left.
    Over,
}

async fn join(shared: &Shared, expected: Option<Incarnation>) -> Joining {
    let command = Command::Join(Join {
        node: shared.options.node.clone(),
        raft_id: shared.raft_id,
        session: shared.options.session,
        expected,
        address: shared.options.address.clone(),
        ephemeral: shared.options.is_ephemeral(),
        edge: shared.options.is_edge(),
        versions: shared.options.versions,
        cluster: shared.state().cluster_id.or(shared.data_of),
    });
    match propose(shared, &command, JOIN).await {
        Ok(Outcome::Joined(membership)) => {
            let mut own = shared.published.membership.subscribe();
            // Not within the time: the log is slow, and asking again does no harm.
            let _ = timeout(APPLY, own.wait_for(|own| *own == Some(membership))).await;
            Joining::Joined
        }
        Ok(Outcome::JoinRefused(JoinRefusal::Stale { current })) => {
            Joining::Again(Expect::Told(current))
        }
        Ok(Outcome::JoinRefused(JoinRefusal::NotFounded)) => {
            sleep(PAUSE).await;
            Joining::Again(Expect::OwnState)
        }
        Ok(Outcome::JoinRefused(JoinRefusal::Left)) => Joining::Over,
        Ok(Outcome::JoinRefused(refusal)) => {
            shared.report(Some(format!(
                "cannot join as {}: {refusal}",
                shared.options.node
            )));
            sleep(TAKEN_PAUSE).await;
            Joining::Again(Expect::OwnState)
        }
        Ok(_) | Err(_) => {
            sleep(PAUSE).await;
            Joining::Again(Expect::OwnState)
        }
    }
}

/// What is remembered from one renewal to the next.
#[derive(Debug, Default)]
struct Renewal {
    /// The nonce of the leader's last answer.
    nonce: Option<Nonce>,
    /// The leader that somebody named who does not lead.
    hint: Option<NodeId>,
    /// The leader says that the incarnation is not alive.
    must_join: bool,
    /// What the next join expects, where the log's word is newer than the own state.
    expect: Expect,
    /// Whom to ask next while no leader is known.
    asked: usize,
}

impl Renewal {
    /// Asks for the lease once, and waits for the time of the next asking.
    async fn round(&mut self, shared: &Shared, incarnation: Incarnation, lease: Duration) {
        let renew = Renew {
            node: shared.options.node.as_str().to_owned(),
            incarnation: incarnation.get(),
            nonce: self.nonce,
        };
        let had_nonce = renew.nonce.is_some();
        // The lease is counted from here, before anything is sent.
        let sent = shared.now();
        let answer = self.ask(shared, renew, lease).await;
        let Some(answer) = answer else {
            self.nonce = None;
            sleep(PAUSE).await;
            return;
        };
        self.nonce = answer.nonce;
        self.must_join = answer.join;
        if answer.granted && !is_stale(shared) {
            let lease = Duration::from_millis(answer.lease_ms);
            shared
                .published
                .lease
                .extend(incarnation, sent + Timings::usable(lease));
            sleep(lease / RENEWALS).await;
        } else if had_nonce || self.nonce.is_none() {
            sleep(PAUSE).await;
        }
    }

    async fn ask(&mut self, shared: &Shared, renew: Renew, lease: Duration) -> Option<Renewed> {
        if leader::leads(shared) {
            return match leader::answer(shared, &shared.options.node, &renew).await {
                ResponseKind::Renew(renewed) => Some(renewed),
                _ => None,
            };
        }
        let leader = self
            .hint
            .take()
            .or_else(|| shared.leader())
            .or_else(|| self.any(shared))?;
        let request = RequestKind::Renew(renew).into_bytes();
        let deadline = (lease / RENEWALS).max(PAUSE);
        let answer = shared.network.call(&leader, request, deadline).await.ok()?;
        match ResponseKind::from_bytes(answer).ok()? {
            ResponseKind::Renew(renewed) => Some(renewed),
            ResponseKind::Refused(refused) => {
                self.hint = refused
                    .leader
                    .and_then(|leader| leader.parse().ok())
                    .filter(|hint| *hint != leader);
                None
            }
            _ => None,
        }
    }

    /// While no leader is known, one peer after the other is asked who leads.
    fn any(&mut self, shared: &Shared) -> Option<NodeId> {
        let peers = shared.peers();
        let at = self.asked.checked_rem(peers.len())?;
        self.asked = self.asked.wrapping_add(1);
        peers.into_iter().nth(at)
    }
}
