//! The rules, one by one.

use super::cluster::{Cluster, connection, if_free, node, take_over, unregister};
use crate::command::{BatchRefusal, Command, NameResult, Outcome};
use crate::state::names::NameRow;
use crate::state::tests::digest;
use crate::state::{decode_state, encode_state};

#[test]
fn the_epoch_of_a_name_is_the_index_of_its_registration() {
    let mut cluster = Cluster::of(1, 10);

    let answer = cluster.answer(1, vec![if_free("alice", 1), if_free("bob", 2)]);

    assert_eq!(
        answer.results,
        [NameResult::Registered, NameResult::Registered]
    );
    assert_eq!(answer.index, cluster.state.applied_index);
    let row = NameRow {
        connection: connection(1),
        epoch: answer.index,
        incarnation: cluster.incarnation(1),
    };
    assert_eq!(cluster.name("alice"), Some(row));
    assert_eq!(cluster.state.names(), 2);
}

#[test]
fn a_taken_name_is_refused_or_taken_over_and_then_its_holder_has_lost_it() {
    let mut cluster = Cluster::of(2, 10);
    let first = cluster.answer(1, vec![if_free("alice", 1)]).index;

    let refused = cluster.one(2, if_free("alice", 2));
    assert_eq!(refused, NameResult::Taken(node(1)));
    assert!(cluster.lost(1, 0).is_empty());

    let second = cluster.answer(2, vec![take_over("alice", 2)]).index;
    assert_eq!(
        cluster.name("alice").map(|row| (row.connection, row.epoch)),
        Some((connection(2), second))
    );
    let lost = (second, "alice".to_owned(), connection(1), first);
    assert_eq!(cluster.lost(1, 0), [lost]);
    assert!(cluster.lost(1, second).is_empty());
    assert_eq!(cluster.state.names(), 1);
}

#[test]
fn a_connection_that_registers_its_name_again_loses_nothing_and_gets_a_new_epoch() {
    let mut cluster = Cluster::of(1, 1);
    let first = cluster.answer(1, vec![if_free("alice", 1)]).index;

    let second = cluster.answer(1, vec![if_free("alice", 1)]);

    assert_eq!(second.results, [NameResult::Registered]);
    assert!(second.index > first && cluster.lost(1, 0).is_empty());
    assert_eq!(
        cluster.one(1, unregister("alice", first)),
        NameResult::NotHeld
    );
    assert_eq!(
        cluster.name("alice").map(|row| row.epoch),
        Some(second.index)
    );
}

#[test]
fn a_batch_that_comes_again_is_answered_and_not_applied() {
    let mut cluster = Cluster::of(2, 10);
    let batch = cluster.batch(1, vec![if_free("alice", 1)]);
    let first = cluster.apply(Command::Names(batch.clone()));
    cluster.answer(2, vec![take_over("alice", 2)]);
    let before = cluster.state.clone();

    let again = cluster.apply(Command::Names(batch.clone()));

    assert_eq!(again, first);
    assert_eq!(cluster.state.names, before.names);

    cluster.answer(1, vec![if_free("bob", 3)]);
    assert_eq!(
        cluster.apply(Command::Names(batch)),
        Outcome::NamesRefused(BatchRefusal::Number { last: 2 })
    );
}

#[test]
fn a_batch_out_of_turn_or_of_the_dead_or_of_another_is_refused_whole() {
    let mut cluster = Cluster::of(2, 10);
    let mut early = cluster.batch(1, vec![if_free("alice", 1)]);
    early.number = 2;
    let mut of_another = cluster.batch(2, vec![if_free("alice", 1)]);
    of_another.node = node(1);
    let of_the_dead = cluster.batch(2, vec![if_free("alice", 1)]);
    cluster.die(2);
    let names = cluster.state.names.clone();

    let refused = [early, of_another, of_the_dead].map(|it| cluster.apply(Command::Names(it)));

    assert_eq!(
        refused,
        [
            Outcome::NamesRefused(BatchRefusal::Number { last: 0 }),
            Outcome::NamesRefused(BatchRefusal::NotMember),
            Outcome::NamesRefused(BatchRefusal::NotMember),
        ]
    );
    assert_eq!(cluster.state.names, names);
}

#[test]
fn a_name_counts_once_in_a_batch() {
    let mut cluster = Cluster::of(1, 10);

    let answer = cluster.answer(1, vec![take_over("alice", 1), take_over("alice", 2)]);

    assert_eq!(
        answer.results,
        [NameResult::Registered, NameResult::Repeated]
    );
    assert_eq!(
        cluster.name("alice").map(|row| row.connection),
        Some(connection(1))
    );
}

