//! At one index of the log every node has the same members, edges by the feed too; an incarnation that has
//! gone does not come back; and a node that was removed is a member only as a new one.
//!
//! State agreement has no hash of what an edge knows; this compares the members themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use raftwire::{ConnectionId, Incarnation, NodeId, RemoveError};
use raftwire_consensus::Member;
use raftwire_protocol::{Boot, Slot};

use super::Violations;
use crate::fact::Removal;
use crate::view::View;

const NAME: &str = "committed members";

/// A member, and what of it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    incarnation: Incarnation,
    joined_at: u64,
    /// None in tests.
    member: Option<Member>,
}

impl From<&Member> for Row {
    fn from(member: &Member) -> Row {
        Row {
            incarnation: member.incarnation,
            joined_at: member.joined_at,
            member: Some(member.clone()),
        }
    }
}

/// An incarnation, by the indices of the states that were seen.
#[derive(Clone, Copy, Debug)]
struct Life {
    joined_at: u64,
    last_present: u64,
    first_absent: Option<u64>,
}

/// What all states said of members.
#[derive(Debug, Default)]
pub(super) struct Members {
    by_index: BTreeMap<u64, BTreeMap<NodeId, Row>>,
    lives: BTreeMap<(NodeId, Incarnation), Life>,
    /// When each incarnation was first seen.
    born: BTreeMap<(NodeId, Incarnation), Duration>,
    /// The incarnations that minted under each boot of a slot.
    boots: BTreeMap<(Slot, Boot), BTreeSet<(NodeId, Incarnation)>>,
    /// When an incarnation was first seen to be gone with its whole row.
    gone: BTreeMap<(NodeId, Incarnation), Duration>,
    /// The newest incarnation that each removal must have ended.
    removed: BTreeMap<NodeId, Incarnation>,
}

impl Members {
    /// A process shows another state than before.
    pub(super) fn state(&mut self, at: Duration, view: &View, violations: &mut Violations) {
        let state = &view.state;
        for (node, member) in &state.members {
            let key = (node.clone(), member.incarnation);
            let boot = (member.slot, member.boot);
            self.boots.entry(boot).or_default().insert(key.clone());
            self.born.entry(key).or_insert(at);
        }
        for (key, life) in &self.lives {
            if life.joined_at < state.applied_index && !state.members.contains_key(&key.0) {
                self.gone.entry(key.clone()).or_insert(at);
            }
        }
        let rows = state.members.iter();
        let rows = rows.map(|(node, member)| (node.clone(), Row::from(member)));
        if let Some(wrong) = self.add(state.applied_index, &rows.collect()) {
            violations.add(at, NAME, format!("{}: {wrong}", view.process));
        }
    }

    /// Whether a node may have been removed at this index, for all that was seen.
    pub(super) fn is_removal(&self, node: &NodeId, index: u64) -> bool {
        let mut lives = self.lives.iter().filter(|((owner, _), _)| owner == node);
        lives.any(|(_, life)| {
            life.last_present < index && life.first_absent.is_some_and(|absent| index <= absent)
        })
    }

    /// Whether the process that minted this connection had been removed by then, whenever it heard of that.
    pub(super) fn was_removed(&self, connection: &ConnectionId, until: Duration) -> bool {
        let ConnectionId::Minted(id) = connection else {
            return false;
        };
        let minted_by = self.boots.get(&(id.slot(), id.boot()));
        let mut gone = minted_by.into_iter().flatten().map(|it| self.gone.get(it));
        gone.any(|gone| gone.is_some_and(|at| *at <= until))
    }

