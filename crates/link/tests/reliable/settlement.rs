//! What a sender learns, and when.

use bytes::Bytes;
use raftwire_link::{Head, LinkConfig, LinkSendError, Outgoing, Settlement};
use raftwire_protocol::link_packet::{
    LINK_FAILURE_TOO_LARGE, LINK_FAILURES_MAX, LINK_HEAD_BYTES_MAX,
};

use crate::lane::Weather;
use crate::pair::{A, B, MIB, Manners, Pair, ms};

#[test]
fn each_failure_reaches_the_sender_once_however_many_there_are() {
    let mut weather = Weather::clear(2_000);
    weather.loss = 30;
    weather.duplicate = 10;
    let manners = Manners {
        failing: 100,
        report_delay_us: 0,
    };
    let mut pair = Pair::new(LinkConfig::default(), weather, manners, 5);
    let count = 10 * LINK_FAILURES_MAX;
    for _ in 0..count {
        pair.send_plain(A, 1, 10);
    }
    pair.run_until_idle(ms(5_000));
    pair.check_outcomes();
    let failed = |settlement: &&Settlement| matches!(settlement, Settlement::Failed(_));
    assert_eq!(pair.ends[A].settled.values().filter(failed).count(), count);
}

#[test]
fn failures_are_told_as_fast_as_their_acknowledgements_come_back() {
    let manners = Manners {
        failing: 100,
        report_delay_us: 0,
    };
    let mut pair = Pair::new(LinkConfig::default(), Weather::clear(1_000), manners, 5);
    for _ in 0..10 * LINK_FAILURES_MAX {
        pair.send_plain(A, 1, 10);
    }
    pair.run_until_idle(ms(40));
    pair.check_outcomes();
}

#[test]
fn a_late_result_is_told_at_once() {
    let manners = Manners {
        failing: 50,
        report_delay_us: 15_000,
    };
    let mut pair = Pair::new(LinkConfig::default(), Weather::clear(500), manners, 5);
    pair.send_plain(A, 1, 10);
    pair.run_until_idle(ms(16));
    pair.check_outcomes();
    assert_eq!(pair.ends[A].packets, 1, "nobody had to ask");
}

#[test]
fn an_acknowledgement_that_the_transport_refused_is_made_again() {
    let mut pair = Pair::large(Weather::clear(1_000));
    pair.lanes[B].weather.refuse = 100;
    pair.send_plain(A, 1, 10);
    pair.run_for(ms(5));
    pair.lanes[B].weather.refuse = 0;
    pair.run_until_idle(ms(10));
    assert_eq!(pair.ends[A].packets, 1);
}

#[test]
fn what_one_end_counts_as_sent_the_other_counts_as_received() {
    let mut pair = Pair::large(Weather::clear(1_000));
    for _ in 0..10 {
        pair.send_plain(A, 1, 500);
    }
    pair.run_until_idle(ms(100));
    let stats = |pair: &Pair, end: usize| pair.ends[end].link.as_ref().expect("open").stats();
    let (one, other) = (stats(&pair, A), stats(&pair, B));
    assert!(one.bytes_made > 5_000 && other.bytes_made > 0);
    assert_eq!(one.packets_made, other.packets_received);
    assert_eq!(one.bytes_made, other.bytes_received);
    assert_eq!(other.packets_made, one.packets_received);
    assert_eq!(other.bytes_made, one.bytes_received);
    assert_eq!((one.segments_resent, one.bytes_resent), (0, 0));

    pair.lanes[A].cut = true;
    pair.send_plain(A, 1, 500);
    pair.run_for(ms(5_000));
    let one = stats(&pair, A);
    assert!(one.segments_resent > 0);
    assert_eq!(
        one.bytes_resent,
        one.segments_resent * 508,
        "the head is 8 bytes"
    );
    assert_eq!(stats(&pair, B).bytes_received, other.bytes_received);
}