#[test]
fn there_are_no_more_names_than_may_be_and_the_dead_do_not_count() {
    let mut cluster = Cluster::of(2, 2);
    cluster.answer(1, vec![if_free("a", 1), if_free("b", 1)]);

    assert_eq!(cluster.one(2, if_free("c", 2)), NameResult::Full);
    assert_eq!(cluster.one(2, take_over("a", 2)), NameResult::Registered);

    cluster.die(1);
    assert_eq!(cluster.state.names(), 1);
    assert_eq!(cluster.one(2, if_free("c", 2)), NameResult::Registered);
    assert_eq!(cluster.one(2, if_free("b", 2)), NameResult::Full);
}

#[test]
fn losses_that_nobody_acknowledges_end_take_overs_not_memory() {
    let mut cluster = Cluster::of(2, 2);
    for _ in 0..2 {
        cluster.answer(1, vec![if_free("a", 1)]);
        let epoch = cluster.answer(2, vec![take_over("a", 2)]).index;
        cluster.answer(2, vec![unregister("a", epoch)]);
    }
    cluster.answer(1, vec![if_free("a", 1)]);
    assert_eq!(cluster.one(2, take_over("a", 2)), NameResult::Full);

    let mut acknowledging = cluster.batch(1, Vec::new());
    acknowledging.acknowledged_lost = cluster.lost(1, 0)[0].0;
    cluster.apply(Command::Names(acknowledging));

    assert_eq!(cluster.lost(1, 0).len(), 1);
    assert_eq!(cluster.one(2, take_over("a", 2)), NameResult::Registered);
}

#[test]
fn the_rows_of_the_dead_mean_nothing_at_once_and_are_swept_in_parts() {
    let mut cluster = Cluster::of(2, 100);
    let operations = (0..5).map(|at| if_free(&format!("x{at}"), 1)).collect();
    cluster.answer(1, operations);
    let first = cluster.incarnation(1);
    let sweep = |rows_max| Command::SweepNames {
        incarnation: first,
        rows_max,
    };
    assert_eq!(cluster.apply(sweep(9)), Outcome::Unchanged, "it lives");

    cluster.join(1);

    assert_eq!(cluster.name("x0"), None);
    assert_eq!(
        (cluster.state.names(), cluster.state.names.rows.len()),
        (0, 5)
    );
    assert_eq!(cluster.one(2, if_free("x4", 2)), NameResult::Registered);
    assert_eq!(cluster.state.names_to_sweep(), Some(first));
    assert_eq!(cluster.apply(sweep(3)), Outcome::Changed);
    assert_eq!(cluster.state.names.rows.len(), 2);
    assert_eq!(cluster.apply(sweep(3)), Outcome::Changed);
    assert_eq!(cluster.apply(sweep(3)), Outcome::Unchanged);
    assert_eq!(cluster.state.names_to_sweep(), None);
    assert_eq!(cluster.state.names.rows.len(), 1);
    assert!(cluster.name("x4").is_some());
}

#[test]
fn the_bytes_of_names_are_those_of_the_first_version() {
    let mut cluster = Cluster::of(2, 5);
    let answer = cluster.answer(1, vec![if_free("alice", 1), if_free("bob", 2)]);
    cluster.answer(2, vec![take_over("alice", 3), if_free("bob", 4)]);
    cluster.answer(2, vec![unregister("bob", answer.index)]);

    assert_eq!(
        digest(&cluster.state),
        "d3f7db4120c5706eac7d6ff0ae270a4ae126a3f0e118567c5dbdf5e085166c77"
    );
}

#[test]
fn the_dead_leave_no_more_rows_than_there_may_be_names() {
    let mut cluster = Cluster::of(2, 3);
    for life in 0..4 {
        let operations = (0..3).map(|at| if_free(&format!("x{life}{at}"), 1));
        let answer = cluster.answer(1, operations.collect());
        assert_eq!(answer.results, vec![NameResult::Registered; 3]);
        assert!(cluster.state.names.rows.len() <= 6);
        cluster.join(1);
    }

    assert_eq!(
        (cluster.state.names(), cluster.state.names.rows.len()),
        (0, 6)
    );
    let copy = decode_state(encode_state(&cluster.state).into());
    assert_eq!(copy, Ok(cluster.state));
}
