use super::*;
use crate::protection::Protection;

fn over_tls(exporter: u8) -> Medium {
    Medium {
        exporter: Some([exporter; 32]),
        ..Medium::from(Lane::Data)
    }
}

fn demanding(protection: Protection) -> Medium {
    Medium {
        protection,
        ..Medium::from(Lane::Data)
    }
}

fn meet(one: Medium, two: Medium) -> [End; 2] {
    meet_as(&member("one", 1), one, &member("two", 2), two)
}

fn meet_as(one: &LocalIdentity, at_one: Medium, two: &LocalIdentity, at_two: Medium) -> [End; 2] {
    let now = start();
    let mut end_one = End::on(at_one, one, None, 1, now);
    let mut end_two = End::on(at_two, two, None, 2, now);
    exchange(&mut end_one, &mut end_two, now);
    [end_one, end_two]
}

#[test]
fn the_two_ends_of_one_tls_session_establish_each_other_without_further_protection() {
    let mut ends = meet(over_tls(7), over_tls(7));
    assert_eq!(ends[0].events, [established(&member("two", 2))]);
    assert_eq!(ends[1].events, [established(&member("one", 1))]);
    assert!(ends[0].handshake.take_packet_keys().is_none());
}

#[test]
fn two_ends_of_different_tls_sessions_are_refused_as_relayed() {
    let plain = Medium::from(Lane::Data);
    for (one, two) in [
        (over_tls(7), over_tls(8)),
        (over_tls(7), plain),
        (plain, over_tls(7)),
    ] {
        for end in meet(one, two) {
            assert_eq!(end.failure(), Some(RefusalCode::ChannelBinding));
            let [HandshakeEvent::Failed { reason, .. }] = &end.events[..] else {
                panic!("{:?}", end.events)
            };
            let text = reason.to_string();
            assert!(text.contains("relayed or intercepted TLS"), "{text}");
        }
    }
}

#[test]
fn whoever_relays_between_two_tls_sessions_cannot_rewrite_the_hellos() {
    use prost::Message;
    use raftwire_protocol::messages::{HelloBody, ProofBody};
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let mut ends = [
        End::on(over_tls(7), &one, None, 1, now),
        End::on(over_tls(8), &two, None, 2, now),
    ];
    let bindings = [7, 8].map(|exporter| {
        let binding = over_tls(exporter).binding().expect("it has an exporter");
        Bytes::copy_from_slice(&binding)
    });
    let adapted = |hello: &Bytes, to: usize| -> Bytes {
        let mut body = HelloBody::decode(hello.clone()).expect("a hello");
        body.binding = bindings[to].clone();
        body.encode_to_vec().into()
    };
    for _ in 0..5 {
        for to in [1, 0] {
            for (header, mut body) in ends[1 - to].sent() {
                match header.kind {
                    PacketKind::Hello => body = adapted(&body, to),
                    PacketKind::Proof => {
                        let mut proof = ProofBody::decode(body).expect("a proof");
                        proof.hello = adapted(&proof.hello, to);
                        body = proof.encode_to_vec().into();
                    }
                    _ => {}
                }
                ends[to].receive(&(header, body), now);
            }
        }
    }
    for end in &ends {
        assert_eq!(end.failure(), Some(RefusalCode::Secret), "{:?}", end.events);
    }
}

#[test]
fn the_stronger_of_two_demands_holds() {
    use Protection::{Authenticated, None, Sealed};
    let level = |one, two| {
        let mut ends = meet(demanding(one), demanding(two));
        let levels = ends.each_mut().map(|end| {
            let keys = end.handshake.take_packet_keys();
            assert!(end.handshake.take_packet_keys().is_none(), "given once");
            keys.map_or(None, |keys| keys.sealer.level())
        });
        assert_eq!(levels[0], levels[1]);
        levels[0]
    };
    for one in [None, Authenticated, Sealed] {
        for two in [None, Authenticated, Sealed] {
            assert_eq!(level(one, two), one.max(two));
        }
    }
}

#[test]
fn without_a_secret_nothing_is_protected() {
    let stranger = |name, session| LocalIdentity {
        secret: None,
        ..member(name, session)
    };
    let (one, two) = (stranger("one", 1), stranger("two", 2));
    let sealed = demanding(Protection::Sealed);
    let mut ends = meet_as(&one, sealed, &two, sealed);
    assert_eq!(ends[0].events, [established(&two)]);
    assert!(ends[0].handshake.take_packet_keys().is_none());
}

