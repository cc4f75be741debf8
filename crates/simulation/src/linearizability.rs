//! Whether what happened to one name could have happened one operation at a time.
//!
//! The search is Wing and Gong's (Testing and verifying concurrent objects, 1993) with Lowe's cache
//! of what was tried (Testing for linearizability, 2017): operations are put in an order that keeps
//! to their times, one after the other, and taken back where the order leads nowhere. Names do not
//! touch each other, so each has a history of its own, which keeps the search short.

use std::collections::BTreeSet;
use std::time::Duration;

/// One operation on a name by, or about, a connection `C`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<C> {
    /// When it was asked for. It took effect after that.
    pub invoked: Duration,
    /// When it was answered, before which it took effect; `None`: nobody knows whether it ever did.
    pub returned: Option<Duration>,
    /// What was asked, and answered.
    pub action: Action<C>,
}

/// What an operation does, and says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<C> {
    /// The connection has the name from now on, whoever had it before.
    TakeOver(C),
    /// The connection has the name from now on, since nobody had it.
    Claim(C),
    /// The connection asked for the name, and another one had it.
    ClaimRefused(C),
    /// The connection gives the name up, if it has it; so does the death of its node.
    Release(C),
    /// Somebody asked who has the name.
    Lookup(Option<C>),
}

impl<C: Clone + Ord> Action<C> {
    /// Whether this can happen to a name of this owner.
    fn fits(&self, owner: Option<&C>) -> bool {
        match self {
            Action::TakeOver(_) | Action::Release(_) => true,
            Action::Claim(by) => owner.is_none_or(|owner| owner == by),
            Action::ClaimRefused(by) => owner.is_some_and(|owner| owner != by),
            Action::Lookup(found) => found.as_ref() == owner,
        }
    }

    /// Who has the name after it.
    fn owner_after(&self, owner: Option<&C>) -> Option<C> {
        match self {
            Action::TakeOver(by) | Action::Claim(by) => Some(by.clone()),
            Action::Release(by) if owner == Some(by) => None,
            Action::Release(_) | Action::ClaimRefused(_) | Action::Lookup(_) => owner.cloned(),
        }
    }
}

/// How many operations are tried at one place or another before the search is given up: a history
/// in which many operations were never answered has very many orders.
const TRIES_MAX: usize = 200_000;

/// What the search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Some order of the operations that keeps to their times explains every answer.
    Linearizable,
    /// None does.
    NotLinearizable,
    /// There are more orders than were tried.
    Undecided,
}

/// Whether some order of the operations that keeps to their times explains every answer.
pub fn judge<C: Clone + Ord>(history: &[Operation<C>]) -> Verdict {
    Search::new(history).run()
}

/// The beginning or the end of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Invoked(usize),
    Returned(usize),
}

struct Search<'a, C> {
    history: &'a [Operation<C>],
    events: Events,
    owner: Option<C>,
    done: Vec<bool>,
    /// The operations in the order tried, each with the owner before it.
    order: Vec<(usize, Option<C>)>,
    tried: BTreeSet<(Vec<bool>, Option<C>)>,
    /// Answered operations that have no place in the order yet.
    unexplained: usize,
    tries: usize,
}

impl<'a, C: Clone + Ord> Search<'a, C> {
    fn new(history: &'a [Operation<C>]) -> Self {
        Search {
            history,
            events: Events::of(history),
            owner: None,
            done: vec![false; history.len()],
            order: Vec::new(),
            tried: BTreeSet::new(),
            unexplained: history.iter().filter(|it| it.returned.is_some()).count(),
            tries: 0,
        }
    }

    fn run(mut self) -> Verdict {
        let mut at = self.events.first();
        while self.unexplained > 0 {
            self.tries += 1;
            if self.tries > TRIES_MAX {
                return Verdict::Undecided;
            }
            // An answered operation's end is always ahead.
            let Some(place) = at else {
                return Verdict::NotLinearizable;
            };
            at = match self.events.get(place) {
                Event::Invoked(operation) if self.place(operation) => self.events.first(),
                Event::Invoked(_) => self.events.after(place),
                // Everything that could come before this end was tried.
                Event::Returned(_) => match self.take_back() {
                    Some(operation) => self.events.after_invocation(operation),
                    None => return Verdict::NotLinearizable,
                },
            };
        }
        Verdict::Linearizable
    }

