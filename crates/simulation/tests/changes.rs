//! What an operator changes while the cluster works: its members, its secret; and disks that are slow.

use raftwire_simulation::{Report, Scenario, run};

/// Runs a scenario; what came of it, and how many lines of its trace contain each of the texts.
fn counted(scenario: &Scenario, texts: [&str; 2]) -> (Report, [usize; 2]) {
    let mut counts = [0; 2];
    let mut count = |line: &str| {
        for (count, text) in counts.iter_mut().zip(texts) {
            *count += usize::from(line.contains(text));
        }
    };
    let report = run(scenario, Some(&mut count));
    (report, counts)
}

#[test]
fn nodes_that_are_lost_and_removed_come_back_as_new_members() {
    let (mut removed, mut cut_off) = (0, 0);
    for seed in 1..=3 {
        let scenario = Scenario::removals(seed);

        let (report, counts) = counted(&scenario, [": Ok(())", "CutOff"]);

        assert_eq!(report.violations, [], "seed {seed}");
        assert!(report.recovery.is_some(), "seed {seed}");
        removed += counts[0];
        cut_off += counts[1];
    }
    assert!(removed > 3, "{removed} removals");
    assert!(cut_off > 0);
}

#[test]
fn the_secret_is_exchanged_under_load_and_nobody_is_refused() {
    let mut encrypted = 0;
    for seed in 1..=4 {
        let scenario = Scenario::new_secret(seed);

        let (report, [both, new]) = counted(&scenario, ["have Both", "have New"]);

        assert_eq!(report.violations, [], "seed {seed}");
        assert_eq!((both, new), (3, 3), "seed {seed}");
        encrypted += usize::from(scenario.encrypt);
    }
    assert!((1..4).contains(&encrypted), "{encrypted}");
}

#[test]
fn slow_disks_cost_no_more_than_time() {
    // In the last one a node is half a second behind when its disk is good again.
    for seed in [1, 2, 3, 4_000] {
        let report = run(&Scenario::slow_disks(seed), None);

        assert_eq!(report.violations, [], "seed {seed}");
        assert!(report.recovery.is_some(), "seed {seed}");
        let delivered = report.outcomes.get("delivered").copied().unwrap_or(0);
        assert!(delivered > 500, "seed {seed}: {delivered}");
    }
}
