//! How members end, and what becomes of their rows and slots.

use super::*;

#[test]
fn a_death_counts_in_the_term_that_decided_it_and_for_its_incarnation() {
    let mut state = founded();
    let first = join(&mut state, join_of(1, 11, 111, None)).expect("joined");

    assert_eq!(
        end(&mut state, death(1, first.incarnation, 2)),
        Outcome::Unchanged
    );
    assert_eq!(
        end(&mut state, death(1, Incarnation::new(99), 3)),
        Outcome::Unchanged
    );
    assert_eq!(
        end(&mut state, death(2, first.incarnation, 3)),
        Outcome::Unchanged
    );
    assert!(state.is_alive(&node(1), first.incarnation));

    assert_eq!(
        end(&mut state, death(1, first.incarnation, 3)),
        Outcome::Changed
    );
    assert_eq!(
        end(&mut state, death(1, first.incarnation, 3)),
        Outcome::Unchanged
    );
}

#[test]
fn a_session_that_has_left_does_not_come_back() {
    let mut state = founded();
    let first = join(&mut state, join_of(1, 11, 111, None)).expect("joined");
    let leave = Command::Leave {
        node: node(1),
        incarnation: first.incarnation,
    };
    assert_eq!(end(&mut state, leave), Outcome::Changed);

    let again = join(&mut state, join_of(1, 11, 111, Some(first.incarnation)));

    assert_eq!(again, Err(JoinRefusal::Left));
    assert!(join(&mut state, join_of(1, 11, 222, Some(first.incarnation))).is_ok());
}

#[test]
fn only_the_dead_are_removed_and_only_the_incarnation_that_was_meant() {
    let mut state = founded();
    let first = join(&mut state, join_of(1, 1, 1, None)).expect("joins");
    assert_eq!(
        remove(&mut state, 1, first.incarnation),
        Outcome::NotRemoved
    );

    end(&mut state, death(1, first.incarnation, 3));
    let second = join(&mut state, join_of(1, 1, 2, Some(first.incarnation))).expect("joins");
    end(&mut state, death(1, second.incarnation, 3));
    assert_eq!(
        remove(&mut state, 1, first.incarnation),
        Outcome::NotRemoved
    );

    assert_eq!(remove(&mut state, 1, second.incarnation), Outcome::Changed);
    assert!(!state.members.contains_key(&node(1)));
    assert_eq!(
        remove(&mut state, 1, second.incarnation),
        Outcome::Unchanged
    );
}

#[test]
fn a_removed_node_comes_back_as_a_new_one() {
    let mut state = founded();
    let before = join(&mut state, join_of(1, 1, 1, None)).expect("joins");
    end(&mut state, death(1, before.incarnation, 3));
    remove(&mut state, 1, before.incarnation);

    let current = None;
    assert_eq!(
        join(&mut state, join_of(1, 1, 2, Some(before.incarnation))),
        Err(JoinRefusal::Stale { current })
    );
    let after = join(&mut state, join_of(1, 1, 2, None)).expect("joins");

    assert!(after.incarnation > before.incarnation);
    assert_ne!(after.slot, before.slot);
    assert_eq!(state.members[&node(1)].predecessor, None);
}

#[test]
fn when_all_slots_are_taken_the_longest_dead_gives_its_own() {
    let mut state = founded();
    let first = join(&mut state, join_of(1, 11, 111, None)).expect("joined");
    let second = join(&mut state, join_of(2, 12, 112, None)).expect("joined");
    state.slots_issued = SLOTS_MAX;
    assert_eq!(
        join(&mut state, join_of(3, 13, 113, None)),
        Err(JoinRefusal::NoSlot)
    );

    end(&mut state, death(2, second.incarnation, 3));
    end(&mut state, death(1, first.incarnation, 3));
    let third = join(&mut state, join_of(3, 13, 113, None)).expect("joined");

    assert_eq!(third.slot, second.slot);
    assert!(third.boot > second.boot);
    assert!(!state.members.contains_key(&node(2)));
}

#[test]
fn the_slot_of_a_removed_node_is_given_away_last_and_under_a_higher_boot() {
    let mut state = founded();
    let before = join(&mut state, join_of(1, 1, 1, None)).expect("joins");
    end(&mut state, death(1, before.incarnation, 3));
    remove(&mut state, 1, before.incarnation);
    state.slots_issued = SLOTS_MAX;
    let state_bytes = encode_state(&state);
    let mut state = decode_state(state_bytes.into()).expect("its own bytes");

    let other = join(&mut state, join_of(2, 2, 2, None)).expect("joins");

    assert_eq!(other.slot, before.slot);
    assert!(other.boot > before.boot);
}
