//! Each program, as `raftwire bench` drives it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // programs and their clients

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use raftwire_bench::{
    Crowd, Plan, Protocol, RouteAnswer, Scenario, ServerKind, StormPlan, run, storm,
};

/// A program, which ends with this value.
struct Program {
    child: Child,
    address: String,
}

impl Program {
    fn start(path: &str, arguments: &[&str]) -> Program {
        let mut command = Command::new(path);
        let command = command.args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        Program {
            child,
            address: format!("127.0.0.1:{}", line.trim()),
        }
    }

    fn url(&self) -> raftwire_bench::Address {
        format!("tcp://{}", self.address).parse().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn plan(scenario: Scenario) -> Plan {
    Plan {
        scenario,
        trust: None,
        warm_up: Duration::ZERO,
        length: Duration::from_millis(300),
        threads: Some(1),
        rate: None,
        pids: Vec::new(),
    }
}

#[test]
fn bytes_come_back() {
    let program = Program::start(env!("CARGO_BIN_EXE_limit-echo"), &[]);
    // Longer than what is read or written at once, too.
    for bytes in [64, 1 << 20] {
        let report = run(
            &plan(Scenario::Echo {
                server: program.url(),
                connections: 3,
                in_flight: 4,
                bytes,
            }),
            &mut |_| {},
        );
        assert!(report.unwrap().answered > 0, "{bytes} bytes");
    }
}

#[test]
fn messages_pass_both_processes_and_come_back_if_somebody_waits() {
    let receivers = Program::start(env!("CARGO_BIN_EXE_limit-relay"), &[]);
    let senders = Program::start(env!("CARGO_BIN_EXE_limit-relay"), &[&receivers.address]);
    for (answer, returned) in [(RouteAnswer::Result, true), (RouteAnswer::Arrival, false)] {
        let report = run(
            &plan(Scenario::Route {
                protocol: Protocol::Raftwire,
                senders_at: senders.url(),
                receivers_at: vec![receivers.url()],
                senders: 5,
                in_flight: 4,
                bytes: 200,
                answer,
            }),
            &mut |_| {},
        );
        let report = report.unwrap();
        assert!(report.answered > 0 && report.received > 0, "{report}");
        assert_eq!(
            report.outcomes.contains_key("returned"),
            returned,
            "{report}"
        );
    }
}

#[test]
fn a_storm_is_accepted() {
    let program = Program::start(env!("CARGO_BIN_EXE_limit-accept"), &[]);
    let crowd = Crowd {
        servers: vec![program.url()],
        kind: ServerKind::Echo,
        trust: None,
        helper: None,
        name_prefix: None,
        connections: 300,
        at_once: 50,
        threads: Some(1),
    };
    let plan = StormPlan {
        crowd,
        pids: vec![program.child.id()],
    };
    let report = storm(&plan, &mut |_| {}).unwrap();
    assert_eq!(report.opened, 300, "{report}");
}

#[test]
fn what_the_first_one_says_is_written_to_all_others() {
    let program = Program::start(env!("CARGO_BIN_EXE_limit-write-loop"), &[]);
    let connect = || TcpStream::connect(&program.address).unwrap();
    // Accepted in this order.
    let mut sender = connect();
    let mut others = [connect(), connect(), connect()];
    // The last one is known when it hears something.
    let mut last = others.last().unwrap();
    let mut heard = [0; 4];
    last.set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    loop {
        sender.write_all(b"ping").unwrap();
        if last.read_exact(&mut heard).is_ok() {
            break;
        }
    }
    sender.write_all(b"that is all").unwrap();
    for other in &mut others {
        other
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"that is all") {
            let mut bytes = [0; 64];
            let len = other.read(&mut bytes).unwrap();
            assert_ne!(len, 0);
            said.extend_from_slice(&bytes[..len]);
        }
    }
}
