use super::*;
use crate::protection::Protection;

/// A member with these secrets, by number.
fn with_secrets(name: &str, session: u128, secrets: &[u8]) -> LocalIdentity {
    LocalIdentity {
        secret: secrets.first().and_then(|byte| secret(*byte)),
        secret_previous: secrets.get(1).and_then(|byte| secret(*byte)),
        ..member(name, session)
    }
}

const PROTECTED: Medium = Medium {
    lane: Lane::Control,
    protection: Protection::Authenticated,
    exporter: None,
};

fn meet(one: &LocalIdentity, two: &LocalIdentity) -> [End; 2] {
    let now = start();
    let mut end_one = End::on(PROTECTED, one, None, 1, now);
    let mut end_two = End::on(PROTECTED, two, None, 2, now);
    exchange(&mut end_one, &mut end_two, now);
    [end_one, end_two]
}

#[test]
fn two_nodes_belong_together_if_they_share_one_of_their_secrets() {
    let lists: [&[u8]; 10] = [
        &[1],
        &[2],
        &[3],
        &[1, 2],
        &[2, 1],
        &[2, 3],
        &[3, 2],
        &[1, 3],
        &[3, 1],
        &[1, 1],
    ];
    for ours in lists {
        for theirs in lists {
            // The order of the sessions must make no difference.
            for (session_one, session_two) in [(1, 2), (2, 1)] {
                let one = with_secrets("one", session_one, ours);
                let two = with_secrets("two", session_two, theirs);
                let mut ends = meet(&one, &two);
                let what = format!("{ours:?} and {theirs:?}, session {session_one}");
                if ours.iter().any(|secret| theirs.contains(secret)) {
                    assert_eq!(ends[0].events, [established(&two)], "{what}");
                    assert_eq!(ends[1].events, [established(&one)], "{what}");
                    assert_keys_fit(&mut ends, &what);
                } else {
                    for end in &ends {
                        assert_eq!(end.failure(), Some(RefusalCode::Secret), "{what}");
                    }
                }
            }
        }
    }
}

fn assert_keys_fit(ends: &mut [End; 2], what: &str) {
    let [one, two] = ends;
    let one = one.handshake.take_packet_keys().expect(what);
    let mut two = two.handshake.take_packet_keys().expect(what);
    let header = PacketHeader {
        kind: PacketKind::Request,
        flags: 0,
        lane: Lane::Control,
        from: Session::new(1),
        to: Session::new(2),
        from_incarnation: raftwire_protocol::Incarnation::NONE,
        to_incarnation: raftwire_protocol::Incarnation::NONE,
    };
    let packet = one.sealer.seal(encode_packet(&header, b"body"));
    let opened = two.opener.open(packet);
    assert_eq!(opened, Ok((header, Bytes::from_static(b"body"))), "{what}");
}

#[test]
fn a_node_whose_previous_secret_is_the_peers_only_one_can_refuse_it_later() {
    let (one, two) = (
        with_secrets("one", 1, &[2, 1]),
        with_secrets("two", 2, &[1]),
    );
    let now = start();
    let (mut end_one, mut end_two) = established_pair(&one, &two, now);
    end_one.refuse(RefusalReason::Superseded);
    exchange(&mut end_one, &mut end_two, now);
    assert_eq!(end_two.failure(), Some(RefusalCode::Superseded));
}

#[test]
fn a_previous_secret_alone_is_none() {
    let one = LocalIdentity {
        secret: None,
        ..with_secrets("one", 1, &[2, 1])
    };
    let two = with_secrets("two", 2, &[1]);
    for end in meet(&one, &two) {
        assert_eq!(end.failure(), Some(RefusalCode::Secret));
    }
}

#[test]
fn a_peer_that_does_not_say_which_secrets_it_has_is_taken_to_have_the_newest() {
    use prost::Message;
    use raftwire_protocol::messages::HelloBody;
    let now = start();
    let two = with_secrets("two", 2, &[1, 2]);
    let hello = End::new(&two, 2, now).sent().remove(0);
    let mut body = HelloBody::decode(hello.1.clone()).expect("a hello");
    body.secret_tags.clear();
    let peer = hello::PeerHello::read(two.session, body.encode_to_vec().into()).expect("sound");
    for (session, secrets) in [(1, [1, 3]), (3, [1, 3])] {
        let one = with_secrets("one", session, &secrets);
        let shared = one.secret_shared_with(&peer).expect("it has one");
        assert_eq!(shared.as_bytes(), [1; 32]);
    }
}

#[test]
fn tags_differ_from_hello_to_hello() {
    let local = member("one", 1);
    let tags: Vec<_> = [[1; 32], [2; 32]]
        .iter()
        .flat_map(|nonce| local.secret_tags(nonce))
        .collect();
    let other = member("one", 2);
    let others: Vec<_> = other.secret_tags(&[1; 32]).collect();
    assert_eq!((tags.len(), others.len()), (2, 1));
    assert_ne!(tags[0], tags[1]);
    assert_ne!(tags[0], others[0]);
}
