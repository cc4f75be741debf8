//! What is told of two states, whatever lay between.

use super::*;

#[test]
fn skipped_states_tell_of_the_end_that_is_known() {
    let mut state = founded();
    let first = join(&mut state, join_of(1, 11, 111, None)).expect("joined");
    let told = state.clone();
    end(&mut state, death(1, first.incarnation, 3));
    let ended = state.applied_index;
    join(&mut state, join_of(1, 11, 111, Some(first.incarnation))).expect("joined");

    let events = changes(&told, &state);

    assert!(
        matches!(
            &events[..],
            [
                ClusterEvent::NodeDown { reason: DownReason::LeaseEnded, index, .. },
                ClusterEvent::NodeUp { .. }
            ] if *index == ended
        ),
        "{events:?}"
    );
}

#[test]
fn a_death_that_was_skipped_with_the_removal_after_it_is_told_of_as_a_removal() {
    let mut state = founded();
    let first = join(&mut state, join_of(1, 1, 1, None)).expect("joins");
    let told = state.clone();
    end(&mut state, death(1, first.incarnation, 3));
    remove(&mut state, 1, first.incarnation);
    let removed = state.applied_index;
    let down = ClusterEvent::NodeDown {
        node: node(1),
        incarnation: first.incarnation,
        index: removed,
        reason: DownReason::Removed,
    };

    join(&mut state, join_of(2, 2, 2, None)).expect("joins");
    assert_eq!(changes(&told, &state)[0], down);

    join(&mut state, join_of(1, 1, 3, None)).expect("joins");
    assert_eq!(changes(&told, &state)[0], down);
}
