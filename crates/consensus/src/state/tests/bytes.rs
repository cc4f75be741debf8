//! The canonical encoding, and the hash over it.

use super::*;

#[test]
fn a_state_is_its_bytes_and_its_hash_follows_every_index() {
    let mut state = founded();
    let first = join(&mut state, join_of(1, 11, 111, None)).expect("joined");
    join(&mut state, join_of(2, 12, 112, None)).expect("joined");
    end(&mut state, death(1, first.incarnation, 3));
    join(&mut state, join_of(1, 11, 111, Some(first.incarnation))).expect("joined");

    let copy = decode_state(encode_state(&state).into()).expect("its own bytes");
    assert_eq!(copy, state);
    assert_eq!(copy.hash(), state.hash());

    let before = state.hash();
    state
        .apply(3, state.applied_index + 1, None)
        .expect("known");
    assert_ne!(state.hash(), before);
}

#[test]
fn the_bytes_of_a_state_are_those_of_the_first_version() {
    let mut state = founded();
    join(&mut state, join_of(1, 11, 111, None)).expect("joined");

    assert_eq!(
        digest(&state),
        "683da54bb97aaeb7019783d67262d19d169b11241f4780c3bc0439f5514449e3"
    );
}
