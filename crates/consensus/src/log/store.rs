//! The log as the engine sees it.

use std::{
    fmt::Debug,
    io,
    ops::RangeBounds,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use openraft::{
    LogState, OptionalSend, RaftLogReader,
    storage::{IOFlushed, RaftLogStorage},
};
use raftwire_environment::{Environment, disk::turn};
use raftwire_protocol::limits::RPC_PAYLOAD_BYTES_MAX;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    error::{LogError, LogOpenError},
    marks::index_of,
    record::{Position, Record, StoredEntry, Vote as StoredVote},
    segment_log::{SEGMENT_BYTES, SegmentLog},
    snapshot_store::SnapshotStore,
    tail::Tail,
    writer::{Operation, QUEUE_OPERATIONS_MAX, Urgency, Waiting, Writer},
};
use crate::{
    data_dir::DataDir,
    type_config::{CommittedLeaderId, Entry, LogId, TypeConfig, Vote},
    wire::{ENTRY_BYTES_MAX, decode_entry, encode_entry},
};

/// How many bytes of entries are read at once to be sent to another node: three quarters of what
/// a control packet holds leave room for their lengths.
pub(super) const READ_BYTES_MAX: usize = RPC_PAYLOAD_BYTES_MAX * 3 / 4;

const _: () = assert!(
    ENTRY_BYTES_MAX <= READ_BYTES_MAX,
    "the largest entry can be sent"
);

/// How the log differs from what it should be.
#[derive(Copy, Clone, Debug)]
pub(crate) struct LogOptions {
    /// From which size on a segment is followed by another.
    pub(crate) segment_bytes: u64,
    /// Do wrong on purpose: votes are kept in memory only. A simulation must find it.
    #[cfg(feature = "wrong-variants")]
    pub(crate) forget_vote: bool,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            segment_bytes: SEGMENT_BYTES,
            #[cfg(feature = "wrong-variants")]
            forget_vote: false,
        }
    }
}

/// The log, for the one who writes it: the engine's core.
///
/// Memory is ahead of the disk: a change is visible to readers when its call returns, and on disk
/// when its callback is called or, for a vote, when the call returns. What the disk holds after a
/// crash is always what the calls up to some point have made, and that point is not before the
/// last one that was answered for. A truncation, a purge or a commit mark is not answered for by
/// itself: losing one together with everything after it leaves an earlier, correct state.
#[derive(Debug)]
pub(crate) struct LogStore {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Operation>,
    #[cfg(feature = "wrong-variants")]
    forget_vote: bool,
}

/// The log, for those who read it.
#[derive(Clone, Debug)]
pub(crate) struct LogReader {
    shared: Arc<Shared>,
}

/// Becomes ready when the last change of a dropped [`LogStore`] is written and the folder is free.
#[derive(Debug)]
pub(crate) struct LogEnd {
    writer: JoinHandle<()>,
}

/// What the writer, the readers and the store have in common.
#[derive(Debug)]
pub(super) struct Shared {
    tail: Mutex<Tail>,
    /// The newest vote that was answered for: memory may be ahead of it.
    saved_vote: Mutex<Option<Vote>>,
    failure: OnceLock<LogError>,
}

impl LogEnd {
    /// Waits. Without an end of the [`LogStore`] it waits for ever.
    pub(crate) async fn reached(self) {
        // An error says that the runtime ended, and the writer with it.
        let _ = self.writer.await;
    }
}

impl Shared {
    fn tail(&self) -> MutexGuard<'_, Tail> {
        // A panic can leave no half-made change: each is checked before it is made.
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saved_vote(&self) -> MutexGuard<'_, Option<Vote>> {
        self.saved_vote
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this was the first failure.
    pub(super) fn fail(&self, error: &LogError) -> bool {
        self.failure.set(error.clone()).is_ok()
    }

    fn apply(&self, records: &[Record]) -> Result<(), LogError> {
        let mut tail = self.tail();
        let mut marks = *tail.marks();
        for record in records {
            marks.apply(record)?;
        }
        for record in records {
            tail.apply(record)?;
        }
        Ok(())
    }

    fn read(&self, range: impl RangeBounds<u64>, bytes_max: usize) -> Vec<Bytes> {
        let tail = self.tail();
        let mut bytes = 0_usize;
        tail.entries(range)
            .enumerate()
            .take_while(|(nth, entry)| {
                bytes = bytes.saturating_add(entry.bytes.len());
                *nth == 0 || bytes <= bytes_max
            })
            .map(|(_, entry)| entry.bytes.clone())
            .collect()
    }
}