    /// Makes the operation the next one in the order, if it can be, and was not tried with the same
    /// set before it.
    fn place(&mut self, operation: usize) -> bool {
        let asked = &self.history[operation];
        if !asked.action.fits(self.owner.as_ref()) {
            return false;
        }
        let owner = asked.action.owner_after(self.owner.as_ref());
        if asked.returned.is_none() && owner == self.owner {
            // That it happened explains nothing that its not happening would not.
            return false;
        }
        self.done[operation] = true;
        if !self.tried.insert((self.done.clone(), owner.clone())) {
            self.done[operation] = false;
            return false;
        }
        let before = std::mem::replace(&mut self.owner, owner);
        self.order.push((operation, before));
        self.events.remove(operation);
        self.unexplained -= usize::from(self.history[operation].returned.is_some());
        true
    }

    fn take_back(&mut self) -> Option<usize> {
        let (operation, owner) = self.order.pop()?;
        self.owner = owner;
        self.done[operation] = false;
        self.events.put_back(operation);
        self.unexplained += usize::from(self.history[operation].returned.is_some());
        Some(operation)
    }
}

/// The events in the order of their times, of which some are taken out and put back.
struct Events {
    list: Vec<Event>,
    is_out: Vec<bool>,
    /// For each operation, the places of its beginning and its end.
    places: Vec<(usize, Option<usize>)>,
}

impl Events {
    fn of<C>(history: &[Operation<C>]) -> Events {
        let mut timed: Vec<(Duration, bool, Event)> = Vec::new();
        for (number, operation) in history.iter().enumerate() {
            timed.push((operation.invoked, false, Event::Invoked(number)));
            timed.extend(
                operation
                    .returned
                    .map(|returned| (returned, true, Event::Returned(number))),
            );
        }
        // At the same moment, beginnings come first: either order of the two is allowed then.
        timed.sort_by_key(|(at, is_end, _)| (*at, *is_end));
        let list: Vec<Event> = timed.into_iter().map(|(_, _, event)| event).collect();
        let mut places = vec![(0, None); history.len()];
        for (place, event) in list.iter().enumerate() {
            match *event {
                Event::Invoked(operation) => places[operation].0 = place,
                Event::Returned(operation) => places[operation].1 = Some(place),
            }
        }
        let is_out = vec![false; list.len()];
        Events {
            list,
            is_out,
            places,
        }
    }

    fn get(&self, place: usize) -> Event {
        self.list[place]
    }

    fn first(&self) -> Option<usize> {
        self.next_from(0)
    }

    fn after(&self, place: usize) -> Option<usize> {
        self.next_from(place + 1)
    }

    fn after_invocation(&self, operation: usize) -> Option<usize> {
        self.after(self.places[operation].0)
    }

    fn next_from(&self, place: usize) -> Option<usize> {
        (place..self.list.len()).find(|place| !self.is_out[*place])
    }

    fn remove(&mut self, operation: usize) {
        self.set_out(operation, true);
    }

    fn put_back(&mut self, operation: usize) {
        self.set_out(operation, false);
    }

