//! The same seed is the same run, in every process.
//!
//! In a process of its own, that is: tokio numbers the tasks of a process and drops those of a crashed
//! machine by the last two bits of their numbers, so what ran before in the same process, or runs beside
//! it, can change the order in which a crash closes a machine's sockets.

use std::process::Command;

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
