use std::cell::{Cell, RefCell};

use tokio::sync::Notify;

use crate::connection::Lost;
use crate::machine::Nanos;
use crate::tally::Tally;

/// Bytes read from a socket at once, into one buffer of the thread.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// What the tasks of one thread share while they are measured.
#[derive(Debug)]
pub(crate) struct Meter {
    begin: Cell<Nanos>,
    end: Cell<Nanos>,
    pub(crate) buffer: RefCell<Box<[u8]>>,
    pub(crate) tally: RefCell<Tally>,
    /// Connections that have not ended.
    pub(crate) living: Cell<usize>,
    failure: RefCell<Option<String>>,
    pub(crate) failed: Notify,
}

impl Meter {
    pub(crate) fn new(begin: Nanos, end: Nanos, connections: usize) -> Meter {
        Meter {
            begin: Cell::new(begin),
            end: Cell::new(end),
            buffer: RefCell::new(vec![0; READ_BUFFER_BYTES].into_boxed_slice()),
            tally: RefCell::new(Tally::default()),
            living: Cell::new(connections),
            failure: RefCell::new(None),
            failed: Notify::new(),
        }
    }

    /// What happens from then until then counts.
    pub(crate) fn set_times(&self, begin: Nanos, end: Nanos) {
        self.begin.set(begin);
        self.end.set(end);
    }

    /// Whether what happens now counts: neither before the measurement nor after it.
    pub(crate) fn counts(&self, now: Nanos) -> bool {
        self.begin.get() <= now && now < self.end.get()
    }

    /// Nothing that is measured from here on is worth anything.
    pub(crate) fn fail(&self, why: String) {
        self.failure.borrow_mut().get_or_insert(why);
        self.failed.notify_one();
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.borrow_mut().take()
    }

    /// A connection has ended; without any there is nothing to measure.
    pub(crate) fn lose(&self, lost: &Lost) {
        let why = lost.to_string();
        let mut tally = self.tally.borrow_mut();
        *tally.lost.entry(why.clone()).or_default() += 1;
        self.living.set(self.living.get() - 1);
        if self.living.get() == 0 {
            self.fail(format!("no connection is left: {why}"));
        }
    }
}
