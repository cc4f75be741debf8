//! What arrives, in which order, and what it costs.

use raftwire_link::{Link, LinkConfig, Settlement};
use raftwire_protocol::decode_packet;
use raftwire_protocol::limits::MESSAGE_BYTES_CEILING;
use raftwire_protocol::link_packet::{LINK_INITIAL_WINDOW_BYTES, SegmentPart};

use crate::lane::Weather;
use crate::pair::{A, B, MIB, Manners, Pair, Sent, ms};
use crate::wire::segments;

fn pair(weather: Weather) -> Pair {
    let config = LinkConfig {
        message_bytes_max: MESSAGE_BYTES_CEILING,
        queue_bytes_max: MESSAGE_BYTES_CEILING,
        ..LinkConfig::default()
    };
    Pair::new(config, weather, Manners::default(), 1)
}

fn link(pair: &Pair, end: usize) -> &Link {
    pair.ends[end].link.as_ref().expect("open")
}

fn received(pair: &Pair, end: usize) -> Vec<u64> {
    pair.ends[end]
        .received
        .iter()
        .map(|(token, _)| *token)
        .collect()
}

#[test]
fn a_message_is_settled_after_one_round_trip_and_two_packets() {
    let mut pair = pair(Weather::clear(500));
    for _ in 0..3 {
        let sent_at = pair.now;
        let token = pair.send_plain(A, 1, 100);
        pair.run_until_idle(ms(10));
        assert_eq!(pair.now - sent_at, ms(1));
        assert_eq!(pair.ends[A].settled[&token], Settlement::Delivered);
    }
    assert_eq!(pair.ends[A].packets, 3);
    assert_eq!(pair.ends[B].packets, 3);
    let round_trip = link(&pair, A).stats().round_trip.expect("measured");
    assert_eq!(round_trip, ms(1));
}

#[test]
fn a_link_without_messages_is_silent() {
    let mut pair = pair(Weather::clear(500));
    pair.run_for(ms(1_000));
    pair.send_plain(A, 1, 100);
    let far = Sent {
        order: 1,
        payload_bytes: 100,
        deadline: Some(pair.now + ms(60_000)),
        acknowledge: true,
    };
    pair.send(B, far).expect("room");
    pair.run_until_idle(ms(10));
    pair.run_for(ms(10));
    assert_eq!(link(&pair, B).poll_timeout(), None);
    let packets = pair.ends[A].packets + pair.ends[B].packets;

    pair.run_for(ms(3_600_000));

    assert_eq!(pair.ends[A].packets + pair.ends[B].packets, packets);
    assert_eq!(link(&pair, A).poll_timeout(), None);
    assert_eq!(link(&pair, B).poll_timeout(), None);
}

#[test]
fn nothing_is_sent_twice_over_a_lane_that_loses_nothing() {
    let mut pair = pair(Weather::clear(15_000));
    for round in 0..200 {
        for order in 0..20 {
            pair.send_plain(A, order, 50 * round);
            pair.send_plain(B, order, 10);
        }
        pair.run_for(ms(1));
    }
    pair.run_until_idle(ms(1_000));
    pair.check_outcomes();
    for end in [A, B] {
        let stats = link(&pair, end).stats();
        assert_eq!((stats.segments_resent, stats.segments_duplicate), (0, 0));
        assert_eq!(stats.segments_sent, 4_000);
    }
}

#[test]
fn acknowledgements_of_a_busy_link_are_few() {
    let mut pair = pair(Weather::clear(500));
    for _ in 0..20_000 {
        pair.send_plain(A, 1, 10);
        pair.run_for(std::time::Duration::from_micros(10));
    }
    pair.run_until_idle(ms(100));
    assert_eq!(pair.ends[A].packets, 20_000);
    assert!(pair.ends[B].packets <= 1_800, "{}", pair.ends[B].packets);
}

