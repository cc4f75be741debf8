//! A node without its lease delivers nothing of other nodes; and a node that has applied the death
//! of an incarnation delivers nothing of that incarnation.
//!
//! ARCHITECTURE, "Leases: why a fenced node is fenced". Fencing tokens as such: Kleppmann, How to do
//! distributed locking, 2016; Gray, Cheriton: Leases, 1989.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use raftwire::{ConnectionId, Incarnation, NodeId};

use super::Violations;
use crate::fact::{MessageId, Process, Received, Sent};
use crate::view::View;

const LEASE: &str = "no lease, no delivery";
const DEATH: &str = "the dead are silent";

/// How long a node may go on after the moment: what it had begun to dispatch in that very turn.
const SLACK: Duration = Duration::from_millis(2);

/// Since when each process is fenced, and knows of which deaths.
#[derive(Debug, Default)]
pub(super) struct Fencing {
    fenced_since: BTreeMap<Process, Duration>,
    deaths: BTreeMap<(Process, NodeId), BTreeMap<Incarnation, Duration>>,
    /// Routes that began before their node knew the owner, and have no answer yet: they, and what
    /// waits behind them, may leave under a later incarnation than they were sent under.
    parked: BTreeMap<MessageId, Process>,
    behind: BTreeSet<MessageId>,
}

impl Fencing {
    pub(super) fn view(&mut self, at: Duration, view: &View) {
        if view.lease_left.is_zero() {
            self.fenced_since.entry(view.process.clone()).or_insert(at);
        } else {
            self.fenced_since.remove(&view.process);
        }
    }

    /// A process shows another state than before.
    pub(super) fn state(&mut self, at: Duration, view: &View) {
        for (node, member) in &view.state.members {
            let dead = if member.is_alive() {
                member
                    .predecessor
                    .map(|predecessor| predecessor.incarnation)
            } else {
                Some(member.incarnation)
            };
            if let Some(dead) = dead {
                let key = (view.process.clone(), node.clone());
                self.deaths
                    .entry(key)
                    .or_default()
                    .entry(dead)
                    .or_insert(at);
            }
        }
    }

    pub(super) fn sent(&mut self, sent: &Sent) {
        let mut parked = self.parked.iter();
        let waits = !sent.owner_known;
        if waits || parked.any(|(id, owner)| id.to == sent.id.to && *owner == sent.process) {
            self.behind.insert(sent.id.clone());
        }
        if waits {
            self.parked.insert(sent.id.clone(), sent.process.clone());
        }
    }

    pub(super) fn answered(&mut self, id: &MessageId) {
        self.parked.remove(id);
    }

    pub(super) fn ended(&mut self, process: &Process) {
        self.parked.retain(|_, owner| owner != process);
    }

    pub(super) fn received(
        &self,
        at: Duration,
        received: &Received,
        sent: &Arc<Sent>,
        violations: &mut Violations,
    ) {
        let here = &received.process;
        let is_named = matches!(sent.id.to, ConnectionId::Named(_));
        // To connections with a name a fenced node delivers nothing, its own messages neither.
        if !received.at_once || (sent.process.node == here.node && !is_named) {
            return;
        }
        let fenced = self.fenced_since.get(here).copied();
        if received.lease_left.is_zero()
            && let Some(since) = fenced.filter(|since| *since + SLACK <= at)
        {
            let what = format!(
                "{here} delivered {} of {} and is without a lease since {since:?}",
                sent.id, sent.process
            );
            violations.add(at, LEASE, what);
        }
        let Some(incarnation) = sent.incarnation else {
            return;
        };
        if self.behind.contains(&sent.id) {
            return;
        }
        let deaths = self.deaths.get(&(here.clone(), sent.process.node.clone()));
        // Of an older incarnation than the last known death is dead as well.
        let known = deaths.and_then(|deaths| deaths.range(incarnation..).next());
        if let Some((_, since)) = known.filter(|(_, since)| **since + SLACK <= at) {
            let what = format!(
                "{here} delivered {} of {} as {incarnation}, and knows of its death since \
                 {since:?}",
                sent.id, sent.process
            );
            violations.add(at, DEATH, what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::samples::{at, process, received, sent};

    fn fenced() -> Fencing {
        let mut invariant = Fencing::default();
        invariant.fenced_since.insert(process(2), at(100));
        invariant
    }

    fn judge(invariant: &Fencing, millis: u64, received: &Received) -> usize {
        let mut violations = Violations::default();
        invariant.received(at(millis), received, &sent(0), &mut violations);
        violations.into_vec().len()
    }

    /// The receiver hears, at 100 ms, of the death of an incarnation of the sender's node.
    fn learn_of_a_death(invariant: &mut Fencing, incarnation: u64) {
        let between = (process(2), process(1).node);
        let deaths = invariant.deaths.entry(between).or_default();
        deaths.insert(Incarnation::new(incarnation), at(100));
    }

    #[test]
    fn a_delivery_without_a_lease_is_found() {
        let without = Received {
            lease_left: Duration::ZERO,
            ..received(0)
        };

        assert_eq!(
            judge(&fenced(), 101, &without),
            0,
            "the turn in which it ended"
        );
        assert_eq!(judge(&fenced(), 110, &without), 1);
        assert_eq!(
            judge(&fenced(), 110, &received(0)),
            0,
            "it has a lease again"
        );
    }

    #[test]
    fn what_a_fenced_node_delivers_to_a_name_is_found_even_where_it_sent_it_itself() {
        let by_itself = |to| {
            let mut local = sent(0).as_ref().clone();
            (local.process, local.id.to) = (process(2), to);
            let without = Received {
                lease_left: Duration::ZERO,
                ..received(0)
            };
            let mut violations = Violations::default();
            fenced().received(at(110), &without, &Arc::new(local), &mut violations);
            violations.into_vec().len()
        };
        let name = "alice".parse().expect("a name");

        assert_eq!(by_itself(ConnectionId::Named(name)), 1);
        assert_eq!(by_itself(received(0).connection), 0);
    }

    #[test]
    fn a_delivery_of_an_incarnation_that_is_known_dead_is_found() {
        let mut invariant = Fencing::default();
        learn_of_a_death(&mut invariant, 4);

        assert_eq!(
            judge(&invariant, 101, &received(0)),
            0,
            "the turn in which it was learnt"
        );
        assert_eq!(
            judge(&invariant, 110, &received(0)),
            1,
            "an incarnation before the dead one"
        );
    }

    #[test]
    fn what_waited_for_its_owner_may_leave_under_a_later_incarnation() {
        let mut invariant = Fencing::default();
        learn_of_a_death(&mut invariant, 1);
        let unknown = Sent {
            owner_known: false,
            ..sent(0).as_ref().clone()
        };
        invariant.sent(&unknown);

        assert_eq!(judge(&invariant, 110, &received(0)), 0);
    }
}
