use super::*;

/// Lets two nodes that do not belong together meet, and gives what each was told.
fn meet(one: &LocalIdentity, two: &LocalIdentity) -> [RefusalReason; 2] {
    meet_expecting(one, None, two)
}

fn meet_expecting(
    one: &LocalIdentity,
    expected: Option<&str>,
    two: &LocalIdentity,
) -> [RefusalReason; 2] {
    let now = start();
    let mut end_one = End::on(Lane::Control, one, expected, 1, now);
    let mut end_two = End::new(two, 2, now);
    exchange(&mut end_one, &mut end_two, now);
    [end_one, end_two].map(|end| match &end.events[..] {
        [HandshakeEvent::Failed { reason, .. }] => reason.clone(),
        events => panic!("{events:?}"),
    })
}

#[test]
fn another_cluster_is_refused_by_name() {
    let one = member("one", 1);
    let two = LocalIdentity {
        cluster: "other".to_owned(),
        ..member("two", 2)
    };
    let [reason, other] = meet(&one, &two);
    let (ours, theirs) = ("test".to_owned(), "other".to_owned());
    assert_eq!(reason, RefusalReason::ClusterName { ours, theirs });
    assert_eq!(other.code(), RefusalCode::ClusterName);
}

#[test]
fn versions_that_do_not_meet_are_refused_with_both() {
    let one = member("one", 1);
    let two = LocalIdentity {
        versions: VersionRange { min: 2, max: 3 },
        ..member("two", 2)
    };
    let [reason, other] = meet(&one, &two);
    assert_eq!(
        reason,
        RefusalReason::Version {
            ours: one.versions,
            theirs: two.versions
        }
    );
    assert_eq!(other.code(), RefusalCode::Version);
    let text = reason.to_string();
    assert!(text.contains("version 2 to 3, this node 1:"), "{text}");
}

#[test]
fn another_secret_is_refused() {
    let two = LocalIdentity {
        secret: secret(2),
        ..member("two", 2)
    };
    let [reason, other] = meet(&member("one", 1), &two);
    assert_eq!(reason, RefusalReason::Secret(SecretMismatch::WrongProof));
    assert_eq!(other.code(), RefusalCode::Secret);
}

#[test]
fn a_secret_on_one_side_only_is_refused_and_said() {
    let two = LocalIdentity {
        secret: None,
        ..member("two", 2)
    };
    let [reason, other] = meet(&member("one", 1), &two);
    assert_eq!(reason, RefusalReason::Secret(SecretMismatch::TheirsMissing));
    assert_eq!(other, RefusalReason::Secret(SecretMismatch::OursMissing));
}

#[test]
fn a_node_recognises_itself() {
    let reasons = meet(&member("one", 1), &member("one", 1));
    assert_eq!(
        reasons,
        [RefusalReason::OwnSession, RefusalReason::OwnSession]
    );
}

#[test]
fn another_process_with_ones_own_node_id_is_refused() {
    let reasons = meet(&member("one", 1), &member("one", 2));
    let expected = RefusalReason::DuplicateNodeId {
        node: node("one"),
        since: None,
    };
    assert_eq!(reasons, [expected.clone(), expected]);
}

#[test]
fn another_node_than_the_expected_is_refused_on_both_sides() {
    let [reason, other] = meet_expecting(&member("one", 1), Some("three"), &member("two", 2));
    let (expected, claimed) = (node("three"), node("two"));
    assert_eq!(reason, RefusalReason::NodeIdMismatch { expected, claimed });
    assert_eq!(other.code(), RefusalCode::NodeIdMismatch);
    assert!(
        other
            .to_string()
            .starts_with("the peer says: `two` is where `three` was expected")
    );
}

#[test]
fn what_only_the_caller_knows_ends_the_peer_even_if_it_is_done() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, mut end_two) = established_pair(&one, &two, now);
    let since = Some(Duration::from_secs(9));
    let reason = RefusalReason::DuplicateNodeId {
        node: node("two"),
        since,
    };
    end_one.refuse(reason.clone());
    exchange(&mut end_one, &mut end_two, now);
    assert_eq!(
        end_one.events,
        [HandshakeEvent::Failed {
            reason,
            by: Side::Us
        }]
    );
    let [
        HandshakeEvent::Failed {
            reason: RefusalReason::Told { code, text },
            by: Side::Peer,
        },
    ] = &end_two.events[..]
    else {
        panic!("{:?}", end_two.events)
    };
    assert_eq!(*code, RefusalCode::DuplicateNodeId);
    assert!(text.contains("`two` is taken since 9s"), "{text}");
}

#[test]
fn a_refusal_that_was_lost_is_given_again_to_a_peer_that_still_asks() {
    let one = member("one", 1);
    let two = LocalIdentity {
        secret: None,
        ..member("two", 2)
    };
    let now = start();
    let (mut end_one, mut end_two) = (End::new(&one, 1, now), End::new(&two, 2, now));
    end_one.receive(&end_two.sent().remove(0), now);
    drop(end_one.sent());
    let now = now + HELLO_RESEND_INTERVAL;
    end_two.tick(now);
    exchange(&mut end_one, &mut end_two, now);
    assert_eq!(end_one.failure(), Some(RefusalCode::Secret));
    assert_eq!(end_two.failure(), Some(RefusalCode::Secret));
}

#[test]
fn a_peer_that_could_not_finish_tells_the_one_that_could() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, mut end_two) = (End::new(&one, 1, now), End::new(&two, 2, now));
    end_two.receive(&end_one.sent().remove(0), now);
    end_two
        .sent()
        .iter()
        .for_each(|packet| end_one.receive(packet, now));
    let hello_of_one = End::new(&one, 1, now).sent().remove(0);
    end_two.receive(&hello_of_one, now);
    drop((end_one.sent(), end_two.sent()));
    let late = now + HANDSHAKE_TIMEOUT;
    end_two.tick(late);
    assert_eq!(end_two.failure(), Some(RefusalCode::Timeout));
    exchange(&mut end_one, &mut end_two, late);
    assert_eq!(end_one.failure(), Some(RefusalCode::Timeout));
}

#[test]
fn a_wrong_peer_on_an_established_channel_is_told_and_changes_nothing() {
    let (one, two) = (member("one", 1), member("two", 2));
    let now = start();
    let (mut end_one, _) = established_pair(&one, &two, now);
    let stranger = LocalIdentity {
        cluster: "other".to_owned(),
        session: Session::new(3),
        ..two.clone()
    };
    let mut end_stranger = End::new(&stranger, 3, now);
    exchange(&mut end_one, &mut end_stranger, now);
    assert_eq!(end_one.events, []);
    assert_eq!(end_stranger.failure(), Some(RefusalCode::ClusterName));
}

#[test]
fn a_failure_is_final_and_said_once() {
    let one = member("one", 1);
    let now = start();
    let mut end = End::new(&one, 1, now);
    end.tick(now + HANDSHAKE_TIMEOUT);
    end.refuse(RefusalReason::Superseded);
    let mut peer = End::new(&member("two", 2), 2, now);
    exchange(
        &mut end,
        &mut peer,
        now + HANDSHAKE_TIMEOUT + milliseconds(1),
    );
    let event = HandshakeEvent::Failed {
        reason: RefusalReason::Timeout,
        by: Side::Us,
    };
    assert_eq!(end.events, [event]);
    assert_eq!(end.handshake.poll_timeout(), None);
}
