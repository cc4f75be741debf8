//! Measures an echo server for five seconds: `cargo run --release --example echo -- URL [PID]`.
#![allow(clippy::print_stdout)] // an example is a program

use std::error::Error;
use std::time::Duration;

use raftwire_bench::{Plan, Scenario, run};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments
        .next()
        .ok_or("which server? As in ws://127.0.0.1:5000/echo")?;
    let pids: Result<Vec<u32>, _> = arguments.map(|pid| pid.parse()).collect();
    let plan = Plan {
        scenario: Scenario::Echo {
            server: url.parse()?,
            connections: 100,
            in_flight: 16,
            bytes: 64,
        },
        trust: None,
        warm_up: Duration::from_secs(1),
        length: Duration::from_secs(5),
        threads: None,
        rate: None,
        pids: pids?,
    };
    println!("{}", run(&plan, &mut |_| {})?);
    Ok(())
}