impl LogStore {
    /// Opens the log of `data_dir`.
    ///
    /// # Errors
    ///
    /// See [`LogOpenError`].
    pub(crate) async fn open(
        environment: &Environment,
        data_dir: Arc<DataDir>,
        snapshots: &SnapshotStore,
        options: LogOptions,
    ) -> Result<(LogStore, LogEnd), LogOpenError> {
        let executor = environment.executor("raft-log");
        let (disk, dir) = (Arc::clone(data_dir.disk()), data_dir.log_dir());
        let opened = executor
            .spawn("open-log", async move {
                turn(disk.as_ref()).await;
                SegmentLog::open(disk, &dir, options.segment_bytes)
            })
            .await;
        let (log, tail) = opened.map_err(|_| LogOpenError::Interrupted)??;
        let purged = index_of(tail.marks().purged);
        if let Some(purged) = purged
            && Some(purged) > snapshots.covered()
        {
            return Err(LogOpenError::SnapshotMissing {
                dir: data_dir.log_dir(),
                purged,
                covered: snapshots.covered(),
            });
        }
        let shared = Arc::new(Shared {
            saved_vote: Mutex::new(tail.marks().vote.map(vote_from)),
            tail: Mutex::new(tail),
            failure: OnceLock::new(),
        });
        let (queue, operations) = mpsc::channel(QUEUE_OPERATIONS_MAX);
        let writer = Writer {
            log,
            shared: Arc::clone(&shared),
            data_dir,
            _executor: executor.clone(),
        };
        let writer = executor.spawn("write-log", writer.run(operations));
        let store = LogStore {
            shared,
            queue,
            #[cfg(feature = "wrong-variants")]
            forget_vote: options.forget_vote,
        };
        Ok((store, LogEnd { writer }))
    }

    /// Makes a change in memory and hands it to the writer, both or neither.
    async fn submit(&mut self, records: Vec<Record>, urgency: Urgency) -> Result<(), LogError> {
        let permit = self.queue.reserve().await;
        if let Some(failure) = self.shared.failure.get() {
            return Err(failure.clone());
        }
        let permit = permit.map_err(|_| LogError::Closed)?;
        self.shared.apply(&records)?;
        permit.send(Operation { records, urgency });
        Ok(())
    }
}

impl LogReader {
    /// The newest vote that was answered for.
    pub(crate) fn saved_vote(&self) -> Option<Vote> {
        *self.shared.saved_vote()
    }

    /// Bytes of the entries after `index`, or of all.
    pub(crate) fn bytes_after(&self, index: Option<u64>) -> u64 {
        let from = index.map_or(0, |index| index.saturating_add(1));
        let tail = self.shared.tail();
        tail.entries(from..)
            .map(|entry| entry.bytes.len() as u64)
            .sum()
    }
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        decode_all(self.shared.read(range, usize::MAX))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        decode_all(self.shared.read(start..end, READ_BYTES_MAX))
    }

    /// Decodes one entry at a time: a range that is to be applied can be the whole log.
    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let entries = self.shared.read(range, usize::MAX);
        stream::iter(entries.into_iter().map(|bytes| decode(&bytes)))
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.shared.tail().marks().vote.map(vote_from))
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let marks = *self.shared.tail().marks();
        Ok(LogState {
            last_purged_log_id: marks.purged.map(log_id_from),
            last_log_id: marks.last.map(log_id_from),
        })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        LogReader {
            shared: Arc::clone(&self.shared),
        }
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let record = Record::Vote(StoredVote {
            term: vote.leader_id.term,
            candidate: vote.leader_id.voted_for,
            granted: vote.committed,
        });
        #[cfg(feature = "wrong-variants")]
        if self.forget_vote {
            *self.shared.saved_vote() = Some(*vote);
            return Ok(self.shared.apply(&[record])?);
        }
        let (answer, answered) = oneshot::channel();
        self.submit(vec![record], Urgency::Now(Waiting::Caller(answer)))
            .await?;
        answered.await.unwrap_or(Err(LogError::Closed))?;
        *self.shared.saved_vote() = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let record = Record::Committed(committed.as_ref().map(position_of));
        Ok(self.submit(vec![record], Urgency::WithTheNext).await?)
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.shared.tail().marks().committed.map(log_id_from))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let records = entries
            .into_iter()
            .map(|entry| {
                Record::Entry(StoredEntry {
                    position: position_of(&entry.log_id),
                    bytes: encode_entry(&entry).into(),
                })
            })
            .collect();
        let urgency = Urgency::Now(Waiting::Engine(callback));
        Ok(self.submit(records, urgency).await?)
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        let record = Record::Truncate(last_log_id.as_ref().map(position_of));
        Ok(self.submit(vec![record], Urgency::WithTheNext).await?)
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        let record = Record::Purge(position_of(&log_id));
        Ok(self.submit(vec![record], Urgency::Soon).await?)
    }
}

fn decode_all(entries: Vec<Bytes>) -> io::Result<Vec<Entry>> {
    entries.iter().map(decode).collect()
}

fn decode(bytes: &Bytes) -> io::Result<Entry> {
    decode_entry(bytes).map_err(|error| LogError::Entry(error.to_string()).into())
}

fn position_of(log_id: &LogId) -> Position {
    Position {
        term: log_id.leader_id.term,
        index: log_id.index,
    }
}

fn log_id_from(position: Position) -> LogId {
    LogId {
        leader_id: CommittedLeaderId::new(position.term),
        index: position.index,
    }
}

fn vote_from(vote: StoredVote) -> Vote {
    if vote.granted {
        Vote::new_committed(vote.term, vote.candidate)
    } else {
        Vote::new(vote.term, vote.candidate)
    }
}
