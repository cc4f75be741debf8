use std::collections::BTreeMap;

use proptest::prelude::*;
use raftwire_protocol::Incarnation;

use super::*;

/// What a channel does to packets, drawn from a seed.
#[derive(Clone, Debug)]
struct Weather {
    seed: u64,
    loss_percent: u64,
    duplicate_percent: u64,
    delay_ms_max: u64,
    /// How much later the second end begins.
    late_ms: u64,
}

fn any_weather() -> impl Strategy<Value = Weather> {
    (any::<u64>(), 0..31_u64, 0..51_u64, 1..400_u64, 0..1000_u64).prop_map(
        |(seed, loss_percent, duplicate_percent, delay_ms_max, late_ms)| Weather {
            seed,
            loss_percent,
            duplicate_percent,
            delay_ms_max,
            late_ms,
        },
    )
}

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// Runs the ends, by number, over a channel of this weather for `duration_ms`, in steps of a
/// millisecond.
fn run(ends: &mut [Option<End>; 2], weather: &Weather, now: Instant, duration_ms: u64) {
    let mut dice = Dice(weather.seed);
    let mut under_way: BTreeMap<(u64, u64), (usize, Packet)> = BTreeMap::new();
    let mut sent = 0;
    for elapsed in 0..duration_ms {
        let now = now + milliseconds(elapsed);
        let later = under_way.split_off(&(elapsed + 1, 0));
        for (to, packet) in std::mem::replace(&mut under_way, later).into_values() {
            if let Some(end) = &mut ends[to] {
                end.receive(&packet, now);
            }
        }
        for (from, end) in ends.iter_mut().enumerate() {
            let Some(end) = end else { continue };
            if end.handshake.poll_timeout().is_some_and(|due| due <= now) {
                end.tick(now);
            }
            for packet in end.sent() {
                let copies = if dice.roll(100) < weather.loss_percent {
                    0
                } else {
                    1 + u64::from(dice.roll(100) < weather.duplicate_percent)
                };
                for _ in 0..copies {
                    let arrival = elapsed + 1 + dice.roll(weather.delay_ms_max);
                    sent += 1;
                    under_way.insert((arrival, sent), (1 - from, packet.clone()));
                }
            }
        }
    }
}

fn meet(one: &LocalIdentity, two: &LocalIdentity, weather: &Weather) -> [End; 2] {
    let now = start();
    let mut ends = [Some(End::new(one, 1, now)), None];
    let late = Weather {
        seed: weather.seed ^ 1,
        ..weather.clone()
    };
    run(&mut ends, &late, now, weather.late_ms);
    let now = now + milliseconds(weather.late_ms);
    ends[1] = Some(End::new(two, 2, now));
    run(
        &mut ends,
        weather,
        now,
        HANDSHAKE_TIMEOUT.as_millis() as u64 + 1000,
    );
    ends.map(|end| end.expect("both began"))
}

/// Pairs that must not come together, with the reason that both report.
fn any_misfit() -> impl Strategy<Value = (LocalIdentity, RefusalCode)> {
    let two = member("two", 2);
    let version = VersionRange { min: 2, max: 2 };
    prop_oneof![
        Just((
            LocalIdentity {
                cluster: "x".into(),
                ..two.clone()
            },
            RefusalCode::ClusterName
        )),
        Just((
            LocalIdentity {
                versions: version,
                ..two.clone()
            },
            RefusalCode::Version
        )),
        Just((
            LocalIdentity {
                secret: secret(2),
                ..two.clone()
            },
            RefusalCode::Secret
        )),
        Just((
            LocalIdentity {
                secret: None,
                ..two
            },
            RefusalCode::Secret
        )),
        Just((member("one", 1), RefusalCode::OwnSession)),
        Just((member("one", 2), RefusalCode::DuplicateNodeId)),
    ]
}

