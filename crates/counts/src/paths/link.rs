//! Messages over a pair of links: both ends, and the packets between them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use raftwire_environment::Environment;
use raftwire_link::{Head, Link, LinkConfig, LinkEvent, LinkIdentity, Outgoing};
use raftwire_protocol::{Incarnation, Session, decode_packet};

use super::AT_ONCE;

/// Bytes of a payload.
const PAYLOAD_BYTES: usize = 100;
/// How long a packet takes, and how long a message may.
const TRIP: Duration = Duration::from_millis(1);
const DEADLINE: Duration = Duration::from_secs(5);

pub(super) fn acknowledged(messages: u64) {
    let (delivered, settled) = carry(messages, true);
    assert_eq!((delivered, settled), (messages, messages));
}

pub(super) fn forgotten(messages: u64) {
    let (delivered, _) = carry(messages, false);
    assert_eq!(delivered, messages);
}

/// Two links, and what has come of their messages.
struct Pair {
    from: Link,
    to: Link,
    delivered: u64,
    settled: u64,
}

fn carry(messages: u64, acknowledge: bool) -> (u64, u64) {
    let mut now = Environment::real().now();
    let mut pair = Pair {
        from: link(1, 2, now),
        to: link(2, 1, now),
        delivered: 0,
        settled: 0,
    };
    let payload = Bytes::from(vec![0; PAYLOAD_BYTES]);
    for first in (0..messages).step_by(AT_ONCE as usize) {
        for token in first..first + AT_ONCE {
            let message = Outgoing {
                token,
                order: u128::from(token),
                head: Head::from(b"sixteen bytes ok"),
                payload: payload.clone(),
                deadline: Some(now + DEADLINE),
                acknowledge,
            };
            pair.from.send(message, now).expect("room");
        }
        while pair.delivered < first + AT_ONCE || (acknowledge && pair.settled < first + AT_ONCE) {
            now += TRIP;
            pair.turn(now);
        }
    }
    (pair.delivered, pair.settled)
}

fn link(local: u128, remote: u128, now: Instant) -> Link {
    let identity = LinkIdentity {
        local_session: Session::new(local),
        remote_session: Session::new(remote),
        local_incarnation: Incarnation::new(1),
        remote_incarnation: Incarnation::new(1),
    };
    Link::new(LinkConfig::default(), identity, now)
}

impl Pair {
    /// What each end has to say reaches the other.
    fn turn(&mut self, now: Instant) {
        for is_there in [true, false] {
            let (from, to) = match is_there {
                true => (&mut self.from, &mut self.to),
                false => (&mut self.to, &mut self.from),
            };
            from.handle_timeout(now);
            while let Some(packet) = from.poll_transmit(now) {
                let (header, body) = decode_packet(packet).expect("a packet");
                to.handle(&header, body, now).expect("its peer's packet");
            }
            while let Some(event) = to.poll_event() {
                match event {
                    LinkEvent::Delivered(incoming) => {
                        self.delivered += 1;
                        if incoming.acknowledge {
                            to.report(incoming.sequence, Ok(()));
                        }
                    }
                    LinkEvent::Settled { .. } => self.settled += 1,
                }
            }
        }
    }
}