    /// Adds the members of a state at this index; what is wrong with them.
    fn add(&mut self, index: u64, members: &BTreeMap<NodeId, Row>) -> Option<String> {
        let known = self
            .by_index
            .entry(index)
            .or_insert_with(|| members.clone());
        if known != members {
            return Some(format!("at index {index} {members:?}, elsewhere {known:?}"));
        }
        for (node, member) in members {
            let key = (node.clone(), member.incarnation);
            let life = self.lives.entry(key).or_insert(Life {
                joined_at: member.joined_at,
                last_present: index,
                first_absent: None,
            });
            life.last_present = life.last_present.max(index);
        }
        for ((node, incarnation), life) in &mut self.lives {
            let current = members.get(node).map(|member| member.incarnation);
            if current != Some(*incarnation) && life.joined_at < index {
                let absent = life.first_absent.unwrap_or(index).min(index);
                life.first_absent = Some(absent);
            }
            if let Some(absent) = life
                .first_absent
                .filter(|absent| *absent <= life.last_present)
            {
                return Some(format!(
                    "{node} of {incarnation} was gone at index {absent}, and is there at {}",
                    life.last_present
                ));
            }
        }
        None
    }

    /// A process told its application that an incarnation had gone by the removal at this index.
    pub(super) fn told(
        &mut self,
        at: Duration,
        (node, incarnation, index): (&NodeId, Incarnation, u64),
        violations: &mut Violations,
    ) {
        let Some(life) = self.lives.get_mut(&(node.clone(), incarnation)) else {
            return;
        };
        let absent = life.first_absent.unwrap_or(index).min(index);
        life.first_absent = Some(absent);
        if life.last_present >= absent {
            let last = life.last_present;
            let what = format!(
                "{node} of {incarnation} is said to be removed at index {index}, and is there at {last}"
            );
            violations.add(at, NAME, what);
        }
    }

    /// An operator was told what became of a removal.
    pub(super) fn removal(&mut self, at: Duration, removal: &Removal, violations: &mut Violations) {
        let Removal {
            process,
            node,
            asked_at,
            answer,
        } = removal;
        let first = (node.clone(), Incarnation::new(0));
        let mut lives = self
            .born
            .range(first..)
            .take_while(|((it, _), _)| it == node);
        match answer {
            Ok(()) => {
                // What came after the question may not be what was removed.
                let asked_of = lives.filter(|(_, born)| **born < *asked_at);
                if let Some(((_, newest), _)) = asked_of.last() {
                    let removed = self.removed.entry(node.clone()).or_insert(*newest);
                    *removed = (*removed).max(*newest);
                }
            }
            Err(RemoveError::Unknown { .. }) => {
                let is_removed = self.removed.contains_key(node) || self.is_absent_somewhere(node);
                if lives.next().is_some() && !is_removed {
                    let what = format!("{process} says that {node} is no member, and it is");
                    violations.add(at, NAME, what);
                }
            }
            Err(_) => {}
        }
    }

    /// Whether some state has been seen without the node after one with it.
    fn is_absent_somewhere(&self, node: &NodeId) -> bool {
        let mut states = self.by_index.values();
        states.any(|members| members.contains_key(node))
            && self
                .by_index
                .values()
                .skip_while(|members| !members.contains_key(node))
                .any(|members| !members.contains_key(node))
    }

