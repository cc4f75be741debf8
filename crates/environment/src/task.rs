//! Panics in tasks leave a trace.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// A future whose panics are logged.
    ///
    /// Tokio keeps a panic for whoever awaits the task; of a task that nobody awaits it would be lost. A
    /// type and no `async fn`, which would hold the future twice: once as it came, once pinned.
    pub(crate) struct Watched<F> {
        name: &'static str,
        #[pin]
        future: F,
    }
}

/// `future`, with its panics logged.
pub(crate) fn watched<F: Future>(name: &'static str, future: F) -> Watched<F> {
    Watched { name, future }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _report = ReportPanic { task: this.name };
        this.future.poll(context)
    }
}

struct ReportPanic {
    task: &'static str,
}

impl Drop for ReportPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.task, "a task panicked and has ended");
        }
    }
}
