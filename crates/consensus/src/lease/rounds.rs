use std::time::Duration;

use openraft::Raft;
use openraft::raft::ReadPolicy;
use tokio::sync::{mpsc, oneshot};

use crate::machine::Machine;
use crate::type_config::TypeConfig;

/// How many renewals may wait for a round. More members than that renew at different times, and
/// who finds the queue full asks again.
const WAITING_MAX: usize = 1024;

/// Asks a quorum whether it still follows this leader: one round for all who wait.
#[derive(Clone, Debug)]
pub(crate) struct QuorumRounds {
    waiting: mpsc::Sender<oneshot::Sender<bool>>,
}

/// No quorum answered in time, or this node does not lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no quorum follows this node")]
pub(crate) struct NotConfirmed;

impl QuorumRounds {
    /// The handle, and the task that runs the rounds; each gives up after `deadline`.
    pub(crate) fn new(
        engine: Raft<TypeConfig, Machine>,
        deadline: Duration,
    ) -> (QuorumRounds, impl Future<Output = ()> + Send + 'static) {
        let (waiting, queue) = mpsc::channel(WAITING_MAX);
        (QuorumRounds { waiting }, run(engine, deadline, queue))
    }

    /// Waits for a round that begins after this call. When it returns, this node was leader at
    /// some time after the call, and its state has everything that was committed before the call.
    pub(crate) async fn confirm(&self) -> Result<(), NotConfirmed> {
        let (answer, confirmed) = oneshot::channel();
        self.waiting.try_send(answer).map_err(|_| NotConfirmed)?;
        match confirmed.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(NotConfirmed),
        }
    }
}

async fn run(
    engine: Raft<TypeConfig, Machine>,
    deadline: Duration,
    mut queue: mpsc::Receiver<oneshot::Sender<bool>>,
) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, WAITING_MAX).await > 0 {
        // Who asks from here on waits for the next round.
        let round = tokio::time::timeout(deadline, round(&engine)).await;
        let confirmed = round.unwrap_or(false);
        for answer in waiting.drain(..) {
            // Whoever has given up waiting needs no answer.
            let _ = answer.send(confirmed);
        }
    }
}

async fn round(engine: &Raft<TypeConfig, Machine>) -> bool {
    let Ok(linearizer) = engine.get_read_linearizer(ReadPolicy::ReadIndex).await else {
        return false;
    };
    linearizer.await_ready(engine).await.is_ok()
}
