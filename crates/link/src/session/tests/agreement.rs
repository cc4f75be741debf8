use super::*;

#[test]
fn two_members_establish_each_other_within_two_packets_each() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, mut end_two) = (End::new(&one, 1, now), End::new(&two, 2, now));
    let carried = exchange(&mut end_one, &mut end_two, now);
    assert_eq!(end_one.events, [established(&two)]);
    assert_eq!(end_two.events, [established(&one)]);
    use PacketKind::{Hello, Proof};
    assert_eq!(kinds(&carried), [Hello, Hello, Proof, Proof]);
    assert_eq!(end_one.handshake.poll_timeout(), None);
}

#[test]
fn two_members_without_a_secret_establish_each_other() {
    let one = LocalIdentity {
        secret: None,
        ..member("one", 1)
    };
    let two = LocalIdentity {
        secret: None,
        ..member("two", 2)
    };
    established_pair(&one, &two, start());
}

#[test]
fn the_highest_common_version_is_agreed_on() {
    let one = LocalIdentity {
        versions: VersionRange { min: 1, max: 4 },
        ..member("one", 1)
    };
    let two = LocalIdentity {
        versions: VersionRange { min: 3, max: 9 },
        ..member("two", 2)
    };
    let now = start();
    let (mut end_one, mut end_two) = (End::new(&one, 1, now), End::new(&two, 2, now));
    exchange(&mut end_one, &mut end_two, now);
    for (end, peer) in [(end_one, &two), (end_two, &one)] {
        let expected = PeerIdentity {
            version: 4,
            ..seen(peer)
        };
        assert_eq!(end.events, [HandshakeEvent::Established(expected)]);
    }
}

#[test]
fn a_hello_is_repeated_until_the_time_is_over() {
    let mut now = start();
    let mut end = End::new(&member("one", 1), 1, now);
    let mut hellos = end.sent().len();
    let deadline = now + HANDSHAKE_TIMEOUT;
    while let Some(due) = end.handshake.poll_timeout() {
        assert!(due > now && due <= deadline);
        now = due;
        end.tick(now);
        hellos += end.sent().len();
    }
    assert_eq!(now, deadline);
    assert_eq!(hellos, 25);
    let event = HandshakeEvent::Failed {
        reason: RefusalReason::Timeout,
        by: Side::Us,
    };
    assert_eq!(end.events, [event]);
}

#[test]
fn a_packet_that_comes_after_the_time_is_too_late() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, mut end_two) = (End::new(&one, 1, now), End::new(&two, 2, now));
    let hello = end_one.sent().remove(0);
    end_two.receive(&hello, now);
    let proof = end_two.sent().remove(1);
    end_one.receive(&proof, now + HANDSHAKE_TIMEOUT);
    assert_eq!(end_one.failure(), Some(RefusalCode::Timeout));
}

#[test]
fn a_proof_that_comes_before_the_hello_is_enough() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, mut end_two) = (End::new(&one, 1, now), End::new(&two, 2, now));
    end_two.receive(&end_one.sent().remove(0), now);
    let from_two = end_two.sent();
    end_one.receive(&from_two[1], now);
    assert_eq!(end_one.events, [established(&two)]);
    let proof = end_one.sent();
    assert_eq!(kinds(&proof), [PacketKind::Proof]);
    end_two.receive(&proof[0], now);
    assert_eq!(end_two.events, [established(&one)]);
    end_one.receive(&from_two[0], now);
    assert_eq!(end_one.events, [established(&two)]);
}

#[test]
fn a_proof_that_was_lost_is_given_again_after_the_other_is_done() {
    let (one, two) = (member("one", 1), member("two", 2));
    let mut now = start();
    let (mut end_one, mut end_two) = (End::new(&one, 1, now), End::new(&two, 2, now));
    end_two.receive(&end_one.sent().remove(0), now);
    end_two
        .sent()
        .iter()
        .for_each(|packet| end_one.receive(packet, now));
    assert_eq!(end_one.events, [established(&two)]);
    drop(end_one.sent());
    for _ in 0..3 {
        now += HELLO_RESEND_INTERVAL;
        end_two.tick(now);
        end_two
            .sent()
            .iter()
            .for_each(|packet| end_one.receive(packet, now));
    }
    let proofs = end_one.sent();
    assert_eq!(kinds(&proofs), [PacketKind::Proof; 3]);
    end_two.receive(&proofs[2], now);
    assert_eq!(end_two.events, [established(&one)]);
    assert_eq!(end_one.events, [established(&two)]);
}

