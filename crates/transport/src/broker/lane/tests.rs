//! Two lanes and a broker between them that does what it is told, without a clock.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::{Channel, SendError, TransportEvent};
use bytes::{Bytes, BytesMut};
use raftwire_environment::Environment;
use raftwire_protocol::{Lane, Session};

use super::{LaneState, Publication};
use crate::broker::BrokerOptions;
use crate::broker::envelope::{Envelope, Sender};

struct End {
    state: LaneState,
    up: Vec<Channel>,
    downs: Vec<String>,
    received: Vec<Bytes>,
}

impl End {
    fn new(node: &str, session: u128, options: &BrokerOptions) -> Self {
        let local = Sender {
            node: node.parse().unwrap(),
            session: Session::new(session),
            epoch: 0,
        };
        let mut state = LaneState::new(Lane::Data, options.clone(), BTreeSet::new(), local);
        state.connected();
        Self {
            state,
            up: Vec::new(),
            downs: Vec::new(),
            received: Vec::new(),
        }
    }

    fn publications(&mut self, now: Instant) -> Vec<Publication> {
        let mut run = Vec::new();
        while self.state.has_outgoing() {
            self.state.take_run(&mut run, now);
        }
        run
    }

    fn hear(&mut self, publications: &[Publication], now: Instant) {
        for publication in publications {
            let own = self.state.node();
            if publication.to.as_ref().is_none_or(|to| to.node() == own) {
                let mut bytes = BytesMut::from(&publication.head[..]);
                bytes.extend_from_slice(&publication.packet);
                let envelope = Envelope::decode(Lane::Data, bytes.freeze()).unwrap();
                self.state.handle(envelope, now);
            }
        }
        self.note();
    }

    fn note(&mut self) {
        while let Some(event) = self.state.event() {
            self.state.told();
            match event {
                TransportEvent::PeerUp { channel, .. } => self.up.push(channel),
                TransportEvent::Received { packet, .. } => self.received.push(packet),
                TransportEvent::PeerDown { channel, reason } => {
                    self.up.retain(|up| *up != channel);
                    self.downs.push(reason);
                }
            }
        }
    }
}

struct Pair {
    a: End,
    b: End,
    now: Instant,
}

const SECOND: Duration = Duration::from_secs(1);

impl Pair {
    fn new() -> Self {
        let options = BrokerOptions {
            data_window_bytes: 1 << 20,
            ..BrokerOptions::default()
        };
        Self {
            a: End::new("a", 1, &options),
            b: End::new("b", 2, &options),
            now: Environment::real().now(),
        }
    }

    fn connected() -> Self {
        let mut pair = Self::new();
        pair.settle();
        assert_eq!((pair.a.up.len(), pair.b.up.len()), (1, 1));
        pair
    }

    /// Carries everything until nothing more is said; fails when that never ends.
    fn settle(&mut self) {
        for _ in 0..20 {
            let (from_a, from_b) = (self.a.publications(self.now), self.b.publications(self.now));
            if from_a.is_empty() && from_b.is_empty() {
                return;
            }
            self.b.hear(&from_a, self.now);
            self.a.hear(&from_b, self.now);
        }
        panic!("the two never fall silent");
    }

    /// Lets time pass, with hellos.
    fn pass(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.now += SECOND;
            for end in [&mut self.a, &mut self.b] {
                end.state.greet();
                end.state.tick(self.now);
                end.note();
            }
            self.settle();
        }
    }

    fn send(&mut self, bytes: usize) -> Result<(), SendError> {
        let channel = self.a.up[0].clone();
        self.a.state.send(&channel, Bytes::from(vec![1; bytes]))
    }
}

#[test]
fn two_that_hear_each_other_have_one_channel() {
    let mut pair = Pair::connected();
    pair.send(100).unwrap();

    pair.pass(10);

    assert_eq!((pair.a.up.len(), pair.b.up.len()), (1, 1));
    assert_eq!(pair.b.received.len(), 1);
    assert!(pair.a.downs.is_empty() && pair.b.downs.is_empty());
}

#[test]
fn channel_comes_up_whatever_single_message_is_lost() {
    for lost in 0..6 {
        let mut pair = Pair::new();
        let mut count = 0;
        for _ in 0..20 {
            let mut keep = |publications: Vec<Publication>| -> Vec<Publication> {
                let numbered = publications.into_iter().map(|publication| {
                    count += 1;
                    (count, publication)
                });
                let kept = numbered.filter(|(number, _)| *number != lost + 1);
                kept.map(|(_, publication)| publication).collect()
            };
            let from_a = keep(pair.a.publications(pair.now));
            let from_b = keep(pair.b.publications(pair.now));
            pair.b.hear(&from_a, pair.now);
            pair.a.hear(&from_b, pair.now);
        }

        pair.pass(5);

        assert_eq!((pair.a.up.len(), pair.b.up.len()), (1, 1), "{lost} lost");
        pair.send(1).unwrap();
        pair.settle();
        assert_eq!(pair.b.received.len(), 1);
    }
}

