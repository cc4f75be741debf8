use raftwire_protocol::link_packet::LINK_INITIAL_WINDOW_BYTES;

use super::*;

const WHOLE: SegmentPart = SegmentPart::Whole {
    order: 0,
    deadline_ms: None,
};

fn receiver() -> Receiver {
    Receiver::new(&LinkConfig {
        receive_window_bytes: LINK_INITIAL_WINDOW_BYTES,
        ..LinkConfig::default()
    })
}

fn accept(receiver: &mut Receiver, sequence: u64, bytes: usize, part: SegmentPart) -> Acceptance {
    let header = SegmentHeader {
        sequence,
        length: bytes as u32,
        acknowledge: true,
        part,
    };
    let body = Bytes::from(vec![0; header.body_bytes()]);
    receiver.accept(header, body, bytes, Instant::now())
}

fn delivered(receiver: &mut Receiver) -> Vec<u64> {
    std::iter::from_fn(|| receiver.poll_delivered(Instant::now()))
        .map(|incoming| incoming.sequence)
        .collect()
}

fn ranges(receiver: &Receiver) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    receiver.put_ranges(&mut ranges);
    ranges
        .iter()
        .map(|range| (range.first, range.last))
        .collect()
}

#[test]
fn what_waited_is_taken_in_with_what_it_waited_for() {
    let mut receiver = receiver();
    let first = SegmentPart::First {
        order: 0,
        deadline_ms: None,
        total: 20,
    };
    let last = SegmentPart::Last { stream: 1 };
    assert_eq!(accept(&mut receiver, 3, 10, WHOLE), Acceptance::Early);
    assert_eq!(accept(&mut receiver, 2, 10, last), Acceptance::Early);
    assert_eq!(accept(&mut receiver, 2, 10, last), Acceptance::Duplicate);
    assert_eq!(delivered(&mut receiver), []);
    assert_eq!(accept(&mut receiver, 1, 10, first), Acceptance::InOrder);
    assert_eq!(accept(&mut receiver, 1, 10, first), Acceptance::Duplicate);
    assert_eq!(delivered(&mut receiver), [2, 3]);
    assert_eq!(
        receiver.window_end() - receiver.window_bytes,
        3 * (10 + 128)
    );
}

#[test]
fn received_ranges_begin_with_what_has_no_result() {
    let mut receiver = receiver();
    for sequence in [1, 2, 3, 5, 6, 9] {
        accept(&mut receiver, sequence, 10, WHOLE);
    }
    assert_eq!(receiver.cumulative(), 0);
    assert_eq!(ranges(&receiver), [(1, 3), (5, 6), (9, 9)]);
    receiver.report(1, Ok(()), Instant::now());
    receiver.report(2, Ok(()), Instant::now());
    assert_eq!(receiver.cumulative(), 2);
    assert_eq!(ranges(&receiver), [(3, 3), (5, 6), (9, 9)]);
    receiver.hold(true, Instant::now());
    accept(&mut receiver, 4, 10, WHOLE);
    assert_eq!(ranges(&receiver), [(3, 6), (9, 9)]);

    for sequence in 0..100 {
        accept(&mut receiver, 11 + 2 * sequence, 10, WHOLE);
    }
    assert_eq!(ranges(&receiver).len(), LINK_RANGES_MAX);
    assert!(ranges(&receiver).len() <= receiver.ranges_max());
}

#[test]
fn a_result_makes_room_for_the_next_message() {
    let mut receiver = receiver();
    let large = 16 * 1024;
    let count = (LINK_INITIAL_WINDOW_BYTES / large) as u64;
    for sequence in 1..=count + 3 {
        assert_eq!(
            accept(&mut receiver, sequence, large, WHOLE),
            Acceptance::InOrder
        );
    }
    assert_eq!(delivered(&mut receiver).len() as u64, count);
    assert!(receiver.report(1, Ok(()), Instant::now()));
    assert_eq!(delivered(&mut receiver), [count + 1]);
}

#[test]
fn a_held_receiver_hands_out_nothing_that_it_had_taken_in_before() {
    let mut receiver = receiver();
    accept(&mut receiver, 1, 10, WHOLE);
    receiver.hold(true, Instant::now());
    accept(&mut receiver, 2, 10, WHOLE);
    assert_eq!(delivered(&mut receiver), []);
    receiver.hold(false, Instant::now());
    assert_eq!(delivered(&mut receiver), [1, 2]);
}

#[test]
fn segments_beyond_the_window_are_as_if_lost() {
    let mut receiver = receiver();
    receiver.hold(true, Instant::now());
    let large = 32 * 1024;
    for sequence in 1..=7 {
        assert_eq!(
            accept(&mut receiver, sequence, large, WHOLE),
            Acceptance::InOrder
        );
    }
    assert_eq!(
        accept(&mut receiver, 8, large, WHOLE),
        Acceptance::BeyondWindow
    );
    assert_eq!(ranges(&receiver), [(1, 7)]);
    receiver.hold(false, Instant::now());
    assert_eq!(accept(&mut receiver, 8, large, WHOLE), Acceptance::InOrder);
}