#[test]
fn lost_acknowledgements_are_made_good() {
    let mut pair = Pair::large(Weather::clear(1_000));
    pair.send_plain(A, 1, 10);
    pair.run_until_idle(ms(10));
    pair.lanes[B].cut = true;
    let token = pair.send_plain(A, 1, 10);
    pair.run_for(ms(5_000));
    assert_eq!(pair.ends[B].received.len(), 2);
    assert!(!pair.ends[A].settled.contains_key(&token));

    pair.lanes[B].cut = false;
    pair.run_until_idle(ms(1_100));
    pair.check_outcomes();
    let timeout = pair.ends[A].link.as_ref().expect("open").stats();
    assert!(
        timeout.retransmission_timeout < ms(50),
        "an answer ends the back-off"
    );
}

#[test]
fn attempts_become_rare_while_there_is_no_answer() {
    let mut pair = Pair::large(Weather::clear(1_000));
    pair.lanes[A].cut = true;
    pair.send_plain(A, 1, 10);
    pair.run_for(ms(60_000));
    let attempts = pair.ends[A].packets;
    assert!((60..=66).contains(&attempts), "{attempts}");
}

#[test]
fn a_new_channel_is_used_at_once() {
    let mut pair = Pair::large(Weather::clear(1_000));
    pair.send_plain(A, 1, 3 * MIB);
    pair.send_plain(A, 2, 10);
    pair.run_for(ms(2));
    pair.set_channel(false);
    let packets = pair.ends[A].packets;
    pair.run_for(ms(30_000));
    assert_eq!(
        pair.ends[A].packets, packets,
        "nothing is made without a channel"
    );

    pair.set_channel(true);
    pair.run_until_idle(ms(20));
    pair.check_outcomes();
}

#[test]
fn a_held_link_keeps_a_window_and_nothing_else() {
    let mut pair = Pair::large(Weather::clear(1_000));
    pair.hold(B, true);
    for order in 0..20_000 {
        pair.send_plain(A, order % 100, 1_000);
    }
    pair.run_for(ms(60_000));
    let kept = pair.ends[B].link.as_ref().expect("open").stats();
    let window = pair.ends[B].config.receive_window_bytes;
    assert!(kept.waiting_bytes <= window && kept.waiting_bytes > window - 2_000);
    assert!(pair.ends[A].settled.is_empty() && pair.ends[B].received.is_empty());
    let stats = pair.ends[A].link.as_ref().expect("open").stats();
    assert_eq!(
        stats.segments_resent, 0,
        "what was received is not sent again"
    );
    let packets = pair.ends[A].packets;
    assert!(packets < 5_000_000 / 65_000 + 100, "{packets} in a minute");

    pair.hold(B, false);
    pair.run_until_idle(ms(1_000));
    pair.check_outcomes();
    assert_eq!(pair.ends[B].received.len(), 20_000);
}

#[test]
fn a_link_let_go_tells_at_once_how_much_room_it_has() {
    let mut pair = Pair::large(Weather::clear(1_000));
    pair.hold(B, true);
    pair.send_plain(A, 1, 16 * MIB);
    pair.run_for(ms(10_000));
    assert_eq!(
        pair.ends[A]
            .link
            .as_ref()
            .expect("open")
            .stats()
            .segments_resent,
        0
    );

    pair.hold(B, false);
    pair.run_until_idle(ms(50));
    pair.check_outcomes();
}

#[test]
fn an_owner_that_does_not_report_gets_no_more_than_a_window() {
    let manners = Manners {
        failing: 0,
        report_delay_us: 1_000_000_000,
    };
    let mut pair = Pair::new(LinkConfig::default(), Weather::clear(1_000), manners, 1);
    for _ in 0..8 {
        pair.send_plain(A, 1, MIB - 100);
    }
    pair.run_for(ms(500));
    assert_eq!(pair.ends[B].received.len(), 5);
    assert!(pair.ends[A].settled.is_empty());
    pair.run_until_idle(ms(2_000_000));
    pair.check_outcomes();
}

