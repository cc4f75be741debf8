use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::task::AtomicWaker;
use tokio::sync::watch;

/// What the threads of a fan-out share. The sender is in the first one.
#[derive(Debug)]
pub(super) struct Shared {
    /// For each thread the number of the first message that some of its receivers wait for.
    complete: Box<[AtomicU64]>,
    /// Threads whose receivers are all connected.
    open: AtomicUsize,
    /// The sender's task.
    pub(super) waker: AtomicWaker,
    /// How far the sender is.
    pub(super) stage: watch::Sender<Stage>,
}

/// How far the sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It is not connected: nobody else may be, since the first connection is the sender.
    Connecting,
    /// It is.
    Connected,
    /// Every message that it has sent has arrived.
    Done,
    /// It has failed, and says so to whoever waits for the measurement.
    Failed,
}

impl Shared {
    pub(super) fn new(threads: usize) -> Shared {
        Shared {
            complete: (0..threads).map(|_| AtomicU64::new(0)).collect(),
            open: AtomicUsize::new(0),
            waker: AtomicWaker::new(),
            stage: watch::Sender::new(Stage::Connecting),
        }
    }

    /// All receivers of one more thread are connected.
    pub(super) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Release);
    }

    /// Those of every thread are.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire) == self.complete.len()
    }

    /// All receivers of the thread have the messages in front of this one.
    pub(super) fn set_complete(&self, thread: usize, next: u64) {
        self.complete[thread].store(next, Ordering::Release);
        self.waker.wake();
    }

    /// All receivers have the messages in front of this one.
    pub(super) fn complete(&self) -> u64 {
        let threads = self.complete.iter();
        let least = threads.map(|next| next.load(Ordering::Acquire)).min();
        least.unwrap_or_default()
    }

    /// Waits until the sender is so far; whether it will be.
    pub(super) async fn reaches(&self, wanted: Stage) -> bool {
        let mut stages = self.stage.subscribe();
        let reached = stages.wait_for(|stage| *stage >= wanted).await;
        reached.is_ok_and(|stage| *stage != Stage::Failed)
    }
}
