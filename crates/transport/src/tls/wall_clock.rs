use std::time::UNIX_EPOCH;

use raftwire_environment::Environment;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// The environment's wall clock, by which certificates begin and end.
#[derive(Clone, Debug)]
pub struct WallClock(Environment);

impl WallClock {
    /// The clock of this environment.
    pub fn new(environment: Environment) -> Self {
        Self(environment)
    }
}

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        // A clock before 1970 is no clock: the handshake fails and says so.
        let since = self.0.unix_time().duration_since(UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(since))
    }
}