#[test]
fn window_that_is_full_opens_again_when_the_peer_takes() {
    let mut pair = Pair::connected();
    let mut sent = 0;
    while pair.send(64 << 10).is_ok() {
        sent += 1;
    }
    assert_eq!(pair.send(64 << 10), Err(SendError::Full));

    pair.settle();

    assert_eq!(pair.b.received.len(), sent);
    pair.send(64 << 10).unwrap();
}

#[test]
fn window_whose_packets_were_all_lost_opens_again() {
    let mut pair = Pair::connected();
    while pair.send(64 << 10).is_ok() {}
    // The broker loses them.
    pair.a.publications(pair.now);
    assert_eq!(pair.send(64 << 10), Err(SendError::Full));

    pair.pass(2);

    pair.send(64 << 10).unwrap();
    assert!(pair.a.downs.is_empty());
}

#[test]
fn peer_that_is_silent_is_down_and_up_again_when_it_speaks() {
    let mut pair = Pair::connected();
    for _ in 0..4 {
        pair.now += SECOND;
        pair.a.state.tick(pair.now);
    }
    pair.a.note();
    assert!(pair.a.up.is_empty());
    assert!(pair.a.downs[0].contains("nothing was heard"));

    pair.pass(3);

    assert_eq!((pair.a.up.len(), pair.b.up.len()), (1, 1));
    assert_eq!(pair.b.downs.len(), 1, "{:?}", pair.b.downs);
}

#[test]
fn what_was_not_read_is_nobodys_silence() {
    let mut pair = Pair::connected();
    pair.now += 5 * SECOND;
    pair.a.state.forgive(pair.now);
    pair.a.state.tick(pair.now);
    pair.a.note();

    assert_eq!(pair.a.up.len(), 1);
}

#[test]
fn publication_that_nobody_hears_ends_the_channel() {
    let mut pair = Pair::connected();
    pair.send(1).unwrap();
    let run = pair.a.publications(pair.now);
    let to = run[0].to.clone().unwrap();

    pair.a.state.unheard(&to);
    pair.a.state.unheard(&to);
    pair.a.note();

    assert_eq!(pair.a.downs, ["nobody is subscribed to the peer's channel"]);
    assert_eq!(pair.a.state.statistics().unheard, 2);
}

#[test]
fn packets_of_a_former_channel_or_connection_are_stale() {
    let mut pair = Pair::connected();
    pair.send(1).unwrap();
    let old = pair.a.publications(pair.now);
    let channel = pair.a.up[0].clone();
    pair.a.state.disconnect(&channel, "test", pair.now);
    pair.a.note();
    pair.settle();
    pair.pass(3);
    assert_eq!((pair.a.up.len(), pair.b.up.len()), (1, 1));

    pair.b.hear(&old, pair.now);
    assert!(pair.b.received.is_empty(), "of a former channel");

    pair.send(2).unwrap();
    let mut old = pair.a.publications(pair.now);
    pair.a.state.broadcast(&Bytes::from_static(b"all")).unwrap();
    old.extend(pair.a.publications(pair.now));
    pair.a.state.disconnected("test");
    pair.a.note();
    pair.a.state.connected();
    pair.pass(3);
    pair.b.hear(&old, pair.now);

    assert!(pair.b.received.is_empty(), "of a former connection");
    assert_eq!(pair.b.state.statistics().stale, 3);
    assert_eq!((pair.a.up.len(), pair.b.up.len()), (1, 1));
}

#[test]
fn broadcast_leaves_out_who_has_no_room() {
    let mut pair = Pair::connected();
    while pair.send(64 << 10).is_ok() {}
    let packet = Bytes::from(vec![2; 64 << 10]);
    assert_eq!(pair.a.state.broadcast(&packet), Err(SendError::Full));

    let options = BrokerOptions {
        data_window_bytes: 1 << 20,
        ..BrokerOptions::default()
    };
    let mut c = End::new("c", 3, &options);
    for _ in 0..3 {
        // The packets for `b` are lost to it.
        let from_a = pair.a.publications(pair.now);
        c.hear(&from_a, pair.now);
        let from_c = c.publications(pair.now);
        pair.a.hear(&from_c, pair.now);
    }
    assert_eq!(pair.a.up.len(), 2);
    assert_eq!(pair.a.state.broadcast(&packet), Ok(1));
    let from_a = pair.a.publications(pair.now);
    c.hear(&from_a, pair.now);
    assert_eq!(c.received, [packet]);
}

#[test]
fn flood_of_names_takes_only_so_many_places() {
    let options = BrokerOptions::default();
    let mut a = End::new("a", 1, &options);
    let now = Environment::real().now();
    for number in 0..1_000_u128 {
        let mut stranger = End::new(&format!("s{number}"), 10 + number, &options);
        let hello = stranger.publications(now);
        a.hear(&hello, now);
    }

    let refused = a.state.statistics().refused;
    assert_eq!(refused, 1_000 - options.strangers_max as u64);
}
