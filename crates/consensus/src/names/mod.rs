//! This node's dealings with names: what it registers, looks up, and is told that it lost.
//!
//! What names mean is in the state. Here are the tasks around it: the *batcher* proposes what this
//! node wants, the *losses* are told to whoever closes the connections, *reads* make lookups
//! linearizable, *asks* carry lookups of a node without the log to one that has it, and the *sweep*
//! is the leader's.

pub(crate) mod answer;
pub(crate) mod asks;
pub(crate) mod batch;
pub(crate) mod batcher;
pub(crate) mod cache;
pub(crate) mod losses;
pub(crate) mod reads;
pub(crate) mod register;
pub(crate) mod sweep;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use raftwire_protocol::Incarnation;
use tokio::sync::{mpsc, watch};

use self::asks::Ask;
use self::batch::Queued;
use self::cache::NameCache;
use self::reads::Reads;
use crate::state::LostName;

/// How many operations may wait for a batch: a few seconds of registrations at the rate that a
/// cluster makes durable, and some 10 MB at the longest names.
pub(crate) const OPERATIONS_WAITING_MAX: usize = 32 * 1024;

/// How many lookups of a node without the log may wait to be asked. They are asked some hundred at
/// once, so that many wait for a second at most.
const ASKS_WAITING_MAX: usize = 32 * 1024;

/// How many losses wait for their reader; beyond that the state keeps them.
const LOSSES_WAITING_MAX: usize = 1_024;

/// What the tasks around names share.
#[derive(Debug)]
pub(crate) struct NamesShared {
    /// What this node wants of the names.
    pub(crate) wanted: mpsc::Sender<Queued>,
    /// Lookups for a node that has the log.
    pub(crate) asks: mpsc::Sender<Ask>,
    pub(crate) reads: Reads,
    /// Up to which index the losses of an incarnation were handed to their reader.
    pub(crate) handed: watch::Sender<(Incarnation, u64)>,
    cache: Mutex<NameCache>,
    has_log: AtomicBool,
}

/// The other ends of the queues, for the tasks and the reader.
#[derive(Debug)]
pub(crate) struct NamesQueues {
    pub(crate) wanted: mpsc::Receiver<Queued>,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) losses_in: mpsc::Sender<LostName>,
    pub(crate) losses_out: mpsc::Receiver<LostName>,
}

impl NamesShared {
    pub(crate) fn new() -> (NamesShared, NamesQueues) {
        let (wanted, wanted_queue) = mpsc::channel(OPERATIONS_WAITING_MAX);
        let (asks, asks_queue) = mpsc::channel(ASKS_WAITING_MAX);
        let (losses_in, losses_out) = mpsc::channel(LOSSES_WAITING_MAX);
        let shared = NamesShared {
            wanted,
            asks,
            reads: Reads::default(),
            handed: watch::Sender::new((Incarnation::NONE, 0)),
            cache: Mutex::default(),
            has_log: AtomicBool::new(true),
        };
        let queues = NamesQueues {
            wanted: wanted_queue,
            asks: asks_queue,
            losses_in,
            losses_out,
        };
        (shared, queues)
    }

    /// Whether this node applies the log, and so has the names itself.
    pub(crate) fn has_log(&self) -> bool {
        self.has_log.load(Ordering::Acquire)
    }

    /// Says whether it does.
    pub(crate) fn set_has_log(&self, has_log: bool) {
        self.has_log.store(has_log, Ordering::Release);
    }

    /// What this node was told of names that it does not have itself.
    pub(crate) fn cache(&self) -> MutexGuard<'_, NameCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