#[test]
fn a_small_message_waits_for_one_packet_of_a_large_one_of_another_order() {
    let mut pair = pair(Weather::clear(500));
    let now = pair.now;
    pair.send_plain(A, 1, 16 * MIB);
    let link = pair.ends[A].link.as_mut().expect("open");
    let first = link.poll_transmit(now).expect("a packet");
    assert!(matches!(segments(&first)[0], SegmentPart::First { .. }));

    pair.send_plain(A, 2, 100);

    let link = pair.ends[A].link.as_mut().expect("open");
    let second = segments(&link.poll_transmit(now).expect("a packet"));
    assert!(
        second
            .iter()
            .any(|part| matches!(part, SegmentPart::Whole { .. })),
        "{second:?}"
    );
    assert!(
        second
            .iter()
            .any(|part| matches!(part, SegmentPart::Middle { .. })),
        "{second:?}"
    );
}

#[test]
fn small_messages_pass_large_ones_of_other_orders_and_follow_those_of_their_own() {
    let mut pair = pair(Weather::clear(500));
    let large: Vec<_> = (0..6)
        .map(|order| pair.send_plain(A, order, 8 * MIB))
        .collect();
    let followers: Vec<_> = (0..6).map(|order| pair.send_plain(A, order, 10)).collect();
    let mut passing = Vec::new();
    for order in 10..200 {
        passing.push(pair.send_plain(A, order, 1_000));
        pair.run_for(std::time::Duration::from_micros(10));
    }
    pair.run_for(ms(2));
    assert_eq!(received(&pair, B), passing);

    pair.run_until_idle(ms(1_000));
    let order = received(&pair, B);
    let place = |token| order.iter().position(|t| *t == token).expect("received");
    for (large, follower) in large.iter().zip(&followers) {
        assert!(place(*large) < place(*follower));
    }
    let finished: Vec<_> = large.iter().map(|token| place(*token)).collect();
    assert!(
        finished[..4].iter().max() < finished[4..].iter().min(),
        "four at a time: {finished:?}"
    );
    pair.check_outcomes();
}

#[test]
fn large_messages_get_on_while_small_ones_never_cease() {
    let mut pair = pair(Weather::clear(500));
    let large = pair.send_plain(A, 1, 2 * MIB);
    // More than the lane of this test can carry beside: 32 KiB each 10 microseconds.
    for _ in 0..2_000 {
        if link(&pair, A).stats().queued_bytes < 8 * MIB {
            pair.send_plain(A, 2, 32_000);
        }
        pair.run_for(std::time::Duration::from_micros(10));
    }
    assert!(received(&pair, B).contains(&large));
    pair.run_until_idle(ms(1_000));
    pair.check_outcomes();
}

#[test]
fn a_message_larger_than_the_window_passes() {
    let config = LinkConfig {
        receive_window_bytes: LINK_INITIAL_WINDOW_BYTES,
        message_bytes_max: 8 * MIB,
        ..LinkConfig::default()
    };
    let mut pair = Pair::new(config, Weather::clear(1_000), Manners::default(), 1);
    pair.send_plain(A, 1, 8 * MIB);
    pair.run_until_idle(ms(1_000));
    pair.check_outcomes();
}

#[test]
fn large_messages_fill_a_part_of_the_window_only() {
    for (window, share) in [(LINK_INITIAL_WINDOW_BYTES, 128 * 1024), (4 * MIB, MIB)] {
        let config = LinkConfig {
            receive_window_bytes: window,
            message_bytes_max: 16 * MIB,
            queue_bytes_max: 64 * MIB,
            ..LinkConfig::default()
        };
        let mut pair = Pair::new(config, Weather::clear(1_000), Manners::default(), 1);
        pair.send_plain(A, 1, 16 * MIB);
        pair.run_until_idle(ms(1_000));
        pair.send_plain(A, 1, 16 * MIB);
        pair.send_plain(A, 2, 16 * MIB);
        pair.run_for(ms(10));
        pair.lanes[B].cut = true;
        pair.run_for(ms(10));
        let in_flight = link(&pair, A).stats().in_flight_bytes;
        assert!(
            in_flight <= share && in_flight > share - 64 * 1024,
            "{in_flight} of {window}"
        );
    }
}

