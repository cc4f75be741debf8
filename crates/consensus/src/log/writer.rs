//! The one task that writes the log.

use std::sync::Arc;

use openraft::storage::IOFlushed;
use raftwire_environment::{Executor, disk};
use tokio::sync::{mpsc, oneshot};

use super::{error::LogError, record::Record, segment_log::SegmentLog, store::Shared};
use crate::{data_dir::DataDir, type_config::TypeConfig};

/// How many operations may wait for the disk, and so be made durable by one sync.
///
/// The engine appends for many proposals at once and waits after each vote, so 256 is a length
/// that only a stalled disk reaches; then proposing waits. It costs little memory: the entries
/// are shared with the [`Tail`](super::Tail).
pub(super) const QUEUE_OPERATIONS_MAX: usize = 256;

/// How many records may wait that nobody waits for. The engine appends after nearly each of them,
/// so the number is hardly reached; it bounds what is kept back.
const UNHURRIED_RECORDS_MAX: usize = 64;

/// A change of the log that is in memory already.
pub(super) struct Operation {
    pub(super) records: Vec<Record>,
    pub(super) urgency: Urgency,
}

/// When a change has to be durable.
pub(super) enum Urgency {
    /// Now: somebody waits to hear of it.
    Now(Waiting),
    /// Now, though nobody waits: it frees space.
    Soon,
    /// It is enough that it comes before whatever is written next.
    WithTheNext,
}

/// Who waits for a change to be durable.
pub(super) enum Waiting {
    /// A caller that does nothing else meanwhile.
    Caller(oneshot::Sender<Result<(), LogError>>),
    /// The engine, which goes on meanwhile.
    Engine(IOFlushed<TypeConfig>),
}

impl Waiting {
    fn tell(self, result: Result<(), LogError>) {
        match self {
            // Who no longer waits need not be told.
            Waiting::Caller(answer) => drop(answer.send(result)),
            Waiting::Engine(callback) => callback.io_completed(result.map_err(Into::into)),
        }
    }
}

/// What the writer keeps alive as long as it may still write.
pub(super) struct Writer {
    pub(super) log: SegmentLog,
    pub(super) shared: Arc<Shared>,
    /// The disk, and the lock of the folder on it.
    pub(super) data_dir: Arc<DataDir>,
    /// The thread that this task runs on: it ends by itself once the queue is closed.
    pub(super) _executor: Executor,
}

impl Writer {
    /// Writes whatever is in the queue with one sync, tells those who wait, in order, and starts
    /// again with what has come meanwhile. It ends when the queue is closed and empty.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Operation>) {
        let mut operations = Vec::new();
        let mut records = Vec::new();
        let mut waiting = Vec::new();
        while queue.recv_many(&mut operations, QUEUE_OPERATIONS_MAX).await > 0 {
            let mut is_due = false;
            for operation in operations.drain(..) {
                operation
                    .records
                    .into_iter()
                    .for_each(|record| push(&mut records, record));
                match operation.urgency {
                    Urgency::Now(waiter) => waiting.push(waiter),
                    Urgency::Soon => is_due = true,
                    Urgency::WithTheNext => {}
                }
            }
            if is_due || !waiting.is_empty() || records.len() >= UNHURRIED_RECORDS_MAX {
                let result = self.commit(&mut records).await;
                for waiter in waiting.drain(..) {
                    waiter.tell(result.clone());
                }
            }
        }
        // Nobody waits for the last ones; it only makes the next start a little faster.
        let _ = self.commit(&mut records).await;
    }

    async fn commit(&mut self, records: &mut Vec<Record>) -> Result<(), LogError> {
        if !records.is_empty() {
            disk::turn(self.data_dir.disk().as_ref()).await;
        }
        let result = self.log.commit(records);
        records.clear();
        if let Err(error) = &result
            && self.shared.fail(error)
        {
            tracing::error!(%error, "the log cannot be written any more, this node stops");
        }
        result
    }
}

/// Adds a record, which makes a commit mark before it superfluous if it is one itself.
fn push(records: &mut Vec<Record>, record: Record) {
    if let (Some(Record::Committed(before)), Record::Committed(now)) = (records.last_mut(), &record)
    {
        *before = *now;
    } else {
        records.push(record);
    }
}