proptest! {
    #[test]
    fn members_establish_each_other_in_any_weather(weather in any_weather(), with_secret: bool) {
        let known = if with_secret { secret(1) } else { None };
        let one = LocalIdentity { secret: known.clone(), ..member("one", 1) };
        let two = LocalIdentity { secret: known, ..member("two", 2) };
        let [end_one, end_two] = meet(&one, &two, &weather);
        prop_assert_eq!(end_one.events, [established(&two)]);
        prop_assert_eq!(end_two.events, [established(&one)]);
        prop_assert_eq!(end_one.handshake.poll_timeout(), None);
        prop_assert_eq!(end_two.handshake.poll_timeout(), None);
    }

    #[test]
    fn misfits_both_learn_the_same_reason_in_any_weather(
        weather in any_weather(), (misfit, code) in any_misfit(),
    ) {
        let ends = meet(&member("one", 1), &misfit, &weather);
        for end in ends {
            prop_assert_eq!(end.events.len(), 1);
            prop_assert_eq!(end.failure(), Some(code));
        }
    }

    #[test]
    fn a_restarted_peer_is_established_in_any_weather(weather in any_weather()) {
        let (one, two) = (member("one", 1), member("two", 2));
        let now = start();
        let (end_one, _) = established_pair(&one, &two, now);
        let restarted = LocalIdentity { session: Session::new(3), ..two };
        let mut ends = [Some(end_one), Some(End::new(&restarted, 3, now))];
        run(&mut ends, &weather, now, HANDSHAKE_TIMEOUT.as_millis() as u64 + 1000);
        for (end, peer) in ends.into_iter().flatten().zip([&restarted, &one]) {
            prop_assert_eq!(end.events.last(), Some(&established(peer)));
            prop_assert!(end.events.iter().all(|event| *event == established(peer)));
            prop_assert_eq!(end.handshake.poll_timeout(), None);
        }
    }

    #[test]
    fn whoever_alters_packets_brings_nobody_to_believe_what_is_not_so(
        changes in proptest::collection::vec((0..6_usize, any::<prop::sample::Index>(), 1_u8..), 1..4),
    ) {
        let (one, two) = (member("one", 1), member("two", 2));
        let now = start();
        let mut ends = [End::new(&one, 1, now), End::new(&two, 2, now)];
        let mut number = 0;
        for _ in 0..4 {
            for from in 0..2 {
                for mut packet in ends[from].sent() {
                    for (_, place, bits) in changes.iter().filter(|change| change.0 == number) {
                        let mut body = packet.1.to_vec();
                        let place = place.index(body.len());
                        body[place] ^= bits;
                        packet.1 = body.into();
                    }
                    number += 1;
                    ends[1 - from].receive(&packet, now);
                }
            }
        }
        for (end, peer) in ends.iter().zip([&two, &one]) {
            for event in &end.events {
                if let HandshakeEvent::Established(identity) = event {
                    prop_assert_eq!(identity, &seen(peer));
                }
            }
        }
    }

    #[test]
    fn any_bytes_neither_panic_nor_convince(
        kind in 1..8_u8,
        to in prop_oneof![Just(0_u128), Just(1)],
        from in 0..4_u128,
        body: Vec<u8>,
        elapsed_ms in 0..6000_u64,
    ) {
        let (one, two) = (member("one", 1), member("two", 2));
        let now = start();
        let header = PacketHeader {
            kind: PacketKind::from_number(kind).expect("a kind"),
            flags: 0,
            lane: Lane::Control,
            from: Session::new(from),
            to: Session::new(to),
            from_incarnation: Incarnation::NONE,
            to_incarnation: Incarnation::NONE,
        };
        let packet = (header, Bytes::from(body));
        let mut greeting = End::new(&one, 1, now);
        greeting.receive(&packet, now + milliseconds(elapsed_ms));
        prop_assert!(!matches!(greeting.events[..], [HandshakeEvent::Established(_)]));
        let (mut done, _) = established_pair(&one, &two, now);
        done.receive(&packet, now + milliseconds(elapsed_ms));
        prop_assert_eq!(&done.events, &[]);
        greeting.receive(&packet, now + HANDSHAKE_TIMEOUT);
        prop_assert!(greeting.failure().is_some());
    }
}
