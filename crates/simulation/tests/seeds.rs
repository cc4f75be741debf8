//! Whole clusters under everything that goes wrong, a seed each. `make simulate` runs more.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

/// The seeds of every build. The later ones found something once, or took long to recover.
const SEEDS: [u64; 32] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 22, 29, 34, 80, 116, 172,
    500_232, 501_203, 700_050, 700_971, 1_200_014, 1_300_057, 1_300_187, 1_300_227,
];

#[test]
fn thirty_two_seeds_violate_nothing_and_recover() {
    let waiting = Mutex::new(VecDeque::from(SEEDS));
    let failed = Mutex::new(Vec::new());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(seed) = pop(&waiting) {
                    let (text, is_good) = run(seed);
                    if !is_good || !text.contains("recovered in ") {
                        failed.lock().expect("no run panics").push(text);
                    }
                }
            });
        }
    });

    let failed = failed.into_inner().expect("no run panics");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn pop(waiting: &Mutex<VecDeque<u64>>) -> Option<u64> {
    waiting.lock().expect("no run panics").pop_front()
}

/// Runs a seed in a process of its own, as the command does that is printed where it fails; what it
/// says, and whether it found nothing.
fn run(seed: u64) -> (String, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_simulate"))
        .args(["--seed", &seed.to_string()])
        .output()
        .expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, output.status.success())
}
