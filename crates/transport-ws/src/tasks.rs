use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

/// Finished tasks are forgotten whenever this many are remembered, or twice as many as were
/// running the last time.
const REMEMBERED_MIN: usize = 64;

/// The tasks of one transport, so that `stop` can wait for them.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    tasks: Vec<JoinHandle<()>>,
    sweep_at: usize,
}

impl Tasks {
    pub(crate) fn push(&self, task: JoinHandle<()>) {
        let mut remembered = self.remembered();
        remembered.tasks.push(task);
        if remembered.tasks.len() > remembered.sweep_at {
            remembered.tasks.retain(|task| !task.is_finished());
            remembered.sweep_at = REMEMBERED_MIN.max(2 * remembered.tasks.len());
        }
    }

    /// Waits for all tasks, and ends those that have not ended by themselves in time.
    pub(crate) async fn end(&self, patience: Duration) {
        let mut tasks = std::mem::take(&mut self.remembered().tasks);
        let all = async {
            for task in &mut tasks {
                // Its panic, if there was one, has been logged.
                let _ = task.await;
            }
        };
        if tokio::time::timeout(patience, all).await.is_ok() {
            return;
        }
        tasks.retain(|task| !task.is_finished());
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            let _ = task.await;
        }
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use raftwire_environment::Environment;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn task_that_does_not_end_is_ended() {
        let environment = Environment::real();
        let tasks = Tasks::default();
        tasks.push(environment.spawn("ends", async {}));
        tasks.push(environment.spawn("hangs", std::future::pending()));
        let begun = environment.now();

        tasks.end(Duration::from_secs(2)).await;

        assert_eq!(environment.now() - begun, Duration::from_secs(2));
    }

    #[tokio::test]
    async fn finished_tasks_are_forgotten() {
        let environment = Environment::real();
        let tasks = Tasks::default();
        for _ in 0..1_000 {
            tasks.push(environment.spawn("ends", async {}));
            tokio::task::yield_now().await;
        }

        assert!(tasks.remembered().tasks.len() <= REMEMBERED_MIN + 1);
    }
}
