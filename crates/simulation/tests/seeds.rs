//! Whole clusters under everything that goes wrong, a seed each. `make simulate` runs more.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use raftwire_simulation::{Report, Scenario, run};

/// The seeds of every build. The later ones found something once, or took long to recover.
const SEEDS: [u64; 32] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 22, 29, 34, 80, 116, 172,
    500_232, 501_203, 700_050, 700_971, 1_200_014, 1_300_057, 1_300_187, 1_300_227,
];

#[test]
fn thirty_two_seeds_violate_nothing_and_recover() {
    let reports = run_all(SEEDS.iter().map(|seed| Scenario::draw(*seed)));

    let failed: Vec<&Report> = reports
        .iter()
        .filter(|report| !report.violations.is_empty())
        .collect();
    assert!(
        failed.is_empty(),
        "make simulate SEEDS=1 FIRST=<seed>: {failed:#?}"
    );
    assert_eq!(reports.len(), SEEDS.len());
    assert!(reports.iter().all(|report| report.recovery.is_some()));
}

/// Runs scenarios on all cores.
fn run_all(scenarios: impl Iterator<Item = Scenario>) -> Vec<Report> {
    let waiting: Mutex<VecDeque<Scenario>> = Mutex::new(scenarios.collect());
    let reports = Mutex::new(Vec::new());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(scenario) = pop(&waiting) {
                    let report = run(&scenario, None);
                    reports.lock().expect("no run panics").push(report);
                }
            });
        }
    });
    reports.into_inner().expect("no run panics")
}

fn pop(waiting: &Mutex<VecDeque<Scenario>>) -> Option<Scenario> {
    waiting.lock().expect("no run panics").pop_front()
}
