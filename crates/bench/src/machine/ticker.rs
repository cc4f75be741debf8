use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::spawn_thread;

/// Ticks as finely as the kernel's timers do, from a thread of its own: those of the runtime count
/// milliseconds.
#[derive(Debug)]
pub(crate) struct Ticker {
    ticks: Arc<Notify>,
}

impl Ticker {
    pub(crate) fn new(every: Duration) -> io::Result<Ticker> {
        let ticks = Arc::new(Notify::new());
        let told = Arc::downgrade(&ticks);
        spawn_thread("bench-ticker", move || tick(&told, every))?;
        Ok(Ticker { ticks })
    }

    /// The next tick; those that were missed are one.
    pub(crate) async fn tick(&self) {
        self.ticks.notified().await;
    }
}

/// Until nobody waits any more.
fn tick(told: &Weak<Notify>, every: Duration) {
    while let Some(ticks) = told.upgrade() {
        ticks.notify_one();
        drop(ticks);
        std::thread::sleep(every);
    }
}