    /// The run is over: what was removed is gone everywhere. The incarnations are those that each node
    /// shows of each other.
    pub(super) fn at_end<'a>(
        &self,
        at: Duration,
        shown: impl Iterator<Item = (&'a NodeId, &'a NodeId, Incarnation)>,
        violations: &mut Violations,
    ) {
        for (by, node, there) in shown {
            if let Some(removed) = self.removed.get(node).filter(|removed| there <= **removed) {
                let what = format!("{by} has {node} of {there}, removed was that of {removed}");
                violations.add(at, NAME, what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::samples::{at, connection, process};

    /// Nodes, each with its incarnation and the index at which it joined.
    fn members(incarnations: &[(u16, u64)]) -> BTreeMap<NodeId, Row> {
        let row = |incarnation| Row {
            incarnation: Incarnation::new(incarnation),
            joined_at: incarnation,
            member: None,
        };
        let rows = incarnations.iter();
        rows.map(|(node, incarnation)| (process(*node).node, row(*incarnation)))
            .collect()
    }

    type State = (u64, &'static [(u16, u64)]);

    fn judge(states: &[State]) -> usize {
        let mut invariant = Members::default();
        let wrong = states
            .iter()
            .filter_map(|(index, rows)| invariant.add(*index, &members(rows)));
        wrong.count()
    }

    #[test]
    fn other_members_at_the_same_index_are_found() {
        assert_eq!(judge(&[(7, &[(1, 1)]), (7, &[(1, 1)])]), 0);
        assert_eq!(judge(&[(7, &[(1, 1)]), (7, &[(1, 1), (2, 2)])]), 1);
    }

    #[test]
    fn a_removed_incarnation_that_is_there_again_is_found() {
        let removed: [State; 2] = [(7, &[(1, 1), (2, 2)]), (9, &[(1, 1)])];
        let then = |state: State| judge(&[&removed[..], &[state]].concat());

        assert_eq!(judge(&removed), 0);
        assert_eq!(then((8, &[(1, 1), (2, 2)])), 0);
        assert_eq!(then((10, &[(1, 1), (2, 10)])), 0);
        assert_eq!(then((10, &[(1, 1), (2, 2)])), 1);
    }

    #[test]
    fn what_a_removed_process_mints_is_nobodys_whenever_it_does() {
        let minted = connection(1);
        let (node, incarnation) = (process(1).node, Incarnation::new(1));
        let mut invariant = Members::default();
        let ConnectionId::Minted(id) = &minted else {
            panic!("minted");
        };
        let boot = (id.slot(), id.boot());
        invariant
            .boots
            .insert(boot, [(node.clone(), incarnation)].into());
        assert!(!invariant.was_removed(&minted, at(9)));

        invariant.gone.insert((node, incarnation), at(5));

        assert!(!invariant.was_removed(&minted, at(4)));
        assert!(invariant.was_removed(&minted, at(5)));
        assert!(!invariant.was_removed(&connection(2), at(5)), "another's");
    }

    #[test]
    fn a_removal_that_is_told_of_and_was_none_is_found() {
        for (index, found) in [(8, 0), (7, 1)] {
            let (mut invariant, mut violations) = (Members::default(), Violations::default());
            invariant.add(7, &members(&[(1, 1), (2, 2)]));
            let told = (&process(2).node, Incarnation::new(2), index);
            invariant.told(at(50), told, &mut violations);
            assert_eq!(violations.into_vec().len(), found);
        }
    }

    fn removal(answer: Result<(), RemoveError>) -> Removal {
        Removal {
            process: process(1),
            node: process(2).node,
            asked_at: at(50),
            answer,
        }
    }

    #[test]
    fn an_answer_that_a_member_is_none_is_found_unless_it_is_gone() {
        let unknown = || {
            removal(Err(RemoveError::Unknown {
                node: process(2).node,
            }))
        };
        for (is_gone, found) in [(false, 1), (true, 0)] {
            let (mut invariant, mut violations) = (Members::default(), Violations::default());
            invariant
                .born
                .insert((process(2).node, Incarnation::new(2)), at(10));
            invariant.add(7, &members(&[(1, 1), (2, 2)]));
            if is_gone {
                invariant.add(8, &members(&[(1, 1)]));
            }
            invariant.removal(at(60), &unknown(), &mut violations);
            assert_eq!(violations.into_vec().len(), found);
        }
    }

    #[test]
    fn a_removal_that_was_answered_and_did_not_happen_is_found() {
        for (incarnation, found) in [(2, 1), (3, 0)] {
            let (mut invariant, mut violations) = (Members::default(), Violations::default());
            invariant
                .born
                .insert((process(2).node, Incarnation::new(2)), at(10));
            invariant
                .born
                .insert((process(2).node, Incarnation::new(3)), at(55));
            invariant.removal(at(60), &removal(Ok(())), &mut violations);
            let (by, node) = (process(1).node, process(2).node);
            let shown = [(&by, &node, Incarnation::new(incarnation))];
            invariant.at_end(at(100), shown.into_iter(), &mut violations);
            assert_eq!(violations.into_vec().len(), found);
        }
    }
}