#[test]
fn losses_are_repaired_by_what_overtakes_them_and_not_by_waiting() {
    let mut weather = Weather::clear(10_000);
    weather.loss = 10;
    let mut pair = pair(weather);
    // One packet each millisecond for a second.
    for _ in 0..1_000 {
        pair.send_plain(A, 1, 1_000);
        pair.run_for(ms(1));
    }
    pair.run_until_idle(ms(500));
    pair.check_outcomes();
    let stats = link(&pair, A).stats();
    // A tenth of the packets, a tenth of the repairs, and the few that were only late.
    assert!(stats.segments_resent < 200, "{stats:?}");
}

#[test]
fn what_the_peer_has_is_not_sent_again_even_if_it_has_no_room_to_say_so() {
    let mut pair = pair(Weather::clear(10_000));
    let token_of = |packet: usize| packet as u64 + 1;
    for packet in 0..200 {
        pair.lanes[A].cut = packet % 2 == 0;
        pair.send_plain(A, 1, 1_000);
        pair.settle_down();
        assert_eq!(pair.ends[A].sent.len() as u64, token_of(packet));
    }
    pair.lanes[A].cut = false;
    pair.run_until_idle(ms(1_000));
    pair.check_outcomes();
    let sender = link(&pair, A).stats();
    assert_eq!(sender.segments_resent, 100, "each lost one once");
}

#[test]
fn a_burst_over_a_lossy_lane_takes_a_few_round_trips() {
    let mut weather = Weather::clear(10_000);
    weather.loss = 20;
    let mut pair = pair(weather);
    for order in 0..4_000 {
        pair.send_plain(A, order % 50, 1_000);
    }
    pair.run_until_idle(ms(400));
    pair.check_outcomes();
}

#[test]
fn fire_and_forget_messages_arrive_like_others_and_are_never_settled() {
    let mut weather = Weather::clear(1_000);
    weather.loss = 30;
    let manners = Manners {
        failing: 50,
        report_delay_us: 0,
    };
    let mut pair = Pair::new(LinkConfig::default(), weather, manners, 3);
    let mut tokens = Vec::new();
    for index in 0..300 {
        let sent = Sent {
            order: 1,
            payload_bytes: index * 200,
            deadline: None,
            acknowledge: index % 3 == 0,
        };
        tokens.push(pair.send(A, sent).expect("room"));
        if index % 10 == 0 {
            pair.run_for(ms(1));
        }
    }
    pair.run_until_idle(ms(10_000));
    assert_eq!(received(&pair, B), tokens);
    assert_eq!(pair.ends[A].settled.len(), 100);
    pair.check_outcomes();
}

#[test]
fn fire_and_forget_messages_are_acknowledged_when_they_are_taken_out() {
    let mut pair = pair(Weather::clear(500));
    let now = pair.now;
    let sent = Sent {
        order: 1,
        payload_bytes: 10,
        deadline: None,
        acknowledge: false,
    };
    pair.send(A, sent).expect("room");
    let mut link = |end: usize| pair.ends[end].link.take().expect("open");
    let (mut from, mut to) = (link(A), link(B));
    let pass = |from: &mut Link, to: &mut Link| {
        let (header, body) = decode_packet(from.poll_transmit(now)?).expect("a packet");
        to.handle(&header, body, now).expect("handled");
        Some(())
    };
    assert_eq!(pass(&mut from, &mut to), Some(()));
    assert_eq!(pass(&mut to, &mut from), Some(()));
    assert_eq!(from.stats().in_flight_segments, 1);

    assert!(to.poll_event().is_some());
    assert_eq!(pass(&mut to, &mut from), Some(()));
    assert_eq!(from.stats().in_flight_segments, 0);
    assert_eq!(from.poll_event(), None);
}

#[cfg(feature = "wrong-variants")]
#[test]
#[should_panic(expected = "was delivered twice")]
fn a_link_that_does_not_dedupe_is_found_out() {
    let config = LinkConfig {
        skip_dedupe: true,
        ..LinkConfig::default()
    };
    let mut weather = Weather::clear(1_000);
    weather.duplicate = 20;
    let mut pair = Pair::new(config, weather, Manners::default(), 1);
    for order in 0..100 {
        pair.send_plain(A, order, 10);
        pair.run_for(ms(1));
    }
}
