//! Nodes that share a secret trust each other: no hello is refused for its secret, and no packet looks
//! forged, changed or bare, whatever a network loses, repeats and delays, and while the secret is exchanged.
//!
//! docs/security.md, "Exchange the secret without a pause" and "What is dropped".

use std::time::Duration;

use super::Violations;
use crate::fact::Process;

const NAME: &str = "the honest are trusted";

/// A process has counted what it did not trust.
pub(super) fn check(
    at: Duration,
    process: &Process,
    counted: &[(&'static str, u64)],
    violations: &mut Violations,
) {
    if counted.iter().any(|(_, count)| *count > 0) {
        violations.add(at, NAME, format!("{process} counted {counted:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::samples::{at, process};

    #[test]
    fn whoever_is_not_trusted_is_found() {
        for (count, found) in [(0, 0), (1, 1)] {
            let mut violations = Violations::default();
            check(at(1), &process(1), &[("forged", count)], &mut violations);
            assert_eq!(violations.into_vec().len(), found);
        }
    }
}
