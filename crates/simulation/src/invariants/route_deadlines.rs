//! Every route ends by its deadline, and nothing is delivered long after it.
//!
//! ARCHITECTURE, "What makes an outcome true": `route` always ends, within its deadline. Frames
//! carry the time that is left, and owners drop what has expired.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Violations;
use crate::fact::{MessageId, Process, Sent};

const NAME: &str = "routes end";

/// How much later than its deadline an answer may come: the granularity of the clocks, and a turn
/// of the tasks in between.
const SLACK: Duration = Duration::from_millis(10);

/// How long after its deadline a message may be delivered: as long as its last packet may be on the
/// way, since only what is left of the time is sent, not the time itself. The worst networks here
/// take a quarter of a second.
const LATE_MAX: Duration = Duration::from_millis(500);

/// The routes that are under way.
#[derive(Debug, Default)]
pub(super) struct RouteDeadlines {
    under_way: BTreeSet<(Duration, MessageId)>,
    routes: BTreeMap<MessageId, (Process, Duration)>,
}

impl RouteDeadlines {
    pub(super) fn sent(&mut self, sent: &Sent) {
        let Some(deadline) = sent.deadline else {
            return;
        };
        self.under_way.insert((deadline, sent.id.clone()));
        self.routes
            .insert(sent.id.clone(), (sent.process.clone(), deadline));
    }

    pub(super) fn answered(&mut self, at: Duration, id: &MessageId, violations: &mut Violations) {
        let Some((process, deadline)) = self.routes.remove(id) else {
            return;
        };
        self.under_way.remove(&(deadline, id.clone()));
        if at > deadline + SLACK {
            let late = at.saturating_sub(deadline);
            violations.add(at, NAME, format!("{id} of {process}: {late:?} too late"));
        }
    }

    /// A process has ended, and its senders with it.
    pub(super) fn ended(&mut self, process: &Process) {
        for (id, (_, deadline)) in self.routes.extract_if(.., |_, (owner, _)| owner == process) {
            self.under_way.remove(&(deadline, id.clone()));
        }
    }

    /// A client that reads at once received a message.
    pub(super) fn received(at: Duration, sent: &Sent, violations: &mut Violations) {
        let Some(deadline) = sent.deadline.filter(|deadline| *deadline + LATE_MAX < at) else {
            return;
        };
        let (id, late) = (&sent.id, at.saturating_sub(deadline));
        violations.add(
            at,
            NAME,
            format!("{id} was delivered {late:?} after its deadline"),
        );
    }

    pub(super) fn check(&mut self, at: Duration, violations: &mut Violations) {
        while let Some((deadline, id)) = self.under_way.first().cloned()
            && deadline + SLACK < at
        {
            self.under_way.pop_first();
            if let Some((process, _)) = self.routes.remove(&id) {
                let what = format!("{id} of {process} has no answer at its deadline");
                violations.add(at, NAME, what);
            }
        }
    }

    /// How many routes are under way.
    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::samples::{at, process, sent};

    #[test]
    fn an_answer_at_the_deadline_is_in_time() {
        let (mut invariant, mut violations) = (RouteDeadlines::default(), Violations::default());
        invariant.sent(&sent(0));

        invariant.answered(at(1_001), &sent(0).id, &mut violations);
        invariant.check(at(5_000), &mut violations);

        assert!(violations.is_empty());
    }

    #[test]
    fn a_route_without_an_answer_is_found_once() {
        let (mut invariant, mut violations) = (RouteDeadlines::default(), Violations::default());
        invariant.sent(&sent(0));

        invariant.check(at(1_000), &mut violations);
        assert!(violations.is_empty());
        invariant.check(at(1_100), &mut violations);
        invariant.check(at(1_200), &mut violations);

        assert_eq!(violations.into_vec().len(), 1);
    }

    #[test]
    fn a_sender_that_has_ended_waits_for_nothing() {
        let (mut invariant, mut violations) = (RouteDeadlines::default(), Violations::default());
        invariant.sent(&sent(0));

        invariant.ended(&process(1));
        invariant.check(at(5_000), &mut violations);

        assert!(violations.is_empty());
        assert_eq!(invariant.len(), 0);
    }

    #[test]
    fn a_delivery_long_after_the_deadline_is_found() {
        let mut violations = Violations::default();

        RouteDeadlines::received(at(1_400), &sent(0), &mut violations);
        assert!(violations.is_empty());
        RouteDeadlines::received(at(1_600), &sent(0), &mut violations);

        assert_eq!(violations.into_vec().len(), 1);
    }
}
