//! A killed leader is replaced in time, every time.

use std::time::Duration;

use raftwire_simulation::{Scenario, run};

/// An election waits for the old leader's 500 ms, then for up to 500 ms more, and may have to be
/// repeated once.
const LEADERLESS_MAX: Duration = Duration::from_secs(2);

#[test]
fn a_killed_leader_is_replaced_within_two_seconds_in_twelve_runs_of_twelve() {
    for seed in 1..=12 {
        let report = run(&Scenario::leader_killed(seed), None);

        assert_eq!(report.violations, [], "seed {seed}");
        assert!(report.last_term > 1, "seed {seed}: nobody was elected");
        let leaderless = report.longest_leaderless;
        assert!(leaderless < LEADERLESS_MAX, "seed {seed}: {leaderless:?}");
    }
}
