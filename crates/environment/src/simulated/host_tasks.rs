//! An executor's tasks where the executor has no thread of its own.

use std::sync::{Mutex, PoisonError};

use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinHandle},
};

/// Finished tasks are forgotten whenever this many are remembered, or twice as many as were
/// running the last time.
const REMEMBERED_MIN: usize = 64;

/// Tasks on the host's runtime that end together, when this is dropped.
pub(crate) struct HostTasks {
    runtime: Handle,
    remembered: Mutex<Remembered>,
}

struct Remembered {
    tasks: Vec<AbortHandle>,
    sweep_at: usize,
}

impl HostTasks {
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn new() -> HostTasks {
        HostTasks {
            runtime: Handle::current(),
            remembered: Mutex::new(Remembered {
                tasks: Vec::new(),
                sweep_at: REMEMBERED_MIN,
            }),
        }
    }

    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = self.runtime.spawn(future);
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(task.abort_handle());
        task
    }
}

impl Remembered {
    fn add(&mut self, task: AbortHandle) {
        self.tasks.push(task);
        if self.tasks.len() >= self.sweep_at {
            self.tasks.retain(|task| !task.is_finished());
            self.sweep_at = REMEMBERED_MIN.max(2 * self.tasks.len());
        }
    }
}

impl Drop for HostTasks {
    fn drop(&mut self) {
        let remembered = self
            .remembered
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for task in &remembered.tasks {
            task.abort();
        }
    }
}
