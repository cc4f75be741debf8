use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a reason that was logged is not logged again: peers dial again every few seconds.
const SAID_FOR: Duration = Duration::from_secs(60);

/// Reasons that are remembered; further ones are not logged until one of them is forgotten, so
/// that strangers can fill no log with ever new ones.
const REASONS_MAX: usize = 16;

/// Which refusals, of certificates or of clients, were logged lately: each reason is worth one
/// line a minute.
#[derive(Debug, Default)]
pub struct RefusalLog {
    said: Mutex<BTreeMap<String, Instant>>,
}

impl RefusalLog {
    /// Whether this is to be logged as a warning now, which the caller then does.
    pub fn is_news(&self, reason: &str, now: Instant) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|_, at| now.saturating_duration_since(*at) < SAID_FOR);
        if said.contains_key(reason) || said.len() >= REASONS_MAX {
            return false;
        }
        said.insert(reason.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use raftwire_environment::Environment;

    use super::*;

    #[test]
    fn a_reason_is_news_once_a_minute_and_many_reasons_are_not() {
        let log = RefusalLog::default();
        let now = Environment::real().now();

        assert!(log.is_news("expired", now));
        assert!(!log.is_news("expired", now + SAID_FOR / 2));
        for number in 1..REASONS_MAX {
            assert!(log.is_news(&number.to_string(), now));
        }
        assert!(!log.is_news("one too many", now));
        assert!(log.is_news("expired", now + SAID_FOR));
    }
}
