//! Copies of owned facts are prefixes of their writer's history: whoever has got to the same change of the
//! same incarnation has the same rows; and none is kept of an incarnation that is known dead.
//!
//! ARCHITECTURE, "A message for many".

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire::{Incarnation, NodeId};

use raftwire_consensus::Role;

use super::Violations;
use crate::fact::Process;
use crate::view::View;

const NAME: &str = "copies of owned facts";

/// How long a copy may outlive the news of a death: the directory's task hears of it in its turn.
const DROPPED_WITHIN: Duration = Duration::from_millis(10);

/// A copy as a process shows it.
#[derive(Clone, Copy, Debug)]
struct Copied<'a> {
    process: &'a Process,
    node: &'a NodeId,
    incarnation: Incarnation,
    sequence: u64,
    /// Their hash, and how many.
    rows: (u64, usize),
}

/// The rows of every history as they were after each of its changes, as far as anybody has shown them.
#[derive(Debug, Default)]
pub(super) struct FactCopies {
    rows: BTreeMap<(NodeId, Incarnation, u64), (u64, usize)>,
    stale_since: BTreeMap<(Process, NodeId), Duration>,
}

impl FactCopies {
    pub(super) fn view(&mut self, at: Duration, view: &View, violations: &mut Violations) {
        for (node, facts) in &view.owned_facts {
            let copy = Copied {
                process: &view.process,
                node,
                incarnation: facts.incarnation,
                sequence: facts.sequence,
                rows: (facts.hash, facts.rows),
            };
            // One that has stopped keeps what it had until its process ends.
            let is_wanted = *node == view.process.node
                || view.state.is_alive(node, facts.incarnation)
                || view.role == Role::Stopped;
            let wrong = [self.compare(&copy), self.outlives(at, &copy, is_wanted)];
            for what in wrong.into_iter().flatten() {
                violations.add(at, NAME, what);
            }
        }
    }

    /// What is wrong with the rows of a copy.
    fn compare(&mut self, copy: &Copied<'_>) -> Option<String> {
        let Copied {
            process,
            node,
            incarnation,
            sequence,
            rows,
        } = *copy;
        let known = self.rows.entry((node.clone(), incarnation, sequence));
        (*known.or_insert(rows) != rows).then(|| {
            format!(
                "{process} has other rows of {node} at change {sequence} of incarnation {incarnation} \
                 than another node"
            )
        })
    }

    /// What is wrong with its being there; it is wanted while the node knows the incarnation alive.
    fn outlives(&mut self, at: Duration, copy: &Copied<'_>, is_wanted: bool) -> Option<String> {
        let Copied {
            process,
            node,
            incarnation,
            ..
        } = *copy;
        let key = (process.clone(), node.clone());
        if is_wanted {
            self.stale_since.remove(&key);
            return None;
        }
        let since = *self.stale_since.entry(key).or_insert(at);
        (at.saturating_sub(since) > DROPPED_WITHIN).then(|| {
            format!(
                "{process} keeps rows of {node}, incarnation {incarnation}, which it knows dead"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::samples::{at, process};

    /// What is found of rows of node 2 that nodes 1 and 3 show, each with a change and a hash.
    fn compare(one: (u64, u64), other: (u64, u64)) -> usize {
        let (mut invariant, node) = (FactCopies::default(), process(2).node);
        let shown = [(process(1), one), (process(3), other)];
        let wrong = shown.iter().filter_map(|(process, (sequence, hash))| {
            invariant.compare(&Copied {
                process,
                node: &node,
                incarnation: Incarnation::new(2),
                sequence: *sequence,
                rows: (*hash, 1),
            })
        });
        wrong.count()
    }

    #[test]
    fn a_copy_that_is_no_prefix_of_its_history_is_found() {
        assert_eq!(compare((5, 77), (5, 77)), 0);
        assert_eq!(compare((5, 77), (6, 78)), 0);
        assert_eq!(compare((5, 77), (5, 78)), 1);
    }

    #[test]
    fn rows_of_the_dead_that_are_kept_are_found() {
        let (mut invariant, process, node) = (FactCopies::default(), process(1), process(2).node);
        let copy = Copied {
            process: &process,
            node: &node,
            incarnation: Incarnation::new(2),
            sequence: 5,
            rows: (77, 1),
        };
        let mut found =
            |millis, is_alive| invariant.outlives(at(millis), &copy, is_alive).is_some();

        assert!(!found(100, true));
        assert!(!found(101, false), "the turn in which it was learnt");
        assert!(found(120, false));
        assert!(!found(121, true), "it is the next incarnation's");
        assert!(!found(122, false));
    }
}
