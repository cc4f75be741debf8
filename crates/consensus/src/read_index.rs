//! Linearizable reads (Ongaro's thesis, §6.4): which index a state must have reached to contain
//! everything that was committed when the question was asked.

use std::time::Duration;

use raftwire_protocol::NodeId;

use crate::shared::Shared;
use crate::wire::request::{AskIndex, RequestKind};
use crate::wire::response::{Refused, ResponseKind, ToldIndex};

/// How long one call to the leader may take: a round of heartbeats is much less.
const ATTEMPT: Duration = Duration::from_millis(500);

/// The pause between attempts while nobody leads.
const PAUSE: Duration = Duration::from_millis(50);

/// No leader with a quorum answered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no leader with a quorum answered")]
pub struct NoQuorum;

/// Asks the leader, wherever it is, for as long as a failover takes.
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
    let index = tokio::time::timeout(shared.options.timings.failover(), until_answered)
        .await
        .map_err(|_| NoQuorum)?;
    shared.hearing.want(index);
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
