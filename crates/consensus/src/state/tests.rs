use std::time::Duration;

use raftwire_protocol::{Incarnation, NodeId, RaftId, Session};

use super::apply::{ADDRESS_BYTES_MAX, SLOTS_MAX};
use super::*;
use crate::command::{Command, Found, Join, Outcome};

fn node(number: u64) -> NodeId {
    format!("n{number}").parse().expect("valid")
}

fn founded() -> ClusterState {
    let mut state = ClusterState::default();
    let found = Found {
        cluster_id: 77,
        lease_ms: 5_000,
        founding: vec![node(1), node(2)],
        ephemeral: false,
        names_max: crate::state::NAMES_MAX_DEFAULT,
    };
    let outcome = state.apply(1, 1, Some(&Command::Found(found)));
    assert_eq!(outcome, Ok(Outcome::Changed));
    state
}

fn join_of(number: u64, raft_id: u64, session: u128, expected: Option<Incarnation>) -> Join {
    Join {
        node: node(number),
        raft_id: RaftId::new(raft_id),
        session: Session::new(session),
        expected,
        address: Some("host:1".to_owned()),
        ephemeral: false,
        edge: false,
        versions: WireVersions::CURRENT,
        cluster: None,
    }
}

fn join(state: &mut ClusterState, join: Join) -> Result<Membership, JoinRefusal> {
    let index = state.applied_index + 1;
    match state
        .apply(1, index, Some(&Command::Join(join)))
        .expect("known")
    {
        Outcome::Joined(membership) => Ok(membership),
        Outcome::JoinRefused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

fn end(state: &mut ClusterState, command: Command) -> Outcome {
    let index = state.applied_index + 1;
    state.apply(3, index, Some(&command)).expect("known")
}

fn death(number: u64, incarnation: Incarnation, term: u64) -> Command {
    Command::DeclareDead {
        node: node(number),
        incarnation,
        term,
    }
}

#[test]
fn nobody_joins_before_the_founding() {
    let mut state = ClusterState::default();

    assert_eq!(
        join(&mut state, join_of(1, 1, 1, None)),
        Err(JoinRefusal::NotFounded)
    );
}

#[test]
fn the_first_founding_counts() {
    let mut state = founded();
    let other = Found {
        cluster_id: 1,
        lease_ms: 1,
        founding: Vec::new(),
        ephemeral: true,
        names_max: crate::state::NAMES_MAX_DEFAULT,
    };

    let outcome = state.apply(2, 2, Some(&Command::Found(other)));

    assert_eq!(outcome, Ok(Outcome::Unchanged));
    assert_eq!(
        (state.cluster_id, state.lease),
        (Some(77), Duration::from_secs(5))
    );
}

#[test]
fn a_join_that_is_repeated_is_answered_as_the_first() {
    let mut state = founded();

    let first = join(&mut state, join_of(1, 11, 111, None));
    let again = join(&mut state, join_of(1, 11, 111, None));

    assert!(first.is_ok());
    assert_eq!(first, again);
    assert_eq!(state.last_incarnation, 1);
}

#[test]
fn a_new_session_of_the_same_data_supersedes_with_a_higher_boot() {
    let mut state = founded();
    let first = join(&mut state, join_of(1, 11, 111, None)).expect("joined");
    let before = state.clone();

    let second = join(&mut state, join_of(1, 11, 222, Some(first.incarnation))).expect("joined");

    assert_eq!(second.slot, first.slot);
    assert!(second.incarnation > first.incarnation && second.boot > first.boot);
    let events = changes(&before, &state);
    assert!(
        matches!(
            &events[..],
            [
                ClusterEvent::NodeDown {
                    reason: DownReason::Superseded,
                    index: 3,
                    ..
                },
                ClusterEvent::NodeUp { index: 3, .. }
            ]
        ),
        "{events:?}"
    );
}

#[test]
fn a_delayed_join_of_an_ended_session_is_stale() {
    let mut state = founded();
    let first = join(&mut state, join_of(1, 11, 111, None)).expect("joined");
    let second = join(&mut state, join_of(1, 11, 222, Some(first.incarnation))).expect("joined");

    let delayed = join(&mut state, join_of(1, 11, 111, None));

    assert_eq!(
        delayed,
        Err(JoinRefusal::Stale {
            current: Some(second.incarnation)
        })
    );
    assert!(state.is_alive(&node(1), second.incarnation));
}

#[test]
fn other_data_waits_for_the_death_and_then_takes_the_slot() {
    let mut state = founded();
    let first = join(&mut state, join_of(1, 11, 111, None)).expect("joined");
    let other = join_of(1, 99, 999, Some(first.incarnation));

    let early = join(&mut state, other.clone());
    assert_eq!(
        early,
        Err(JoinRefusal::Duplicate {
            holder: RaftId::new(11)
        })
    );

    assert_eq!(
        end(&mut state, death(1, first.incarnation, 3)),
        Outcome::Changed
    );
    let second = join(&mut state, other).expect("joined");
    assert_eq!(second.slot, first.slot);
    assert!(second.boot > first.boot);
}

#[test]
fn a_session_that_was_declared_dead_comes_back_with_its_slot_and_boot() {
    let mut state = founded();
    let first = join(&mut state, join_of(1, 11, 111, None)).expect("joined");
    end(&mut state, death(1, first.incarnation, 3));

    let stale = join(&mut state, join_of(1, 11, 111, None));
    assert_eq!(
        stale,
        Err(JoinRefusal::Stale {
            current: Some(first.incarnation)
        })
    );

    let second = join(&mut state, join_of(1, 11, 111, Some(first.incarnation))).expect("joined");
    assert_eq!((second.slot, second.boot), (first.slot, first.boot));
    assert!(second.incarnation > first.incarnation);
}

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
fn an_address_above_the_limit_is_refused() {
    let mut state = founded();
    let mut long = join_of(1, 11, 111, None);
    long.address = Some("x".repeat(ADDRESS_BYTES_MAX + 1));

    assert_eq!(join(&mut state, long), Err(JoinRefusal::AddressTooLong));
}

#[test]
fn an_unknown_command_is_an_error_and_changes_nothing() {
    let mut state = founded();
    let before = state.clone();

    let result = state.apply(1, 2, Some(&Command::Unknown(vec![1].into())));

    assert_eq!(result, Err(UnknownCommand { index: 2 }));
    assert_eq!(state, before);
}

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

    let digest: String = state
        .hash()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();

    assert_eq!(
        digest,
        "683da54bb97aaeb7019783d67262d19d169b11241f4780c3bc0439f5514449e3"
    );
}

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

fn remove(state: &mut ClusterState, number: u64, incarnation: Incarnation) -> Outcome {
    let node = node(number);
    end(state, Command::Remove { node, incarnation })
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

/// A join of a node that speaks these versions.
fn speaking(number: u64, min: u32, max: u32) -> Join {
    Join {
        versions: WireVersions { min, max },
        ..join_of(number, number, number.into(), None)
    }
}

fn raise(state: &mut ClusterState, version: u32) -> Outcome {
    end(state, Command::RaiseWireVersion { version })
}

#[test]
fn the_wire_version_is_raised_once_every_living_member_speaks_it() {
    let mut state = founded();
    join(&mut state, speaking(1, 1, 2)).expect("joins");
    let old = join(&mut state, speaking(2, 1, 1)).expect("joins");
    assert_eq!(state.next_wire_version(), None);
    assert_eq!(raise(&mut state, 2), Outcome::Unchanged);

    end(&mut state, death(2, old.incarnation, 3));
    assert_eq!(state.next_wire_version(), Some(2));
    assert_eq!(raise(&mut state, 3), Outcome::Unchanged);
    assert_eq!(raise(&mut state, 2), Outcome::Changed);

    assert_eq!(state.wire_version, 2);
    assert_eq!(state.next_wire_version(), None);
}

#[test]
fn a_node_that_does_not_speak_the_clusters_version_is_refused_with_the_reason() {
    let mut state = founded();
    join(&mut state, speaking(1, 1, 3)).expect("joins");
    assert_eq!(raise(&mut state, 3), Outcome::Changed);

    let refused = join(&mut state, speaking(2, 1, 2)).expect_err("too old");
    assert_eq!(
        refused,
        JoinRefusal::WireVersion {
            cluster: 3,
            spoken: WireVersions { min: 1, max: 2 }
        }
    );
    assert!(refused.to_string().contains("version 3"), "{refused}");
    let too_new = join(&mut state, speaking(3, 4, 5)).expect_err("too new");
    assert!(too_new.to_string().contains("4 to 5"), "{too_new}");
    join(&mut state, speaking(4, 2, 4)).expect("speaks it");
}

#[test]
fn data_of_another_cluster_is_refused() {
    let mut state = founded();
    let foreign = Join {
        cluster: Some(78),
        ..join_of(1, 1, 1, None)
    };
    assert_eq!(join(&mut state, foreign), Err(JoinRefusal::OtherCluster));

    let own = Join {
        cluster: Some(77),
        ..join_of(1, 1, 1, None)
    };
    join(&mut state, own).expect("joins");
}