#[test]
fn copies_of_proofs_are_answered_by_nobody() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, mut end_two) = (End::new(&one, 1, now), End::new(&two, 2, now));
    let carried = exchange(&mut end_one, &mut end_two, now);
    for packet in carried
        .iter()
        .filter(|(header, _)| header.kind == PacketKind::Proof)
    {
        end_one.receive(packet, now);
        end_two.receive(packet, now);
    }
    assert!(end_one.sent().is_empty() && end_two.sent().is_empty());
    assert_eq!((end_one.events.len(), end_two.events.len()), (1, 1));
}

#[test]
fn a_peer_that_was_restarted_is_established_anew() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, _) = established_pair(&one, &two, now);
    let restarted = LocalIdentity {
        session: Session::new(3),
        ..two
    };
    let now = now + milliseconds(60_000);
    let mut end_two = End::new(&restarted, 3, now);
    exchange(&mut end_one, &mut end_two, now);
    assert_eq!(end_one.events, [established(&restarted)]);
    assert_eq!(end_two.events, [established(&one)]);
    assert_eq!(end_one.handshake.poll_timeout(), None);
}

#[test]
fn a_peer_that_had_given_up_is_established_anew() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, _) = established_pair(&one, &two, now);
    let mut end_two = End::new(&two, 3, now);
    exchange(&mut end_one, &mut end_two, now);
    assert_eq!(end_one.events, [established(&two)]);
    assert_eq!(end_two.events, [established(&one)]);
}

#[test]
fn a_late_copy_of_a_replaced_hello_starts_nothing() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, mut end_two) = (End::new(&one, 1, now), End::new(&two, 2, now));
    let first = exchange(&mut end_one, &mut end_two, now);
    let mut end_two = End::new(&two, 3, now);
    exchange(&mut end_one, &mut end_two, now);
    end_one.events.clear();
    for packet in &first {
        end_one.receive(packet, now);
        end_two.receive(packet, now);
    }
    assert!(end_one.sent().is_empty());
    assert_eq!(end_one.events, []);
    assert_eq!(end_one.handshake.poll_timeout(), None);
}

#[test]
fn a_second_attempt_that_comes_to_nothing_changes_nothing() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, mut end_two) = established_pair(&one, &two, now);
    let hello = End::new(&two, 3, now).sent().remove(0);
    end_one.receive(&hello, now);
    assert_eq!(
        kinds(&end_one.sent()),
        [PacketKind::Hello, PacketKind::Proof]
    );
    end_one.tick(now + HELLO_RESEND_INTERVAL);
    assert_eq!(kinds(&end_one.sent()), [PacketKind::Hello]);
    end_one.tick(now + HANDSHAKE_TIMEOUT);
    assert_eq!(end_one.handshake.poll_timeout(), None);
    assert_eq!(end_one.events, []);
    // The first is as good as before.
    end_two.refuse(RefusalReason::Superseded);
    end_two
        .sent()
        .iter()
        .for_each(|packet| end_one.receive(packet, now + HANDSHAKE_TIMEOUT));
    assert_eq!(end_one.failure(), Some(RefusalCode::Superseded));
}

#[test]
fn what_nobody_fetches_is_bounded() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let mut end = End::new(&one, 1, now);
    let hello = End::new(&two, 2, now).sent().remove(0);
    for _ in 0..1000 {
        end.receive(&hello, now);
    }
    assert_eq!(end.sent().len(), OUTGOING_PACKETS_MAX);
}

#[test]
fn every_packet_says_from_whom_it_is_and_for_whom() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let mut end_one = End::on(Lane::Data, &one, Some("two"), 1, now);
    let mut end_two = End::on(Lane::Data, &two, Some("one"), 2, now);
    for (header, _) in exchange(&mut end_one, &mut end_two, now) {
        assert_eq!(header.lane, Lane::Data);
        let others = if header.from == one.session {
            two.session
        } else {
            one.session
        };
        let expected = match header.kind {
            PacketKind::Hello => Session::NONE,
            _ => others,
        };
        assert_eq!(header.to, expected);
    }
}
