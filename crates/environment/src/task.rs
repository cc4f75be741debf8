//! Panics in tasks leave a trace.

use std::{future::poll_fn, pin::pin};

/// `future`, with its panics logged.
///
/// Tokio keeps a panic for whoever awaits the task; of a task that nobody awaits it would be lost.
pub(crate) async fn watched<F: Future>(name: &'static str, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _report = ReportPanic { task: name };
        future.as_mut().poll(context)
    })
    .await
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
