//! Waits for what must come, and says what did not.

use std::time::Duration;

use raftwire_environment::Environment;

/// How long anything may take that must happen: far more than it needs on a busy machine.
pub const WAIT_MAX: Duration = Duration::from_secs(30);
/// From one look to the next.
const LOOK: Duration = Duration::from_millis(20);

/// Looks again and again until `look` finds something.
///
/// # Panics
/// When it has not after [`WAIT_MAX`].
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let environment = Environment::real();
    let deadline = environment.now() + WAIT_MAX;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(environment.now() < deadline, "{what} did not happen");
        tokio::time::sleep(LOOK).await;
    }
}
