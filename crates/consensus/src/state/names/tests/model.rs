//! All of it, beside a table that says the same as plainly as possible.

use std::collections::BTreeMap;

use proptest::prelude::*;
use raftwire_protocol::MintedId;

use super::cluster::{Cluster, acknowledge, if_free, node, take_over, unregister};
use crate::command::{Command, NameOperation, NamePolicy, NameResult, Outcome};
use crate::state::names::NameRow;
use crate::state::{decode_state, encode_state};

/// What names mean, said as plainly as possible: by node, connection and epoch.
type Model = BTreeMap<String, (u64, MintedId, u64)>;

const MODEL_NAMES_MAX: u64 = 6;

fn expect(model: &mut Model, owner: u64, index: u64, operation: &NameOperation) -> NameResult {
    let text = operation.name().as_str().to_owned();
    let present = model.get(&text).copied();
    match operation {
        NameOperation::Register {
            connection, policy, ..
        } => {
            match present {
                None if model.len() as u64 >= MODEL_NAMES_MAX => return NameResult::Full,
                Some((holder, held, _))
                    if (holder, held) != (owner, *connection) && *policy == NamePolicy::IfFree =>
                {
                    return NameResult::Taken(node(holder));
                }
                _ => {}
            }
            model.insert(text, (owner, *connection, index));
            NameResult::Registered
        }
        NameOperation::Unregister { epoch, .. } => {
            if present.is_some_and(|(holder, _, held)| holder == owner && held == *epoch) {
                model.remove(&text);
                NameResult::Unregistered
            } else {
                NameResult::NotHeld
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Batch(u64, Vec<(u8, u8, u8)>, bool),
    Die(u64),
    Join(u64),
    Sweep(u32),
    Acknowledge(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let operations = prop::collection::vec((0_u8..12, 0_u8..3, 0_u8..4), 0..8);
    prop_oneof![
        8 => (1_u64..4, operations, any::<bool>()).prop_map(|(n, o, again)| Step::Batch(n, o, again)),
        1 => (1_u64..4).prop_map(Step::Die),
        1 => (1_u64..4).prop_map(Step::Join),
        2 => (0_u32..4).prop_map(Step::Sweep),
        1 => (1_u64..4, 0_u64..60).prop_map(|(n, upto)| Step::Acknowledge(n, upto)),
    ]
}

/// Carries the steps out on a cluster and on the model.
fn compare(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut cluster = Cluster::of(3, MODEL_NAMES_MAX);
    let mut model = Model::new();
    for step in steps {
        match step {
            Step::Batch(owner, wanted, again) => {
                if !cluster.state.members[&node(owner)].is_alive() {
                    continue;
                }
                // Unacknowledged losses refuse take-overs; a test of their own is about that.
                if cluster.state.names.losses + 8 > MODEL_NAMES_MAX {
                    for number in 1..=3 {
                        acknowledge(&mut cluster, number, u64::MAX);
                    }
                }
                let mut operations: Vec<NameOperation> = Vec::new();
                for (name, kind, number) in wanted {
                    let text = format!("x{name}");
                    let epoch = model.get(&text).map_or(0, |(_, _, epoch)| *epoch);
                    let operation = match kind {
                        0 => take_over(&text, number),
                        1 => if_free(&text, number),
                        _ => unregister(&text, epoch),
                    };
                    if operations.iter().all(|it| it.name() != operation.name()) {
                        operations.push(operation);
                    }
                }
                operations.truncate(5);
                let index = cluster.state.applied_index + 1;
                let batch = cluster.batch(owner, operations);
                let expected: Vec<NameResult> = batch
                    .operations
                    .iter()
                    .map(|operation| expect(&mut model, owner, index, operation))
                    .collect();
                let outcome = cluster.apply(Command::Names(batch.clone()));
                let Outcome::Names(answer) = &outcome else {
                    panic!("{outcome:?}");
                };
                prop_assert_eq!(&answer.results, &expected);
                if again {
                    prop_assert_eq!(cluster.apply(Command::Names(batch)), outcome);
                }
            }
            Step::Die(number) => {
                cluster.die(number);
                model.retain(|_, (holder, ..)| *holder != number);
            }
            Step::Join(number) => {
                cluster.join(number);
                model.retain(|_, (holder, ..)| *holder != number);
            }
            Step::Sweep(rows_max) => {
                if let Some(incarnation) = cluster.state.names_to_sweep() {
                    cluster.apply(Command::SweepNames {
                        incarnation,
                        rows_max,
                    });
                }
            }
            Step::Acknowledge(number, upto) => acknowledge(&mut cluster, number, upto),
        }
        prop_assert_eq!(cluster.state.names(), model.len() as u64);
        for name in 0..12 {
            let text = format!("x{name}");
            let expected = model.get(&text).map(|(holder, connection, epoch)| NameRow {
                connection: *connection,
                epoch: *epoch,
                incarnation: cluster.incarnation(*holder),
            });
            prop_assert_eq!(cluster.name(&text), expected);
        }
        let copy = decode_state(encode_state(&cluster.state).into());
        prop_assert_eq!(copy.as_ref(), Ok(&cluster.state));
        prop_assert_eq!(copy.map(|copy| copy.hash()), Ok(cluster.state.hash()));
    }
    Ok(())
}

proptest! {
    #[test]
    fn names_mean_what_a_plain_table_says(steps in prop::collection::vec(step(), 0..60)) {
        compare(steps)?;
    }
}

/// Twelve rows are there when the last name comes, and ten of them are of the dead.
#[test]
fn a_name_of_the_dead_is_free_however_many_rows_wait_for_their_sweep() {
    let batch = |owner, names: &[u8]| {
        let operations = names.iter().map(|name| (*name, 0, 0)).collect();
        Step::Batch(owner, operations, false)
    };
    let steps = vec![
        batch(2, &[2, 11, 0]),
        batch(2, &[0]),
        batch(2, &[10]),
        Step::Die(2),
        batch(1, &[6, 8]),
        batch(1, &[7, 5, 9]),
        batch(1, &[3]),
        Step::Join(1),
        Step::Join(2),
        batch(1, &[4, 1, 2]),
    ];

    compare(steps).expect("as the model says");
}
