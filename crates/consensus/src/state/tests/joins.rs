//! Whom the state admits, and as what.

use super::*;

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
fn an_address_above_the_limit_is_refused() {
    let mut state = founded();
    let mut long = join_of(1, 11, 111, None);
    long.address = Some("x".repeat(ADDRESS_BYTES_MAX + 1));

    assert_eq!(join(&mut state, long), Err(JoinRefusal::AddressTooLong));
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