    fn set_out(&mut self, operation: usize, is_out: bool) {
        let (beginning, end) = self.places[operation];
        self.is_out[beginning] = is_out;
        if let Some(end) = end {
            self.is_out[end] = is_out;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_linearizable(history: &[Operation<u8>]) -> bool {
        judge(history) == Verdict::Linearizable
    }

    fn operation(invoked: u64, returned: u64, action: Action<u8>) -> Operation<u8> {
        Operation {
            invoked: Duration::from_millis(invoked),
            returned: Some(Duration::from_millis(returned)),
            action,
        }
    }

    fn unanswered(invoked: u64, action: Action<u8>) -> Operation<u8> {
        Operation {
            returned: None,
            ..operation(invoked, 0, action)
        }
    }

    #[test]
    fn a_lookup_during_a_registration_may_find_it_or_not() {
        for found in [None, Some(1)] {
            let history = [
                operation(0, 10, Action::TakeOver(1)),
                operation(5, 6, Action::Lookup(found)),
            ];
            assert!(is_linearizable(&history), "{found:?}");
        }
    }

    #[test]
    fn a_lookup_after_a_registration_that_does_not_find_it_is_wrong() {
        let history = [
            operation(0, 10, Action::TakeOver(1)),
            operation(11, 12, Action::Lookup(None)),
        ];
        assert!(!is_linearizable(&history));
    }

    #[test]
    fn what_was_found_once_stays_found() {
        let history = [
            operation(0, 100, Action::TakeOver(1)),
            operation(10, 20, Action::Lookup(Some(1))),
            operation(30, 40, Action::Lookup(None)),
        ];
        assert!(!is_linearizable(&history));
    }

    #[test]
    fn two_claims_have_one_winner() {
        let both = [
            operation(0, 10, Action::Claim(1)),
            operation(0, 10, Action::Claim(2)),
        ];
        let one = [
            operation(0, 10, Action::Claim(1)),
            operation(0, 10, Action::ClaimRefused(2)),
        ];
        assert!(!is_linearizable(&both));
        assert!(is_linearizable(&one));
    }

    #[test]
    fn an_unanswered_operation_may_have_happened_or_not_but_only_once() {
        let later = |found: [Option<u8>; 3]| {
            let mut history = vec![
                unanswered(0, Action::TakeOver(1)),
                operation(10, 20, Action::TakeOver(2)),
            ];
            for (number, found) in (0_u64..).zip(found) {
                let at = 30 + 10 * number;
                history.push(operation(at, at + 1, Action::Lookup(found)));
            }
            is_linearizable(&history)
        };
        assert!(later([Some(2), Some(2), Some(2)]));
        assert!(later([Some(2), Some(1), Some(1)]));
        assert!(!later([Some(1), Some(2), Some(1)]));
        assert!(!later([Some(2), None, None]));
    }

    #[test]
    fn a_release_by_one_who_does_not_have_the_name_changes_nothing() {
        let history = [
            operation(0, 1, Action::TakeOver(1)),
            operation(2, 3, Action::TakeOver(2)),
            operation(4, 5, Action::Release(1)),
            operation(6, 7, Action::Lookup(Some(2))),
        ];
        assert!(is_linearizable(&history));
    }

    fn actions() -> impl Strategy<Value = Action<u8>> {
        prop_oneof![
            (0_u8..3).prop_map(Action::TakeOver),
            (0_u8..3).prop_map(Action::Claim),
            (0_u8..3).prop_map(Action::ClaimRefused),
            (0_u8..3).prop_map(Action::Release),
            proptest::option::of(0_u8..3).prop_map(Action::Lookup),
        ]
    }

    fn histories() -> impl Strategy<Value = Vec<Operation<u8>>> {
        let one = (
            0_u64..20,
            0_u64..8,
            proptest::bool::weighted(0.8),
            actions(),
        );
        proptest::collection::vec(one, 0..6).prop_map(|drawn| {
            let each = drawn.into_iter();
            each.map(|(invoked, takes, is_answered, action)| {
                if is_answered {
                    operation(invoked, invoked + takes, action)
                } else {
                    unanswered(invoked, action)
                }
            })
            .collect()
        })
    }

    /// Every order, and every choice of unanswered operations that never happened.
    fn by_trying_all(history: &[Operation<u8>], done: &[usize], owner: Option<u8>) -> bool {
        let mut left = (0..history.len()).filter(|number| !done.contains(number));
        if left
            .clone()
            .all(|number| history[number].returned.is_none())
        {
            return true;
        }
        left.clone().any(|next| {
            // Nothing that is left was answered before this one was asked for.
            let comes_too_early = left.clone().any(|other| {
                history[other]
                    .returned
                    .is_some_and(|returned| returned < history[next].invoked)
            });
            let action = &history[next].action;
            let done = [done, &[next]].concat();
            !comes_too_early
                && action.fits(owner.as_ref())
                && by_trying_all(history, &done, action.owner_after(owner.as_ref()))
        }) || left.next().is_none()
    }

    proptest! {
        #[test]
        fn the_search_finds_what_trying_every_order_finds(history in histories()) {
            prop_assert_eq!(is_linearizable(&history), by_trying_all(&history, &[], None));
        }
    }
}
