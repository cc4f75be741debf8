use super::*;
use crate::fact::samples::{at, connection, process, sent};

/// Two messages to an open connection, and what `then` makes of them.
fn judge(then: impl FnOnce(&mut TrueOutcomes, &mut Violations)) -> Vec<String> {
    let mut invariant = TrueOutcomes::new(OutboxPolicy::Close);
    let mut violations = Violations::default();
    invariant.opened(&process(2), connection(2), true);
    invariant.sent(&sent(0));
    invariant.sent(&sent(1));
    then(&mut invariant, &mut violations);
    let nobody = |_: &Name| Vec::new();
    let removed = (|_: &ConnectionId, _| false, |_: &NodeId, _| false);
    invariant.at_end(
        at(9),
        &Incarnations::default(),
        removed,
        nobody,
        &mut violations,
    );
    violations
        .into_vec()
        .into_iter()
        .map(|violation| violation.what)
        .collect()
}

/// At this time the sender is told what became of the message with this number.
fn tell(
    invariant: &mut TrueOutcomes,
    violations: &mut Violations,
    time: u64,
    (number, outcome): (u64, RouteOutcome),
) {
    invariant.answered(at(time), &sent(number).id, &outcome, false, violations);
}

#[test]
fn delivered_and_received_is_true() {
    let found = judge(|it, violations| {
        tell(it, violations, 1, (0, RouteOutcome::Delivered));
        it.received(at(2), &sent(0).id, false, violations);
    });

    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn delivered_and_never_received_is_found() {
    let found = judge(|it, violations| {
        tell(it, violations, 1, (0, RouteOutcome::Delivered));
    });

    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn delivered_may_be_lost_with_the_socket_or_the_node() {
    let with_socket = judge(|it, violations| {
        tell(it, violations, 1, (0, RouteOutcome::Delivered));
        it.closed(at(2), &connection(2), Closing::HungUp);
    });
    let with_node = judge(|it, violations| {
        tell(it, violations, 1, (0, RouteOutcome::Delivered));
        it.ended(at(2), &process(2));
    });

    assert!(with_socket.is_empty() && with_node.is_empty());
}

#[test]
fn a_gap_in_what_was_delivered_is_found_whatever_ended() {
    let found = judge(|it, violations| {
        tell(it, violations, 1, (0, RouteOutcome::Delivered));
        it.received(at(2), &sent(1).id, false, violations);
        it.ended(at(3), &process(2));
    });

    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn delivered_to_a_connection_that_had_ended_is_found() {
    let late = |number| {
        let sent = Sent {
            at: at(5),
            ..sent(number).as_ref().clone()
        };
        Arc::new(sent)
    };
    let hung_up = judge(|it, violations| {
        it.closed(at(2), &connection(2), Closing::HungUp);
        it.sent(&late(2));
        tell(it, violations, 6, (2, RouteOutcome::Delivered));
    });
    let was_full = judge(|it, violations| {
        tell(it, violations, 2, (0, RouteOutcome::SlowConsumer));
        it.sent(&late(2));
        tell(it, violations, 6, (2, RouteOutcome::Delivered));
        it.closed(at(7), &connection(2), Closing::HungUp);
    });

    assert_eq!(
        (hung_up.len(), was_full.len()),
        (1, 1),
        "{hung_up:?} {was_full:?}"
    );
}

#[test]
fn did_not_and_received_is_found_in_either_order() {
    let outcome = RouteOutcome::Deadline { transmitted: false };
    let before = judge(|it, violations| {
        it.answered(at(1), &sent(0).id, &outcome, false, violations);
        it.received(at(2), &sent(0).id, false, violations);
    });
    let after = judge(|it, violations| {
        it.received(at(1), &sent(0).id, false, violations);
        it.answered(at(2), &sent(0).id, &outcome, false, violations);
    });

    assert_eq!((before.len(), after.len()), (1, 1));
}

#[test]
fn written_before_it_was_received_is_found() {
    let found = judge(|it, violations| {
        tell(it, violations, 1, (0, RouteOutcome::Written));
        it.received(at(2), &sent(0).id, false, violations);
    });

    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn not_found_is_a_lie_while_the_connection_is_open() {
    let found = judge(|it, violations| {
        tell(it, violations, 1, (0, RouteOutcome::NotFound));
        it.closed(at(2), &connection(2), Closing::HungUp);
        tell(it, violations, 3, (1, RouteOutcome::NotFound));
    });

    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_death_that_never_was_is_found() {
    let node = process(2).node;
    let found = judge(|it, violations| {
        let outcome = RouteOutcome::NodeLost { node, index: 7 };
        it.answered(at(1), &sent(0).id, &outcome, false, violations);
    });

    assert_eq!(found.len(), 1, "{found:?}");
}
