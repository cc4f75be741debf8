//! How many messages a second two links pass to each other on one core, acknowledged.
//!
//! `cargo run --release -p raftwire-link --example throughput [bytes of a payload]`
#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::print_stdout, reason = "it shows the result")]

use std::time::Instant;

use bytes::Bytes;
use raftwire_link::{Head, Link, LinkConfig, LinkEvent, LinkIdentity, Outgoing};
use raftwire_protocol::{Incarnation, Session, decode_packet};

const MESSAGES: u64 = 2_000_000;

fn main() {
    let bytes = std::env::args().nth(1).and_then(|arg| arg.parse().ok());
    let payload = Bytes::from(vec![0; bytes.unwrap_or(100)]);
    let link = |local, remote| {
        let identity = LinkIdentity {
            local_session: Session::new(local),
            remote_session: Session::new(remote),
            local_incarnation: Incarnation::new(1),
            remote_incarnation: Incarnation::new(1),
        };
        Link::new(LinkConfig::default(), identity, Instant::now())
    };
    let (mut from, mut to) = (link(1, 2), link(2, 1));
    let (mut sent, mut settled, mut packets) = (0, 0, 0);
    let start = Instant::now();
    while settled < MESSAGES {
        let now = Instant::now();
        let message = |token| Outgoing {
            token,
            order: u128::from(token % 1_000),
            head: Head::from(b"sixteen bytes ok"),
            payload: payload.clone(),
            deadline: Some(now + std::time::Duration::from_secs(5)),
            acknowledge: true,
        };
        while sent < MESSAGES && from.send(message(sent), now).is_ok() {
            sent += 1;
        }
        for _ in 0..2 {
            while let Some(packet) = from.poll_transmit(now) {
                packets += 1;
                let (header, body) = decode_packet(packet).expect("a packet");
                to.handle(&header, body, now).expect("handled");
                while let Some(event) = to.poll_event() {
                    match event {
                        LinkEvent::Delivered(incoming) => to.report(incoming.sequence, Ok(())),
                        LinkEvent::Settled { .. } => settled += 1,
                    }
                }
            }
            std::mem::swap(&mut from, &mut to);
        }
        while let Some(LinkEvent::Settled { .. }) = from.poll_event() {
            settled += 1;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let rate = MESSAGES as f64 / seconds;
    println!(
        "{rate:.0} messages of {} bytes a second, {packets} packets",
        payload.len()
    );
}
