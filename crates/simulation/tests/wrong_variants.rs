//! Nodes that are wrong on purpose are found out: a simulation that missed them would prove nothing.

use raftwire::WrongVariants;
use raftwire_simulation::{Report, Scenario, run};

/// Runs a scenario with one seed after the other until something is violated.
fn first_found(
    scenario: fn(u64) -> Scenario,
    wrong: WrongVariants,
    within_seeds: u64,
) -> Option<Report> {
    let scenarios = (1..=within_seeds).map(|seed| Scenario {
        wrong,
        ..scenario(seed)
    });
    let mut reports = scenarios.map(|scenario| run(&scenario, None));
    reports.find(|report| !report.violations.is_empty())
}

fn assert_found(scenario: fn(u64) -> Scenario, wrong: WrongVariants, seeds: u64, by: &[&str]) {
    let report = first_found(scenario, wrong, seeds).expect("found");

    let found = report
        .violations
        .first()
        .map(|violation| violation.invariant);
    assert!(
        found.is_some_and(|found| by.contains(&found)),
        "{report:#?}"
    );
    // It is the variant that was found, not the scenario.
    let right = run(&scenario(report.seed), None);
    assert_eq!(right.violations, []);
}

#[test]
fn a_vote_that_is_not_persisted_is_found_within_three_seeds() {
    let wrong = WrongVariants {
        forget_vote: true,
        ..WrongVariants::default()
    };

    assert_found(
        Scenario::election_storm,
        wrong,
        3,
        &["single vote", "election safety"],
    );
}

#[test]
fn a_link_that_delivers_repetitions_is_found_within_three_seeds() {
    let wrong = WrongVariants {
        skip_dedupe: true,
        ..WrongVariants::default()
    };

    assert_found(Scenario::repeating_network, wrong, 3, &["in order, once"]);
}

#[test]
fn a_node_that_ignores_its_fence_is_found_within_three_seeds() {
    let wrong = WrongVariants {
        ignore_fence: true,
        ..WrongVariants::default()
    };

    assert_found(
        Scenario::leaderless_pairs,
        wrong,
        3,
        &["no lease, no delivery"],
    );
}

#[test]
fn what_is_drawn_for_everybody_finds_each_variant_within_twenty_seeds() {
    let right = WrongVariants::default();
    let variants = [
        WrongVariants {
            forget_vote: true,
            ..right
        },
        WrongVariants {
            skip_dedupe: true,
            ..right
        },
        WrongVariants {
            ignore_fence: true,
            ..right
        },
    ];
    for wrong in variants {
        assert!(
            first_found(Scenario::draw, wrong, 20).is_some(),
            "{wrong:?}"
        );
    }
}
