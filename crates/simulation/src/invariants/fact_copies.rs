//! Copies of owned facts are prefixes of their writer's history: whoever has got to the same change of the
//! same incarnation has the same rows; and none is kept of an incarnation that is known dead.
//!
//! ARCHITECTURE, "A message for many".

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire::{Incarnation, NodeId};

use super::Violations;
use crate::fact::Process;
use crate::view::View;

const NAME: &str = "copies of owned facts";

/// How long a copy may outlive the news of a death: the directory's task hears of it in its turn.
const DROPPED_WITHIN: Duration = Duration::from_millis(10);

/// The rows of every history as they were after each of its changes, as far as anybody has shown them.
#[derive(Debug, Default)]
pub(super) struct FactCopies {
    rows: BTreeMap<(NodeId, Incarnation, u64), (u64, usize)>,
    stale_since: BTreeMap<(Process, NodeId), Duration>,
}

impl FactCopies {
    pub(super) fn view(&mut self, at: Duration, view: &View, violations: &mut Violations) {
        for (node, facts) in &view.owned_facts {
            let key = (node.clone(), facts.incarnation, facts.sequence);
            let rows = (facts.hash, facts.rows);
            if *self.rows.entry(key).or_insert(rows) != rows {
                let what = format!(
                    "{} has other rows of {node} at change {} of incarnation {} than another node",
                    view.process, facts.sequence, facts.incarnation
                );
                violations.add(at, NAME, what);
            }
            let key = (view.process.clone(), node.clone());
            if *node == view.process.node || view.state.is_alive(node, facts.incarnation) {
                self.stale_since.remove(&key);
                continue;
            }
            let since = *self.stale_since.entry(key).or_insert(at);
            if at.saturating_sub(since) > DROPPED_WITHIN {
                let what = format!(
                    "{} keeps rows of {node}, incarnation {}, which it knows dead",
                    view.process, facts.incarnation
                );
                violations.add(at, NAME, what);
            }
        }
    }
}
