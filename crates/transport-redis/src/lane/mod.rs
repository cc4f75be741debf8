//! One lane: its channels, and the task that carries them.

mod entry;
mod outgoing;
mod publisher;
mod state;
mod subscriber;
mod task;
mod window;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub(crate) use outgoing::{Publication, Recipient};
pub(crate) use state::LaneState;
pub(crate) use task::{LaneTask, STOP_TIMEOUT};

/// A lane as all tasks see it.
#[derive(Debug)]
pub(crate) struct Lane {
    state: Mutex<LaneState>,
    /// There may be something to publish.
    outgoing: Notify,
    /// There may be something to tell.
    events: Notify,
}

impl Lane {
    pub(crate) fn new(state: LaneState) -> Self {
        Self {
            state: Mutex::new(state),
            outgoing: Notify::new(),
            events: Notify::new(),
        }
    }

    /// Does something to the state, and wakes the task if there is work for it then.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut LaneState) -> R) -> R {
        let mut state = self.state();
        let result = act(&mut state);
        let (outgoing, events) = (state.has_outgoing(), state.has_events());
        drop(state);
        if outgoing {
            self.outgoing.notify_one();
        }
        if events {
            self.events.notify_one();
        }
        result
    }

    fn state(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
