//! How operations on names make a batch. Pure.

use std::collections::{BTreeSet, VecDeque};

use raftwire_protocol::Name;
use tokio::sync::oneshot;

use super::register::RegisterError;
use crate::command::NameOperation;
use crate::wire::ENTRY_BYTES_MAX;

/// How many operations are one entry at most. The answer fits into one control packet even if
/// each of them names another node at its longest.
pub(crate) const OPERATIONS_MAX: usize = 768;

/// How many bytes the operations of one entry take at most: what an entry holds beside the fields
/// around them.
const OPERATIONS_BYTES_MAX: usize = ENTRY_BYTES_MAX - 1024;

/// Bytes of an operation beside its name: its tags and lengths, a kind, and either a connection or
/// an epoch.
const OPERATION_BYTES: usize = 36;

const _: () = assert!(OPERATIONS_MAX * (64 + 2 + 2) + 1024 <= crate::CALL_BYTES_MAX);

/// An operation that waits for its batch.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) operation: NameOperation,
    /// Who waits for the epoch; nobody for the end of a name.
    pub(crate) answer: Option<oneshot::Sender<Result<u64, RegisterError>>>,
}

impl Queued {
    /// Whether whoever asked for it has given up.
    fn is_abandoned(&self) -> bool {
        self.answer.as_ref().is_some_and(oneshot::Sender::is_closed)
    }
}

/// Takes the next batch out of what waits. Of two operations on one name the later stays for a
/// later batch, so each name keeps its order; what nobody waits for any more is not done.
pub(crate) fn take_batch(waiting: &mut VecDeque<Queued>) -> Vec<Queued> {
    let mut batch = Vec::new();
    let mut names: BTreeSet<Name> = BTreeSet::new();
    let mut bytes = 0;
    let mut later = VecDeque::new();
    while let Some(queued) = waiting.pop_front() {
        if queued.is_abandoned() {
            continue;
        }
        let name = queued.operation.name();
        let size = name.as_str().len() + OPERATION_BYTES;
        if batch.len() == OPERATIONS_MAX || bytes + size > OPERATIONS_BYTES_MAX {
            waiting.push_front(queued);
            break;
        }
        if !names.insert(name.clone()) {
            later.push_back(queued);
            continue;
        }
        bytes += size;
        batch.push(queued);
    }
    later.append(waiting);
    *waiting = later;
    batch
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use raftwire_protocol::{Incarnation, MintedId, NodeId};

    use super::*;
    use crate::command::{Command, NamePolicy, NamesBatch};
    use crate::wire::encode_command;

    fn register(name: &str, connection: u8) -> Queued {
        Queued {
            operation: NameOperation::Register {
                name: name.parse().expect("valid"),
                connection: MintedId::from_bytes([connection; 16]),
                policy: NamePolicy::TakeOver,
            },
            answer: None,
        }
    }

    fn command(batch: &[Queued]) -> Bytes {
        let node: NodeId = "n".repeat(64).parse().expect("valid");
        encode_command(&Command::Names(NamesBatch {
            node,
            incarnation: Incarnation::new(u64::MAX),
            number: u64::MAX,
            acknowledged_lost: u64::MAX,
            operations: batch.iter().map(|it| it.operation.clone()).collect(),
        }))
    }

    #[test]
    fn the_largest_batches_fit_into_an_entry() {
        for length in [4, 17, 100, 127, 128, 256] {
            let mut waiting: VecDeque<Queued> = (0..2_000)
                .map(|at| register(&format!("{at:04}{}", "x".repeat(length - 4)), 0xff))
                .collect();
            while !waiting.is_empty() {
                let batch = take_batch(&mut waiting);
                assert!(!batch.is_empty() && batch.len() <= OPERATIONS_MAX);
                let bytes = command(&batch).len();
                assert!(bytes + 64 <= ENTRY_BYTES_MAX, "{bytes} bytes");
            }
        }
    }

    #[test]
    fn what_nobody_waits_for_is_not_done() {
        let (answer, gone) = oneshot::channel();
        drop(gone);
        let mut abandoned = register("a", 1);
        abandoned.answer = Some(answer);
        let mut waiting = VecDeque::from([abandoned, register("b", 1)]);

        let batch = take_batch(&mut waiting);

        assert_eq!(batch.len(), 1);
        assert_eq!(batch[0].operation.name().as_str(), "b");
    }

    proptest! {
        #[test]
        fn each_name_is_once_in_a_batch_and_keeps_its_order(
            list in prop::collection::vec(0_u8..5, 0..40),
        ) {
            let mut waiting: VecDeque<Queued> = (0_u8..)
                .zip(&list)
                .map(|(at, name)| register(&format!("n{name}"), at))
                .collect();
            let mut done = Vec::new();
            while !waiting.is_empty() {
                let batch = take_batch(&mut waiting);
                let names: BTreeSet<_> = batch.iter().map(|it| it.operation.name()).collect();
                prop_assert_eq!(names.len(), batch.len());
                done.extend(batch.into_iter().map(|it| it.operation));
            }
            prop_assert_eq!(done.len(), list.len());
            for name in 0..5 {
                let of_name: Vec<&NameOperation> = done
                    .iter()
                    .filter(|it| it.name().as_str() == format!("n{name}"))
                    .collect();
                let connections: Vec<u8> = of_name
                    .iter()
                    .filter_map(|it| match it {
                        NameOperation::Register { connection, .. } => Some(connection.to_bytes()[0]),
                        NameOperation::Unregister { .. } => None,
                    })
                    .collect();
                prop_assert!(connections.is_sorted());
            }
        }
    }
}
