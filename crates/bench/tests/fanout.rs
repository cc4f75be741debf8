//! One sender and many receivers at bare servers, which are as right or as wrong as a test needs them.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a server in the test's own process

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use raftwire_bench::{BenchError, FanoutPlan, FanoutReport, FanoutServerKind, fanout};

/// Of a message: two bytes of its frame's head, its number, and when it was sent.
const MESSAGE_BYTES: usize = 2 + 16;

/// What a server does with a message for a receiver.
enum Does {
    Writes,
    Skips,
    Ends,
}

/// A server that asks what to do with the message of this number for a receiver, counted from 0. What its first
/// connection says is for all others.
fn server(does: fn(receiver: usize, number: u64) -> Does) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut sender, _) = listener.accept().unwrap();
        let receivers = Arc::new(Mutex::new(Vec::<TcpStream>::new()));
        let joined = receivers.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                joined.lock().unwrap().push(stream.unwrap());
            }
        });
        let mut message = [0; MESSAGE_BYTES];
        while sender.read_exact(&mut message).is_ok() {
            let number = u64::from_be_bytes(message[2..10].try_into().unwrap());
            let receivers = receivers.lock().unwrap();
            for (receiver, mut stream) in receivers.iter().enumerate() {
                // Whoever is gone gets nothing.
                let _ = match does(receiver, number) {
                    Does::Writes => stream.write_all(&message),
                    Does::Skips => Ok(()),
                    Does::Ends => stream.shutdown(Shutdown::Both),
                };
            }
        }
        // Its time is read when all is measured, and the connection may have ended by then.
        loop {
            std::thread::park();
        }
    });
    format!("tcp://127.0.0.1:{port}")
}

fn plan(server: &str) -> FanoutPlan {
    FanoutPlan {
        servers: vec![server.parse().unwrap()],
        trust: None,
        kind: FanoutServerKind::Plain,
        receivers: 7,
        burst: 3,
        in_flight: 2,
        bytes: MESSAGE_BYTES - 2,
        warm_up: Duration::ZERO,
        length: Duration::from_millis(300),
        threads: Some(2),
        rate: None,
        pids: vec![std::process::id()],
    }
}

fn measure(plan: &FanoutPlan) -> Result<FanoutReport, BenchError> {
    fanout(plan, &mut |_| {})
}

#[test]
fn each_receiver_has_each_message() {
    let report = measure(&plan(&server(|_, _| Does::Writes))).unwrap();
    assert!(report.sent > 6, "{report}");
    // Those that were under way when it began or ended may be in one count alone.
    let most = (report.sent + 6) * 7;
    assert!((1..=most).contains(&report.deliveries), "{report}");
    assert!(report.lost.is_empty(), "{report}");
    assert!(
        report.completion.p50_us >= report.latency.p50_us,
        "{report}"
    );
    assert!(report.servers[0].cpu_ns_per_delivery > 0.0, "{report}");
}

#[test]
fn no_more_is_sent_than_the_rate_says() {
    let mut plan = plan(&server(|_, _| Does::Writes));
    plan.rate = Some(100.0);
    plan.length = Duration::from_secs(1);
    let report = measure(&plan).unwrap();
    let accounted = report.sent + report.overdue;
    assert!((1..=102).contains(&accounted), "{report}");
    assert_eq!(report.requested_per_second, Some(100.0));
}

#[test]
fn a_message_that_one_receiver_misses_ends_the_run() {
    let lossy = server(|receiver, number| match (receiver, number) {
        (4, 40) => Does::Skips,
        _ => Does::Writes,
    });
    let error = measure(&plan(&lossy)).unwrap_err().to_string();
    assert!(
        error.contains("message 41 came to a receiver that had to get message 40"),
        "{error}"
    );
}

#[test]
fn a_receiver_whose_connection_ends_is_not_waited_for() {
    let ending = server(|receiver, number| match (receiver, number) {
        (4, 40..) => Does::Ends,
        _ => Does::Writes,
    });
    let report = measure(&plan(&ending)).unwrap();
    assert_eq!(report.lost.values().sum::<u64>(), 1, "{report}");
    assert!(report.sent > 46, "{report}");
}

#[test]
fn what_has_no_room_for_its_stamp_is_refused() {
    let mut short = plan("tcp://127.0.0.1:1");
    short.bytes = 15;
    let error = measure(&short).unwrap_err();
    assert!(
        matches!(error, BenchError::Short { bytes: 15, min: 16 }),
        "{error}"
    );
}
