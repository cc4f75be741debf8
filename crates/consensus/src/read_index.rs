//! Linearizable reads (Ongaro's thesis, §6.4): which index a state must have reached to contain
//! everything that was committed when the question was asked.

use std::time::Duration;

use raftwire_protocol::NodeId;

use crate::shared::Shared;
use crate::wire::request::{AskIndex, RequestKind};
use crate::wire::response::{Refused, ResponseKind, ToldIndex};

/// How long a question may take: longer than an election on direct links, and less than a sender
/// that waits for a route is given by default.
const DEADLINE: Duration = Duration::from_secs(2);

/// How long one call to the leader may take: a round of heartbeats is much less.
const ATTEMPT: Duration = Duration::from_millis(500);

/// The pause between attempts while nobody leads.
const PAUSE: Duration = Duration::from_millis(50);

/// No leader with a quorum answered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no leader with a quorum answered")]
pub struct NoQuorum;

/// Asks the leader, wherever it is.
pub(crate) async fn read_index(shared: &Shared) -> Result<u64, NoQuorum> {
    let until_answered = async {
        loop {
            let answer = match shared.leader() {
                Some(leader) if leader == shared.options.node => here(shared).await,
                Some(leader) => there(shared, &leader).await,
                None => None,
            };
            match answer {
                Some(index) => return index,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    let index = tokio::time::timeout(DEADLINE, until_answered)
        .await
        .map_err(|_| NoQuorum)?;
    // Where the state comes by the feed, it is asked for now rather than when something changes.
    shared.hearing.wanted.send_if_modified(|wanted| {
        let is_later = index > *wanted;
        *wanted = index.max(*wanted);
        is_later
    });
    Ok(index)
}

async fn here(shared: &Shared) -> Option<u64> {
    shared.rounds.confirm().await.ok()?;
    Some(shared.state().applied_index)
}

async fn there(shared: &Shared, leader: &NodeId) -> Option<u64> {
    let question = RequestKind::Index(AskIndex {}).into_bytes();
    let answer = shared.network.call(leader, question, ATTEMPT).await.ok()?;
    match ResponseKind::from_bytes(answer) {
        Ok(ResponseKind::Index(told)) => Some(told.index),
        Ok(_) | Err(_) => None,
    }
}

/// A peer's question: answered if this node leads, and a quorum says so.
pub(crate) async fn answer(shared: &Shared) -> ResponseKind {
    match here(shared).await {
        Some(index) => ResponseKind::Index(ToldIndex { index }),
        None => ResponseKind::Refused(Refused::not_leader(shared.leader())),
    }
}
