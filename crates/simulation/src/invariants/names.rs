//! What is asked and answered about one name could have happened one question at a time.
//!
//! ARCHITECTURE, "Names": a name has one owner, registrations and lookups are linearizable (Herlihy,
//! Wing: Linearizability, 1990). The end of a connection, and the death of its node, give its names
//! up at some time after it; a node that was declared dead and comes back claims them again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use raftwire::{ConnectionId, Incarnation, Name, NamePolicy};

use super::Violations;
use crate::fact::{NameAnswer, NameQuestion, NameRequest, Process};
use crate::linearizability::{Action, Operation, Verdict, judge};
use crate::view::View;

const NAME: &str = "one name, one history";
const NOT_FOUND: &str = "true outcomes";

/// A node may act on what it shows at its next look a little before it: looks are a millisecond apart.
const LOOKS_APART: Duration = Duration::from_millis(2);

/// Everything that happened to one name.
#[derive(Clone, Debug, Default)]
struct History {
    operations: Vec<Operation<ConnectionId>>,
    /// From when to when messages to it were under way that did not find it.
    not_found: Vec<(Duration, Duration)>,
}

/// A connection that has asked for names.
#[derive(Debug)]
struct Holder {
    process: Process,
    names: BTreeSet<Name>,
    closed: Option<Duration>,
}

/// The histories of all names.
#[derive(Debug, Default)]
pub(super) struct Names {
    questions: BTreeMap<u64, (Duration, NameQuestion)>,
    histories: BTreeMap<Name, History>,
    holders: BTreeMap<ConnectionId, Holder>,
    /// The processes that serve, and under which incarnation they last did.
    serving: BTreeSet<Process>,
    incarnations: BTreeMap<Process, Incarnation>,
}

impl Names {
    pub(super) fn view(&mut self, at: Duration, view: &View) {
        let (process, before) = (&view.process, at.saturating_sub(LOOKS_APART));
        if view.is_ready {
            self.serving.insert(process.clone());
        } else if self.serving.remove(process) {
            // It may be declared dead from now on, or leave.
            self.all_of(process, before, Action::Release);
        }
        let Some(incarnation) = view.membership.map(|membership| membership.incarnation) else {
            return;
        };
        let known = self.incarnations.insert(process.clone(), incarnation);
        if known.is_some_and(|known| known != incarnation) {
            // Superseded without a look in between, or declared dead: its names come back.
            self.all_of(process, before, Action::Release);
            self.all_of(process, before, Action::Claim);
        }
    }

    pub(super) fn asked(&mut self, at: Duration, number: u64, question: &NameQuestion) {
        match &question.request {
            NameRequest::Register(connection, _) => {
                let holder = self.holders.entry(connection.clone());
                let holder = holder.or_insert_with(|| Holder {
                    process: question.process.clone(),
                    names: BTreeSet::new(),
                    closed: None,
                });
                holder.names.insert(question.name.clone());
            }
            NameRequest::Unregister => {
                let (process, name) = (&question.process, &question.name);
                let held = self.held_by(process).into_iter();
                for (connection, _) in held.filter(|(_, held)| held == name) {
                    self.may_happen(name, at, Action::Release(connection));
                }
                return;
            }
            NameRequest::Lookup => {}
        }
        self.questions.insert(number, (at, question.clone()));
    }

    pub(super) fn answered(&mut self, at: Duration, number: u64, answer: &NameAnswer) {
        let Some((invoked, question)) = self.questions.remove(&number) else {
            return;
        };
        let (action, returned) = match (&question.request, answer) {
            (NameRequest::Lookup, NameAnswer::Found(found)) => {
                (Action::Lookup(found.clone()), Some(at))
            }
            (NameRequest::Register(..), NameAnswer::NotTried) => return,
            (NameRequest::Register(by, _), NameAnswer::Taken) => {
                (Action::ClaimRefused(by.clone()), Some(at))
            }
            (NameRequest::Register(by, policy), answer) => {
                let is_known = *answer == NameAnswer::Registered;
                (registration(by, *policy), is_known.then_some(at))
            }
            _ => return,
        };
        let operation = Operation {
            invoked,
            returned,
            action,
        };
        self.history(&question.name).operations.push(operation);
        if let (NameRequest::Register(by, _), NameAnswer::Unknown) = (&question.request, answer) {
            // If it happened after all, the node gives the name up again.
            self.may_happen(&question.name, at, Action::Release(by.clone()));
        }
        self.give_up_if_closed(&question);
    }

    /// A message to a name did not find it.
    pub(super) fn not_found(&mut self, name: &Name, from: Duration, until: Duration) {
        self.history(name).not_found.push((from, until));
    }

    pub(super) fn closed(&mut self, at: Duration, connection: &ConnectionId) {
        let Some(holder) = self.holders.get_mut(connection) else {
            return;
        };
        holder.closed = Some(at);
        for name in holder.names.clone() {
            self.may_happen(&name, at, Action::Release(connection.clone()));
        }
    }

    pub(super) fn ended(&mut self, at: Duration, process: &Process) {
        self.serving.remove(process);
        self.all_of(process, at, Action::Release);
    }

    /// The connections that asked for this name.
    pub(super) fn holders_of(&self, name: &Name) -> impl Iterator<Item = &ConnectionId> {
        let holders = self.holders.iter();
        holders
            .filter(move |(_, holder)| holder.names.contains(name))
            .map(|(connection, _)| connection)
    }

