//! The same seed is the same run, in every process and in every thread.

use std::process::Command;
use std::thread;

use raftwire_simulation::{Scenario, TraceHash, run};

/// Ephemeral nodes; WebSockets; durable nodes on the memory network.
const SEEDS: [u64; 3] = [3, 4, 16];

/// The last line that the binary prints: the hash of everything that happened.
fn trace(seed: u64) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_simulate"))
        .args(["--seed", &seed.to_string()])
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "seed {seed}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
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

fn traces(seeds: &[u64]) -> Vec<TraceHash> {
    let scenarios = seeds.iter().map(|seed| Scenario::draw(*seed));
    scenarios
        .map(|scenario| run(&scenario, None).trace)
        .collect()
}

#[test]
fn what_runs_beside_it_in_the_process_does_not_change_a_run() {
    let backwards: Vec<u64> = SEEDS.iter().rev().copied().collect();

    let mut others = thread::scope(|scope| {
        let threads = [&SEEDS[..], &backwards].map(|seeds| scope.spawn(|| traces(seeds)));
        threads.map(|thread| thread.join().expect("no run panics"))
    });
    others[1].reverse();

    assert_eq!(others[0], others[1]);
    assert_eq!(traces(&SEEDS), others[0]);
}