#[test]
fn a_peer_that_knows_nothing_of_protection_is_refused_where_it_is_needed() {
    use prost::Message;
    use raftwire_protocol::messages::HelloBody;
    let now = start();
    let hello = End::on(Lane::Data, &member("two", 2), None, 2, now)
        .sent()
        .remove(0);
    for (number, demand, refused) in [
        (0, Protection::None, None),
        (0, Protection::Authenticated, Some(RefusalCode::Protection)),
        (4, Protection::None, Some(RefusalCode::Protection)),
    ] {
        let mut body = HelloBody::decode(hello.1.clone()).expect("a hello");
        body.protection = number;
        let mut end = End::on(demanding(demand), &member("one", 1), None, 1, now);
        end.receive(&(hello.0, body.encode_to_vec().into()), now);
        assert_eq!(end.failure(), refused, "{number} {demand:?}");
    }
}

#[test]
fn a_renewed_hello_gives_both_ends_new_keys() {
    let authenticated = demanding(Protection::Authenticated);
    let now = start();
    let mut end_one = End::on(authenticated, &member("one", 1), None, 1, now);
    let mut end_two = End::on(authenticated, &member("two", 2), None, 2, now);
    exchange(&mut end_one, &mut end_two, now);
    let ids = |end: &mut End| {
        let keys = end.handshake.take_packet_keys().expect("protected");
        (keys.sealer.key_id(), keys.opener.key_id())
    };
    let (first_one, first_two) = (ids(&mut end_one), ids(&mut end_two));
    assert_eq!((first_one.0, first_one.1), (first_two.1, first_two.0));

    end_one.handshake.renew(now);
    end_one.handshake.renew(now);
    exchange(&mut end_one, &mut end_two, now);
    let (second_one, second_two) = (ids(&mut end_one), ids(&mut end_two));
    assert_eq!((second_one.0, second_one.1), (second_two.1, second_two.0));
    assert_ne!(first_one, second_one);

    // At once again: not before its time.
    end_one.handshake.renew(now + RENEWAL_INTERVAL_MIN / 2);
    assert!(end_one.sent().is_empty());
    end_one.handshake.renew(now + RENEWAL_INTERVAL_MIN);
    assert_eq!(kinds(&end_one.sent()), [PacketKind::Hello]);
}

/// The peer answers a hello with one nonce of its own and is answered on another: each end takes
/// another pair of hellos for the last. Renewing brings them together.
#[test]
fn two_ends_that_took_different_hellos_for_the_last_agree_after_a_renewal() {
    let authenticated = demanding(Protection::Authenticated);
    let now = start();
    let (one, two) = (member("one", 1), member("two", 2));
    let mut end_one = End::on(authenticated, &one, None, 1, now);
    let mut end_two = End::on(authenticated, &two, None, 2, now);
    let hello_one = end_one.sent().remove(0);
    end_two.receive(&hello_one, now);
    let from_two = end_two.sent();
    from_two
        .iter()
        .for_each(|packet| end_one.receive(packet, now));
    let late_proof = end_one.sent().pop().expect("a proof");
    // Somebody brings an older hello of the peer: a second attempt begins.
    let older = End::on(authenticated, &two, None, 9, now).sent().remove(0);
    end_one.receive(&older, now);
    let second_hello = end_one.sent().remove(0);
    end_two.receive(&second_hello, now);
    let answer = end_two.sent();
    answer
        .iter()
        .for_each(|packet| end_one.receive(packet, now));
    drop(end_one.sent());
    end_two.receive(&late_proof, now);
    drop(end_two.sent());
    let ids = |end: &mut End| {
        let keys = end.handshake.take_packet_keys().expect("protected");
        (keys.sealer.key_id(), keys.opener.key_id())
    };
    let (ids_one, ids_two) = (ids(&mut end_one), ids(&mut end_two));
    assert_ne!(
        (ids_one.0, ids_one.1),
        (ids_two.1, ids_two.0),
        "they differ"
    );

    end_two.handshake.renew(now);
    exchange(&mut end_one, &mut end_two, now);

    let (ids_one, ids_two) = (ids(&mut end_one), ids(&mut end_two));
    assert_eq!((ids_one.0, ids_one.1), (ids_two.1, ids_two.0));
}

#[test]
fn nothing_of_the_exporter_is_printed() {
    let text = format!("{:?}", over_tls(0xa7));
    assert!(text.contains("has_exporter: true"), "{text}");
    assert!(!text.contains("167"), "{text}");
}
