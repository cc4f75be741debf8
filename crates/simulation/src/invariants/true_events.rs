//! What a node tells its application of the cluster is true, and in the order of the log.
//!
//! A node that is up was joined at the index that is named; a node that is down died at it, or, if
//! the teller skipped that, once more at it, or was removed at it. An incarnation comes up at most once, and goes down at
//! most once, after it came up or without.

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire::{ClusterEvent, DownReason, Incarnation, NodeId};

use super::Violations;
use super::incarnations::Incarnations;
use crate::fact::Process;

const NAME: &str = "true events";

/// How long after an event its cause may be seen: a look is taken every millisecond.
const SLACK: Duration = Duration::from_millis(3);

/// What one process has told so far.
#[derive(Debug, Default)]
struct Told {
    last_index: u64,
    /// The newest incarnation of each node, and whether it was said to be down.
    newest: BTreeMap<NodeId, (Incarnation, bool)>,
}

/// What each process has told so far, and what is still to be compared with the log.
#[derive(Debug, Default)]
pub(super) struct TrueEvents {
    told: BTreeMap<Process, Told>,
    unchecked: Vec<(Duration, Process, ClusterEvent)>,
}

impl TrueEvents {
    /// A process has told an event.
    pub(super) fn told(
        &mut self,
        at: Duration,
        process: &Process,
        event: &ClusterEvent,
        violations: &mut Violations,
    ) {
        let told = self.told.entry(process.clone()).or_default();
        let (node, incarnation, index, is_down) = match event {
            ClusterEvent::NodeUp {
                node,
                incarnation,
                index,
                ..
            } => (node, *incarnation, *index, false),
            ClusterEvent::NodeDown {
                node,
                incarnation,
                index,
                ..
            } => (node, *incarnation, *index, true),
            _ => return,
        };
        let newest = told.newest.insert(node.clone(), (incarnation, is_down));
        let follows = newest.is_none_or(|newest| newest < (incarnation, is_down));
        if !follows || index < told.last_index {
            let what = format!(
                "{process}: {event:?} after {newest:?}, index {}",
                told.last_index
            );
            violations.add(at, NAME, what);
        }
        told.last_index = index;
        self.unchecked.push((at, process.clone(), event.clone()));
    }

    /// Compares what was told a moment ago with what the log is known to say by now. An incarnation
    /// that ended within the millisecond in which it began may have been seen by nobody else.
    pub(super) fn check(
        &mut self,
        at: Duration,
        incarnations: &Incarnations,
        violations: &mut Violations,
    ) {
        for (told_at, process, event) in self
            .unchecked
            .extract_if(.., |(told_at, ..)| *told_at + SLACK < at)
        {
            let is_true = match &event {
                ClusterEvent::NodeUp {
                    node,
                    incarnation,
                    session,
                    index,
                } => incarnations.may_have_issued(node, *incarnation, *session, *index),
                ClusterEvent::NodeDown {
                    node,
                    incarnation,
                    index,
                    reason,
                } => {
                    let death = incarnations.death(node, *incarnation);
                    death.is_none_or(|death| {
                        // That the node was gone at the index is judged with the members.
                        let is_later =
                            *reason == DownReason::Removed || incarnations.is_death(node, *index);
                        death.index == *index || death.index < *index && is_later
                    })
                }
                _ => true,
            };
            if !is_true {
                violations.add(told_at, NAME, format!("{process}: {event:?}, says no log"));
            }
        }
    }
}
