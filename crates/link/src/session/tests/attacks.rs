use prost::Message;
use raftwire_protocol::messages::{ProofBody, RefusalBody};

use super::*;

/// Both directions of an exchange between `one` and `two`.
fn transcript(one: &LocalIdentity, two: &LocalIdentity, now: Instant) -> Vec<Packet> {
    exchange(&mut End::new(one, 1, now), &mut End::new(two, 2, now), now)
}

fn of<'a>(packets: &'a [Packet], local: &'a LocalIdentity) -> impl Iterator<Item = &'a Packet> {
    packets
        .iter()
        .filter(|(header, _)| header.from == local.session)
}

#[test]
fn a_recorded_exchange_convinces_nobody_later() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let recorded = transcript(&one, &two, now);
    let mut end = End::new(&one, 9, now);
    for _ in 0..3 {
        of(&recorded, &two).for_each(|packet| end.receive(packet, now));
    }
    end.tick(now + HANDSHAKE_TIMEOUT);
    assert_eq!(end.failure(), Some(RefusalCode::Timeout));
}

#[test]
fn a_recorded_exchange_of_an_earlier_process_does_not_bring_it_back() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let earlier = LocalIdentity {
        session: Session::new(7),
        ..two.clone()
    };
    let mut end_one = End::new(&one, 1, now);
    let recorded = exchange(&mut end_one, &mut End::new(&earlier, 7, now), now);
    exchange(&mut end_one, &mut End::new(&two, 2, now), now);
    end_one.events.clear();
    of(&recorded, &earlier).for_each(|packet| end_one.receive(packet, now));
    end_one.tick(now + HANDSHAKE_TIMEOUT);
    assert_eq!(end_one.events, []);
}

#[test]
fn a_node_is_not_convinced_by_its_own_words() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let recorded = transcript(&one, &two, now);
    let thrown_back = of(&recorded, &one).collect::<Vec<_>>();
    let proof = thrown_back
        .iter()
        .find(|packet| packet.0.kind == PacketKind::Proof);
    let proof = proof.expect("it sent one");

    let mut greeting = End::new(&one, 1, now);
    greeting.receive(proof, now);
    greeting.receive(&forged(proof, |header| header.to = one.session), now);
    assert_eq!(greeting.events, []);
    let stranger = Session::new(99);
    let renamed = forged(proof, |header| {
        (header.from, header.to) = (stranger, one.session)
    });
    greeting.receive(&renamed, now);
    assert_eq!(greeting.events, []);
    greeting.receive(thrown_back[0], now);
    assert_eq!(greeting.failure(), Some(RefusalCode::OwnSession));

    let (mut done, _) = established_pair(&one, &two, now);
    thrown_back
        .iter()
        .for_each(|packet| done.receive(packet, now));
    assert_eq!(done.events, []);
    assert!(done.sent().is_empty());
}

#[test]
fn a_proof_of_ones_own_that_is_dressed_up_as_the_peers_is_wrong() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let mut end_one = End::new(&one, 1, now);
    let hello_two = End::new(&two, 2, now).sent().remove(0);
    end_one.receive(&hello_two, now);
    let from_one = end_one.sent();
    let mut body = ProofBody::decode(from_one[1].1.clone()).expect("a proof");
    let own_nonce = nonce_of(&from_one[0].1);
    (body.hello, body.answers) = (hello_two.1.clone(), own_nonce);
    let mut packet = forged(&from_one[1], |header| {
        (header.from, header.to) = (two.session, one.session);
    });
    packet.1 = body.encode_to_vec().into();
    end_one.receive(&packet, now);
    assert_eq!(end_one.failure(), Some(RefusalCode::Secret));
}

fn nonce_of(hello: &Bytes) -> Bytes {
    raftwire_protocol::messages::HelloBody::decode(hello.clone())
        .expect("a hello")
        .nonce
}

#[test]
fn what_was_said_on_one_lane_proves_nothing_on_the_other() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let mut data = End::on(Lane::Data, &one, None, 1, now);
    let mut control = End::on(Lane::Control, &two, None, 2, now);
    for _ in 0..4 {
        for packet in data.sent() {
            control.receive(&packet, now);
            control.receive(&forged(&packet, |header| header.lane = Lane::Control), now);
        }
        for packet in control.sent() {
            data.receive(&packet, now);
            data.receive(&forged(&packet, |header| header.lane = Lane::Data), now);
        }
    }
    assert_eq!(data.failure(), Some(RefusalCode::Secret));
    assert_eq!(control.failure(), Some(RefusalCode::Secret));
}

#[test]
fn a_strangers_hello_takes_no_place_from_the_peers() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, mut end_two) = (End::new(&one, 1, now), End::new(&two, 2, now));
    for session in 100..200 {
        let stranger = LocalIdentity {
            secret: secret(9),
            ..member("two", session)
        };
        end_one.receive(&End::new(&stranger, 3, now).sent()[0], now);
        end_one
            .sent()
            .iter()
            .for_each(|packet| end_two.receive(packet, now));
    }
    end_one.tick(now + HELLO_RESEND_INTERVAL);
    exchange(&mut end_one, &mut end_two, now + HELLO_RESEND_INTERVAL);
    assert_eq!(end_one.events, [established(&two)]);
    assert_eq!(end_two.events, [established(&one)]);
}

#[test]
fn a_stranger_without_the_secret_does_not_replace_an_established_peer() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, mut end_two) = established_pair(&one, &two, now);
    let stranger = LocalIdentity {
        secret: secret(9),
        ..member("two", 3)
    };
    let mut end_stranger = End::new(&stranger, 3, now);
    exchange(&mut end_one, &mut end_stranger, now);
    assert_eq!(end_one.events, []);
    assert_eq!(end_stranger.failure(), Some(RefusalCode::Secret));
    assert_eq!(end_one.handshake.poll_timeout(), None);
    exchange(&mut end_one, &mut end_two, now);
    assert_eq!(end_two.events, []);
}

