//! The generator against bare servers, which are as right or as wrong as a test needs them.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a server in the test's own process

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use raftwire_bench::{BenchError, Plan, Report, Scenario, run};

/// A server that does this to what it has read before it sends it back.
fn server(change: fn(&mut [u8])) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(len @ 1..) = stream.read(&mut buffer) {
                    change(&mut buffer[..len]);
                    if stream.write_all(&buffer[..len]).is_err() {
                        break;
                    }
                }
                // Its time is read when all is measured, and the connection may have ended by then.
                loop {
                    std::thread::park();
                }
            });
        }
    });
    format!("tcp://127.0.0.1:{port}")
}

fn plan(server: &str) -> Plan {
    Plan {
        scenario: Scenario::Echo {
            server: server.parse().unwrap(),
            connections: 4,
            in_flight: 8,
            bytes: 32,
        },
        trust: None,
        warm_up: Duration::ZERO,
        length: Duration::from_millis(300),
        threads: Some(2),
        rate: None,
        pids: vec![std::process::id()],
    }
}

fn measure(plan: &Plan) -> Result<Report, BenchError> {
    run(plan, &mut |_| {})
}

#[test]
fn bytes_that_come_back_are_echoes() {
    let report = measure(&plan(&server(|_| {}))).unwrap();
    assert!(report.answered > 0);
    assert_eq!(report.outcomes["echoed"], report.answered);
    assert!(report.servers[0].cpu_ns_per_message > 0.0, "{report}");
}

#[test]
fn an_echo_out_of_turn_ends_the_run() {
    // The number begins behind the head of two bytes; every chunk begins with a head.
    let wrong = server(|bytes| bytes[2] ^= 1);
    let error = measure(&plan(&wrong)).unwrap_err();
    assert!(error.to_string().contains("in its turn"), "{error}");
}

#[test]
fn a_stall_counts_for_every_message_that_it_held_up() {
    // What is sent is never answered, so nothing goes beyond what may be in flight.
    let stalled = server(|_| {
        loop {
            std::thread::park();
        }
    });
    let mut plan = plan(&stalled);
    plan.rate = Some(20_000.0);
    let report = measure(&plan).unwrap();
    assert_eq!(report.answered, 0, "{report}");
    // Due in 0.3 s are 6,000. Less than all that may be in flight is sent where the machine is late.
    let in_flight_max = 4 * 8;
    let held_up = 6_000 - in_flight_max..=6_000;
    assert!(held_up.contains(&report.overdue), "{report}");
}

#[test]
fn a_plan_that_asks_for_nothing_is_refused() {
    let mut nothing = plan("tcp://127.0.0.1:1");
    nothing.threads = Some(0);
    assert!(matches!(measure(&nothing), Err(BenchError::Nothing(_))));
    let mut backwards = plan("tcp://127.0.0.1:1");
    backwards.rate = Some(-1.0);
    assert!(matches!(measure(&backwards), Err(BenchError::Rate(_))));
}
