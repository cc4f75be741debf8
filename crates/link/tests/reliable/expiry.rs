//! What becomes of messages whose time is up.

use raftwire_link::Settlement;
use raftwire_protocol::link_packet::LINK_FAILURE_INCOMPLETE;

use crate::lane::Weather;
use crate::pair::{A, B, EXPIRED, MIB, Pair, Sent, ms};

fn send_until(pair: &mut Pair, order: u128, payload_bytes: usize, deadline_ms: u64) -> u64 {
    let sent = Sent {
        order,
        payload_bytes,
        deadline: Some(pair.now + ms(deadline_ms)),
        acknowledge: true,
    };
    pair.send(A, sent).expect("room in the queue")
}

#[test]
fn a_message_that_expires_in_the_queue_is_never_sent() {
    let mut pair = Pair::large(Weather::clear(1_000));
    pair.set_channel(false);
    let small = send_until(&mut pair, 1, 10, 100);
    let large = send_until(&mut pair, 2, MIB, 100);
    let behind = send_until(&mut pair, 2, 10, 100);
    let stays = pair.send_plain(A, 1, 10);
    pair.run_for(ms(99));
    assert!(pair.ends[A].settled.is_empty());
    pair.run_for(ms(1));
    for token in [small, large, behind] {
        let expired = Settlement::Expired { transmitted: false };
        assert_eq!(pair.ends[A].settled[&token], expired);
    }

    pair.set_channel(true);
    pair.run_until_idle(ms(100));
    assert_eq!(pair.ends[B].received, [(stays, Ok(()))]);
}

#[test]
fn a_message_that_has_expired_already_is_settled_at_once() {
    let mut pair = Pair::large(Weather::clear(1_000));
    let token = send_until(&mut pair, 1, 10, 0);
    pair.settle_down();
    let expired = Settlement::Expired { transmitted: false };
    assert_eq!(pair.ends[A].settled[&token], expired);
    assert_eq!(pair.ends[A].packets, 0);
}

#[test]
fn a_message_that_the_transport_refused_until_it_expired_never_arrives() {
    let mut weather = Weather::clear(1_000);
    weather.refuse = 100;
    let mut pair = Pair::large(weather);
    let small = send_until(&mut pair, 1, 10, 50);
    let large = send_until(&mut pair, 2, MIB, 50);
    let stays = pair.send_plain(A, 1, 10);
    pair.run_for(ms(200));
    for token in [small, large] {
        let expired = Settlement::Expired { transmitted: false };
        assert_eq!(pair.ends[A].settled[&token], expired);
    }
    pair.lanes[A].weather.refuse = 0;
    pair.lanes[B].weather.refuse = 0;
    pair.run_until_idle(ms(500));
    assert_eq!(pair.ends[B].received, [(stays, Ok(()))]);
}

#[test]
fn what_expires_on_its_way_is_unknown_and_the_rest_goes_on() {
    let mut pair = Pair::large(Weather::clear(1_000));
    pair.lanes[A].cut = true;
    let small = send_until(&mut pair, 1, 10, 100);
    let large = send_until(&mut pair, 2, 8 * MIB, 100);
    let stays = pair.send_plain(A, 1, 10);
    pair.run_for(ms(200));
    for token in [small, large] {
        let expired = Settlement::Expired { transmitted: true };
        assert_eq!(pair.ends[A].settled[&token], expired);
    }
    let stats = pair.ends[A].link.as_ref().expect("open").stats();
    assert_eq!(stats.queued_bytes, 18, "only what has no result takes room");

    pair.lanes[A].cut = false;
    pair.run_until_idle(ms(1_500));
    assert_eq!(pair.ends[B].received, [(stays, Ok(()))]);
    pair.check_outcomes();
}

#[test]
fn large_messages_that_expire_midway_leave_nothing_behind() {
    let mut pair = Pair::large(Weather::clear(5_000));
    let mut expired = Vec::new();
    for order in 0..20 {
        expired.push(send_until(&mut pair, order, 16 * MIB, 13));
        pair.run_for(ms(14));
    }
    let token = pair.send_plain(A, 1, 16 * MIB);
    pair.run_until_idle(ms(1_000));
    for token in expired {
        let unknown = Settlement::Expired { transmitted: true };
        assert_eq!(pair.ends[A].settled[&token], unknown);
    }
    assert_eq!(pair.ends[A].settled[&token], Settlement::Delivered);
    assert_eq!(pair.ends[B].received, [(token, Ok(()))]);
    let receiver = pair.ends[B].link.as_ref().expect("open");
    assert_eq!(receiver.poll_timeout(), None, "no message is half here");
}

#[test]
fn the_receiver_learns_how_much_time_is_left() {
    let mut pair = Pair::large(Weather::clear(10_000));
    pair.hold(B, true);
    let late = send_until(&mut pair, 1, 10, 50);
    let in_time = send_until(&mut pair, 1, 10, 500);
    pair.run_for(ms(100));
    pair.hold(B, false);
    pair.run_until_idle(ms(100));
    assert_eq!(
        pair.ends[B].received,
        [(late, Err(EXPIRED)), (in_time, Ok(()))]
    );
    let unknown = Settlement::Expired { transmitted: true };
    assert_eq!(pair.ends[A].settled[&late], unknown);
    assert_eq!(pair.ends[A].settled[&in_time], Settlement::Delivered);
}

#[test]
fn a_message_whose_rest_does_not_come_is_given_up_and_its_sender_told() {
    let mut pair = Pair::large(Weather::clear(1_000));
    let token = pair.send_plain(A, 1, 16 * MIB);
    pair.run_for(ms(3));
    pair.lanes[A].cut = true;
    pair.run_for(ms(70_000));
    pair.lanes[A].cut = false;
    pair.run_until_idle(ms(2_000));
    let given_up = Settlement::Failed(LINK_FAILURE_INCOMPLETE);
    assert_eq!(pair.ends[A].settled[&token], given_up);
    assert!(pair.ends[B].received.is_empty());
}
