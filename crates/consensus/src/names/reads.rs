//! Which state contains everything that was committed before a question: one question to the
//! leader for all who ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::read_index::{NoQuorum, read_index};
use crate::shared::Shared;
use crate::state::ClusterState;

/// How long a read may take: the round that is under way, the next, and applying what it names.
const DEADLINE: Duration = Duration::from_secs(5);

/// Rounds of questions. Who asks while one is under way waits for the *next*: the answer to the one
/// under way may be older than the question. A waiting question takes no room here.
#[derive(Debug)]
pub(crate) struct Reads {
    /// The number of the last round that has begun.
    begun: AtomicU64,
    /// The highest round that somebody waits for.
    wanted: watch::Sender<u64>,
    /// The last round that has ended, and the index that it found.
    ended: watch::Sender<(u64, Option<u64>)>,
}

impl Default for Reads {
    fn default() -> Reads {
        Reads {
            begun: AtomicU64::new(0),
            wanted: watch::Sender::new(0),
            ended: watch::Sender::new((0, None)),
        }
    }
}

impl Reads {
    /// An index that contains everything that was committed before this call.
    async fn index(&self) -> Result<u64, NoQuorum> {
        let next = self.begun.load(Ordering::SeqCst) + 1;
        self.wanted.send_if_modified(|wanted| {
            let is_new = *wanted < next;
            *wanted = next.max(*wanted);
            is_new
        });
        let mut ended = self.ended.subscribe();
        let ended = ended.wait_for(|(round, _)| *round >= next).await;
        ended.map_err(|_| NoQuorum)?.1.ok_or(NoQuorum)
    }

    /// How many rounds there were.
    pub(crate) fn rounds(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }
}

/// The state of this node's own replica, with everything in it that was committed before this call.
pub(crate) async fn read(shared: &Shared) -> Result<Arc<ClusterState>, NoQuorum> {
    let reading = async {
        let index = shared.names.reads.index().await?;
        let mut states = shared.published.state.subscribe();
        let applied = states.wait_for(|state| state.applied_index >= index).await;
        applied
            .map(|state| Arc::clone(&state))
            .map_err(|_| NoQuorum)
    };
    timeout(DEADLINE, reading).await.unwrap_or(Err(NoQuorum))
}

/// Runs the rounds until the node ends.
pub(crate) async fn run(shared: &Shared) {
    let reads = &shared.names.reads;
    let mut wanted = reads.wanted.subscribe();
    loop {
        let begun = reads.begun.load(Ordering::SeqCst);
        if wanted.wait_for(|wanted| *wanted > begun).await.is_err() {
            return;
        }
        // Whoever has seen the former number asked before this round begins.
        let round = reads.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let index = read_index(shared).await.ok();
        reads.ended.send_replace((round, index));
    }
}
