//! The same seed is the same run: alone, in a batch, and by the command that a failure prints.

use std::collections::BTreeMap;
use std::process::Command;

/// Ephemeral nodes; WebSockets; durable nodes on the memory network.
const SEEDS: [u64; 3] = [3, 4, 16];

/// What the binary prints, and whether it found nothing.
fn simulate(arguments: &[&str]) -> (String, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_simulate"))
        .args(arguments)
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("text");
    (text, output.status.success())
}

/// The hash of everything that happened.
fn trace(seed: u64) -> String {
    let (text, is_good) = simulate(&["--seed", &seed.to_string()]);
    assert!(is_good, "seed {seed}: {text}");
    let line = text.lines().find(|line| line.starts_with("trace "));
    line.expect("a hash").to_owned()
}

#[test]
fn two_processes_have_the_same_trace_of_a_seed() {
    for seed in SEEDS {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
}

#[test]
fn two_seeds_have_different_traces() {
    assert_ne!(trace(3), trace(4));
}

/// What is printed of each seed that failed, by the seed's line: what was violated, the hash of all that happened,
/// and the commands that run it again.
fn failures(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut failures = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(title) = lines.find(|line| line.ends_with(" FAILED")) {
        let details = lines.by_ref().take_while(|line| line.starts_with("  "));
        failures.insert(title, details.collect());
    }
    failures
}

#[test]
fn a_seed_that_failed_in_a_batch_fails_in_the_same_way_by_the_command_that_is_printed() {
    // Crashes, and nodes that forget their votes.
    let storm = ["--scenario", "election-storm", "--wrong", "forget-vote"];
    let batch = ["--seeds", "4", "--threads", "2"];
    let (text, is_good) = simulate(&[&storm[..], &batch].concat());
    let failed = failures(&text);
    assert!(!is_good);
    assert!(failed.len() >= 2, "{text}");

    for (title, details) in failed {
        let mut again = details
            .iter()
            .filter_map(|line| line.trim().strip_prefix("again:"));
        let (_, arguments) = again
            .next()
            .and_then(|line| line.split_once(" -- "))
            .expect("a command");
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let (text, _) = simulate(&arguments);
        assert_eq!(failures(&text).get(title), Some(&details), "{text}");
    }
}