fn refusal(of: &Packet, answers: Bytes, mac: &[u8]) -> Packet {
    let body = RefusalBody {
        code: 7,
        text: "go\naway".to_owned(),
        mac: Bytes::copy_from_slice(mac),
        hello: of.1.clone(),
        answers,
    };
    let packet = forged(of, |header| header.kind = PacketKind::Refusal);
    (packet.0, body.encode_to_vec().into())
}

#[test]
fn a_forged_refusal_does_not_end_what_is_established() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let recorded = transcript(&one, &two, now);
    let (mut end_one, _) = established_pair(&one, &two, now);
    let (hello_one, hello_two) = (&recorded[0], &recorded[1]);
    let nonce = nonce_of(&hello_one.1);
    for mac in [&[][..], &[0; 32], &[0; 31]] {
        end_one.receive(&refusal(hello_two, nonce.clone(), mac), now);
    }
    // A genuine proof's code, and one made without the secret.
    let proof = ProofBody::decode(recorded[3].1.clone()).expect("a proof");
    end_one.receive(&refusal(hello_two, nonce.clone(), &proof.mac), now);
    let transcript = transcript::Transcript {
        lane: Lane::Control,
        sender: &hello_two.1,
        receiver: &hello_one.1,
    };
    let mac = transcript.refuse(None, 7, "go\naway");
    end_one.receive(&refusal(hello_two, nonce.clone(), &mac), now);
    assert_eq!(end_one.events, []);
    // The same with the secret is the peer's word.
    let mac = transcript.refuse(one.secret.as_ref(), 7, "go\naway");
    end_one.receive(&refusal(hello_two, nonce, &mac), now);
    let reason = RefusalReason::Told {
        code: RefusalCode::Superseded,
        text: "go?away".to_owned(),
    };
    assert_eq!(
        end_one.events,
        [HandshakeEvent::Failed {
            reason,
            by: Side::Peer
        }]
    );
    assert!(end_one.sent().is_empty());
}

#[test]
fn a_refusal_of_another_attempt_does_not_end_this_one() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let mut end_one = End::new(&one, 1, now);
    let hello_two = End::new(&two, 2, now).sent().remove(0);
    end_one.receive(&refusal(&hello_two, Bytes::from_static(&[3; 32]), &[]), now);
    assert_eq!(end_one.events, []);
    let nonce = nonce_of(&end_one.sent()[0].1);
    end_one.receive(&refusal(&hello_two, nonce, &[]), now);
    assert_eq!(end_one.failure(), Some(RefusalCode::Superseded));
}

#[test]
fn the_nonce_of_the_next_attempt_cannot_be_told_from_the_one_before() {
    let mut nonces = nonce::NonceSource::new([5; 32]);
    let issued = [nonces.issue(), nonces.issue(), nonces.issue()];
    assert!(!issued.contains(&[5; 32]));
    assert_ne!(issued[0], issued[1]);
    // Knowing what was sent is not knowing the seed.
    assert_ne!(nonce::NonceSource::new(issued[0]).issue(), issued[1]);
}

#[test]
fn nothing_of_the_secret_or_the_seed_is_printed() {
    let one = LocalIdentity {
        secret: secret(0xa7),
        ..member("one", 1)
    };
    let handshake = Handshake::new(Arc::new(one), None, Lane::Data, [0xb9; 32], start());
    let text = format!("{handshake:?}");
    assert!(text.contains("Secret(..)"));
    assert!(
        !text.contains("167, 167") && !text.contains("185, 185"),
        "{text}"
    );
}

#[test]
fn a_hello_of_the_wrong_shape_is_refused_as_malformed() {
    let local = member("one", 1);
    let now = start();
    let hello = End::new(&member("two", 2), 2, now).sent().remove(0);
    let sound = raftwire_protocol::messages::HelloBody::decode(hello.1.clone()).expect("a hello");
    let bodies = [
        Bytes::from_static(&[0xff; 9]),
        Bytes::new(),
        Bytes::from(vec![0; raftwire_protocol::limits::HELLO_BODY_BYTES_MAX + 1]),
        with(&sound, |body| body.session = Bytes::from_static(&[1; 15])),
        with(&sound, |body| body.session = Bytes::from_static(&[1; 16])),
        with(&sound, |body| body.nonce = Bytes::from_static(&[1; 33])),
        with(&sound, |body| body.nonce = Bytes::new()),
        with(&sound, |body| body.node = "no/de".to_owned()),
        with(&sound, |body| body.cluster = "c".repeat(65)),
        with(&sound, |body| body.role = 77),
        with(&sound, |body| {
            (body.protocol_min, body.protocol_max) = (2, 1)
        }),
    ];
    for body in bodies {
        let mut end = End::new(&local, 1, now);
        end.receive(&(hello.0, body), now);
        assert_eq!(end.failure(), Some(RefusalCode::Malformed));
        let sent = end.sent();
        assert_eq!(kinds(&sent), [PacketKind::Hello, PacketKind::Refusal]);
        // Who sent it learns that, even if its nonce was not understood.
        let mut sender = End::new(&member("two", 2), 2, now);
        sender.receive(&sent[1], now);
        assert_eq!(sender.failure(), Some(RefusalCode::Malformed));
    }
}

fn with(
    sound: &raftwire_protocol::messages::HelloBody,
    change: impl FnOnce(&mut raftwire_protocol::messages::HelloBody),
) -> Bytes {
    let mut body = sound.clone();
    change(&mut body);
    body.encode_to_vec().into()
}