    /// The run is over.
    pub(super) fn at_end(&mut self, at: Duration, violations: &mut Violations) {
        for (_, (invoked, question)) in std::mem::take(&mut self.questions) {
            if let NameRequest::Register(by, policy) = &question.request {
                self.may_happen(&question.name, invoked, registration(by, *policy));
                self.give_up_if_closed(&question);
            }
        }
        for (name, history) in &self.histories {
            if judge(&history.operations) == Verdict::NotLinearizable {
                let what = format!("no order explains what happened to {name}: {history:?}");
                violations.add(at, NAME, what);
            }
            for (from, until) in &history.not_found {
                if judge(&history.with_not_found(*from, *until)) == Verdict::NotLinearizable {
                    let what =
                        format!("{name} was not found from {from:?} to {until:?}, and was there");
                    violations.add(*until, NOT_FOUND, what);
                }
            }
        }
    }

    fn history(&mut self, name: &Name) -> &mut History {
        self.histories.entry(name.clone()).or_default()
    }

    /// Something that may happen at any time from now on, or never.
    fn may_happen(&mut self, name: &Name, invoked: Duration, action: Action<ConnectionId>) {
        self.history(name).operations.push(Operation {
            invoked,
            returned: None,
            action,
        });
    }

    /// A connection that had ended before its registration was answered gives the name up again.
    fn give_up_if_closed(&mut self, question: &NameQuestion) {
        let NameRequest::Register(by, _) = &question.request else {
            return;
        };
        if let Some(closed) = self.holders.get(by).and_then(|holder| holder.closed) {
            self.may_happen(&question.name, closed, Action::Release(by.clone()));
        }
    }

    /// Something that may happen to every name of a process.
    fn all_of(
        &mut self,
        process: &Process,
        at: Duration,
        action: impl Fn(ConnectionId) -> Action<ConnectionId>,
    ) {
        for (connection, name) in self.held_by(process) {
            self.may_happen(&name, at, action(connection));
        }
    }

    /// The open connections of a process, each with the names that it asked for.
    fn held_by(&self, process: &Process) -> Vec<(ConnectionId, Name)> {
        let holders = self.holders.iter();
        holders
            .filter(|(_, holder)| holder.process == *process && holder.closed.is_none())
            .flat_map(|(connection, holder)| {
                let names = holder.names.iter();
                names.map(|name| (connection.clone(), name.clone()))
            })
            .collect()
    }
}

fn registration(by: &ConnectionId, policy: NamePolicy) -> Action<ConnectionId> {
    match policy {
        NamePolicy::IfFree => Action::Claim(by.clone()),
        NamePolicy::TakeOver => Action::TakeOver(by.clone()),
    }
}

impl History {
    /// The registrations, and one question that found nothing. What the log said otherwise is left out: a
    /// connection that has ended, or gave its name up, is not found from then on, and the log has its
    /// name a little longer.
    fn with_not_found(&self, from: Duration, until: Duration) -> Vec<Operation<ConnectionId>> {
        let asks_the_log =
            |it: &&Operation<_>| matches!(it.action, Action::Lookup(_) | Action::ClaimRefused(_));
        let operations = self.operations.iter().filter(|it| !asks_the_log(it));
        let not_found = Operation {
            invoked: from,
            returned: Some(until),
            action: Action::Lookup(None),
        };
        operations.cloned().chain([not_found]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::samples::{at, connection, process};

    fn name() -> Name {
        "alice".parse().expect("a name")
    }

    fn question(request: NameRequest) -> NameQuestion {
        NameQuestion {
            process: process(1),
            name: name(),
            request,
        }
    }

    fn ask(names: &mut Names, number: u64, request: NameRequest, answer: &NameAnswer) {
        names.asked(at(10 * number), number, &question(request));
        names.answered(at(10 * number + 5), number, answer);
    }

    fn found(mut names: Names) -> usize {
        let mut violations = Violations::default();
        names.at_end(at(1_000), &mut violations);
        violations.into_vec().len()
    }

    fn registered() -> Names {
        let mut names = Names::default();
        let request = NameRequest::Register(connection(1), NamePolicy::TakeOver);
        ask(&mut names, 1, request, &NameAnswer::Registered);
        names
    }

    #[test]
    fn a_name_that_is_forgotten_is_found_out() {
        let mut names = registered();
        ask(&mut names, 2, NameRequest::Lookup, &NameAnswer::Found(None));

        assert_eq!(found(names), 1);
    }

    #[test]
    fn a_name_whose_connection_has_ended_may_be_gone_or_not_yet() {
        for answer in [None, Some(connection(1))] {
            let mut names = registered();
            names.closed(at(18), &connection(1));
            ask(
                &mut names,
                2,
                NameRequest::Lookup,
                &NameAnswer::Found(answer),
            );

            assert_eq!(found(names), 0);
        }
    }

    #[test]
    fn a_second_claim_is_refused_while_the_first_holds() {
        let claim = || NameRequest::Register(connection(2), NamePolicy::IfFree);
        let mut refused = registered();
        ask(&mut refused, 2, claim(), &NameAnswer::Taken);
        let mut granted = registered();
        ask(&mut granted, 2, claim(), &NameAnswer::Registered);

        assert_eq!((found(refused), found(granted)), (0, 1));
    }

    #[test]
    fn a_message_that_does_not_find_a_name_that_is_there_is_found_out() {
        let mut names = registered();
        names.not_found(&name(), at(30), at(40));
        assert_eq!(found(names), 1);

        let mut names = registered();
        names.ended(at(35), &process(1));
        names.not_found(&name(), at(30), at(40));
        assert_eq!(found(names), 0);
    }
}
