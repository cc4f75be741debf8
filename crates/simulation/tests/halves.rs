//! Even clusters that are cut in the middle.

use raftwire_simulation::{Scenario, run};

/// Runs clusters of `count` nodes that are cut in half again and again. That no term ever has two
/// leaders, and that no two nodes ever act as one, is among the invariants.
fn assert_halves_hold(count: usize) {
    let reports: Vec<_> = (1..=4)
        .map(|seed| run(&Scenario::cut_in_half(seed, count), None))
        .collect();

    for report in &reports {
        assert_eq!(report.violations, [], "seed {}", report.seed);
        assert!(report.recovery.is_some());
    }
    assert!(
        reports.iter().any(|report| report.last_term > 1),
        "the cuts made no elections"
    );
}

#[test]
fn two_nodes_cut_apart_never_have_two_leaders_in_a_term() {
    assert_halves_hold(2);
}

#[test]
fn four_nodes_cut_in_half_never_have_two_leaders_in_a_term() {
    assert_halves_hold(4);
}