#[test]
fn close_in_the_middle_tells_lost_from_not_sent() {
    let mut pair = Pair::large(Weather::clear(5_000));
    let delivered = pair.send_plain(A, 1, 10);
    pair.run_for(ms(10));
    pair.lanes[B].cut = true;
    let lost = pair.send_plain(A, 1, 10);
    let part_sent = pair.send_plain(A, 2, 16 * MIB);
    pair.run_for(ms(100));
    pair.set_channel(false);
    let not_sent = pair.send_plain(A, 1, 10);

    pair.close(A);

    let settled = &pair.ends[A].settled;
    assert_eq!(settled[&delivered], Settlement::Delivered);
    assert_eq!(settled[&lost], Settlement::Lost);
    assert_eq!(settled[&part_sent], Settlement::Lost);
    assert_eq!(settled[&not_sent], Settlement::NotSent);
}

#[test]
fn what_the_transport_refused_was_not_sent() {
    let mut weather = Weather::clear(1_000);
    weather.refuse = 100;
    let mut pair = Pair::large(weather);
    let token = pair.send_plain(A, 1, 10);
    pair.run_for(ms(10_000));
    let stats = pair.ends[A].link.as_ref().expect("open").stats();
    assert!(stats.packets_refused < 120, "{}", stats.packets_refused);

    pair.close(A);

    assert_eq!(pair.ends[A].settled[&token], Settlement::NotSent);
}

#[test]
fn too_much_and_too_large_is_refused() {
    let config = LinkConfig {
        queue_bytes_max: 2_000,
        queue_messages_max: 3,
        message_bytes_max: 1_500,
        ..LinkConfig::default()
    };
    let mut pair = Pair::new(config, Weather::clear(1_000), Manners::default(), 1);
    let mut send = |head: usize, payload: usize| {
        let now = pair.now;
        let link = pair.ends[A].link.as_mut().expect("open");
        let message = Outgoing {
            token: 0,
            order: 0,
            head: Head::from(&vec![0; head][..]),
            payload: Bytes::from(vec![0; payload]),
            deadline: None,
            acknowledge: true,
        };
        link.send(message, now)
    };
    assert_eq!(
        send(8, 1_501),
        Err(LinkSendError::TooLarge {
            bytes: 1_501,
            max: 1_500
        })
    );
    let max = LINK_HEAD_BYTES_MAX;
    let bytes = max + 1;
    assert_eq!(
        send(bytes, 10),
        Err(LinkSendError::HeadTooLarge { bytes, max })
    );
    assert_eq!(send(64, 1_500), Ok(()));
    let busy = Err(LinkSendError::Busy {
        queued_bytes: 1_564,
        queued_messages: 1,
        limit_bytes: 2_000,
        limit_messages: 3,
    });
    assert_eq!(send(0, 437), busy);
    assert_eq!(send(0, 0), Ok(()));
    assert_eq!(send(0, 0), Ok(()));
    assert!(matches!(send(0, 0), Err(LinkSendError::Busy { .. })));
}

#[test]
fn a_receiver_with_a_smaller_limit_says_so() {
    let config = LinkConfig {
        message_bytes_max: 1_000,
        ..LinkConfig::default()
    };
    let mut pair = Pair::large(Weather::clear(1_000));
    pair.replace_link(B, config);
    let whole = pair.send_plain(A, 1, 2_000);
    let chunked = pair.send_plain(A, 1, MIB);
    let fits = pair.send_plain(A, 1, 1_000);
    pair.run_until_idle(ms(100));
    let settled = &pair.ends[A].settled;
    let too_large = Settlement::Failed(LINK_FAILURE_TOO_LARGE);
    assert_eq!(settled[&whole], too_large);
    assert_eq!(settled[&chunked], too_large);
    assert_eq!(settled[&fits], Settlement::Delivered);
    assert_eq!(pair.ends[B].received, [(fits, Ok(()))]);
}
