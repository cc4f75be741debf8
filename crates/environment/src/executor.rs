//! Where blocking or urgent work runs.

use std::{fmt, sync::Arc};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    task::JoinHandle,
};

use crate::task;

/// A place of its own to run tasks; made by [`Environment::executor`].
///
/// Its end comes when the last handle is dropped: tasks still running are dropped at their next
/// await point, and awaiting one of their handles gives a cancelled
/// [`JoinError`](tokio::task::JoinError). A task that holds a handle of its own executor therefore
/// keeps it alive.
///
/// [`Environment::executor`]: crate::Environment::executor
#[derive(Clone)]
pub struct Executor {
    inner: Arc<Inner>,
}

struct Inner {
    name: &'static str,
    place: Place,
}

enum Place {
    Thread {
        runtime: Handle,
        // Dropping it ends the thread.
        _alive: oneshot::Sender<()>,
    },
    #[cfg(feature = "simulation")]
    Host(crate::simulated::HostTasks),
}

impl Executor {
    /// Starts an OS thread called `name` with a current-thread runtime.
    #[allow(clippy::expect_used)] // documented at Environment::executor
    pub(crate) fn on_own_thread(name: &'static str) -> Executor {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the operating system has no descriptors left for a runtime");
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // Nothing is ever sent: this is an error as soon as the last handle is gone.
                // The tasks are dropped with the runtime, on this thread.
                let _ = runtime.block_on(ended);
            })
            .expect("the operating system refused a thread");
        Executor::new(
            name,
            Place::Thread {
                runtime: handle,
                _alive: alive,
            },
        )
    }

    /// Runs on the simulated host's runtime.
    #[cfg(feature = "simulation")]
    pub(crate) fn on_host(name: &'static str) -> Executor {
        Executor::new(name, Place::Host(crate::simulated::HostTasks::new()))
    }

    fn new(name: &'static str, place: Place) -> Executor {
        Executor {
            inner: Arc::new(Inner { name, place }),
        }
    }

    /// Runs `future` here. It may be called from any thread and outside a runtime.
    ///
    /// A panic in it reaches whoever awaits the handle, and is logged with `name` as an error; the
    /// executor and its other tasks go on.
    pub fn spawn<F>(&self, name: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let future = task::watched(name, future);
        match &self.inner.place {
            Place::Thread { runtime, .. } => runtime.spawn(future),
            #[cfg(feature = "simulation")]
            Place::Host(tasks) => tasks.spawn(future),
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Executor")
            .field("name", &self.inner.name)
            .finish_non_exhaustive()
    }
}
