//! The names that a node without the log lost, as the feed tells of them.

use prost::Message as _;
use raftwire_protocol::Incarnation;
use tokio::sync::mpsc;

use crate::shared::Shared;
use crate::state::{ClusterState, LostName};
use crate::wire::request::AskFeed;
use crate::wire::response::LostRecord;

/// How many bytes of losses are told of at once, beyond which no further entry is begun: one entry
/// takes no more than three times its own 16 KiB.
const AT_ONCE_BYTES: usize = 4 * 1024;

/// The losses that are new to the asker, of whole entries.
pub(super) fn news(state: &ClusterState, question: &AskFeed) -> Vec<LostRecord> {
    let incarnation = Incarnation::new(question.incarnation);
    let mut told: Vec<LostRecord> = Vec::new();
    let mut bytes = 0;
    for (index, lost) in state.lost_names(incarnation, question.lost_after) {
        let is_next = told.last().is_some_and(|last| last.index != index);
        if is_next && bytes > AT_ONCE_BYTES {
            break;
        }
        let record = LostRecord::new(index, lost);
        bytes += record.encoded_len();
        told.push(record);
    }
    told
}

/// Whether there are any.
pub(super) fn has_news(state: &ClusterState, question: &AskFeed) -> bool {
    let incarnation = Incarnation::new(question.incarnation);
    state
        .lost_names(incarnation, question.lost_after)
        .next()
        .is_some()
}

/// Hands losses to their reader.
#[derive(Debug)]
pub(super) struct Losses {
    reader: mpsc::Sender<LostName>,
}

impl Losses {
    pub(super) fn new(reader: mpsc::Sender<LostName>) -> Losses {
        Losses { reader }
    }

    /// Whose losses are asked for, and after which index. While the reader is behind, none are: the
    /// feed goes on without it, and the state keeps them.
    pub(super) fn question(&self, shared: &Shared) -> (u64, u64) {
        // From the state itself: the published membership follows it, a little later.
        let state = shared.state();
        let Some(own) = shared.own_row(&state).filter(|row| row.is_alive()) else {
            return (0, u64::MAX);
        };
        let (of, upto) = *shared.names.handed.borrow();
        let is_behind = self.reader.capacity() < self.reader.max_capacity();
        let after = match (is_behind, of == own.incarnation) {
            (true, _) => u64::MAX,
            (false, true) => upto,
            (false, false) => 0,
        };
        (own.incarnation.get(), after)
    }

    /// Hands on what an answer told; once it is handed on, this node acknowledges it by its next batch.
    pub(super) async fn hand_on(&self, shared: &Shared, incarnation: u64, told: &[LostRecord]) {
        let incarnation = Incarnation::new(incarnation);
        let (of, upto) = *shared.names.handed.borrow();
        let known = if of == incarnation { upto } else { 0 };
        let news = told.iter().filter(|record| record.index > known);
        let Some(last) = news.clone().next_back().map(|record| record.index) else {
            return;
        };
        for record in news {
            match record.parse() {
                // Nobody listens: then nobody can be told.
                Ok(lost) => drop(self.reader.send(lost).await),
                Err(error) => tracing::warn!(%error, "a lost name that is no name"),
            }
        }
        shared.names.handed.send_replace((incarnation, last));
    }
}
