//! "Node down" is said only where the sender's node knew, between question and answer, that the
//! owner was dead.
//!
//! ARCHITECTURE, "What makes an outcome true": the owner was known dead before anything was sent.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use raftwire::{Incarnation, NodeId};

use super::Violations;
use crate::fact::{MessageId, Process, Sent};
use crate::view::View;

const NAME: &str = "down nodes are dead";

/// How far the moment of an answer may be from that of a look at the node's state.
const SLACK: Duration = Duration::from_millis(3);

/// How long the rest of the cluster may take to hear what a process knew that ended before anybody
/// looked at it again. The entry was committed, so the next leader has it.
const HEARD_MAX: Duration = Duration::from_secs(5);

/// A member as a process knows it, and whether it holds it alive.
type Seen<'a> = (&'a NodeId, Incarnation, bool);

/// An answer that is judged once the node's state of that moment was seen.
#[derive(Debug)]
struct Said {
    /// When the message was sent, and when the answer came.
    during: (Duration, Duration),
    id: MessageId,
    by: Process,
    of: NodeId,
}

/// When each process last held each other node dead, or saw that it was removed, which only the dead are, or
/// replaced by its next incarnation.
#[derive(Debug, Default)]
pub(super) struct DownNodes {
    last_dead: BTreeMap<(Process, NodeId), Duration>,
    members: BTreeMap<Process, BTreeMap<NodeId, Incarnation>>,
    said: VecDeque<Said>,
    /// When processes ended.
    ended: BTreeMap<Process, Duration>,
    /// What processes said that ended with it: judged by what the others hear.
    last_words: VecDeque<Said>,
}

impl DownNodes {
    pub(super) fn view(&mut self, at: Duration, view: &View) {
        let members = view.state.members.iter();
        let members: Vec<Seen<'_>> = members
            .map(|(node, member)| (node, member.incarnation, member.is_alive()))
            .collect();
        self.seen(at, &view.process, &members);
    }

    fn seen(&mut self, at: Duration, process: &Process, members: &[Seen<'_>]) {
        let key = |node: &NodeId| (process.clone(), node.clone());
        let before = self.members.entry(process.clone()).or_default();
        for (node, incarnation, is_alive) in members {
            let known = before.insert((*node).clone(), *incarnation);
            let is_replaced = known.is_some_and(|known| known != *incarnation);
            if is_replaced || !is_alive {
                self.last_dead.insert(key(node), at);
            }
        }
        before.retain(|node, _| {
            let is_member = members.iter().any(|(member, ..)| *member == node);
            if !is_member {
                self.last_dead.insert(key(node), at);
            }
            is_member
        });
    }

    /// A process told its application that `node` is down. It may end before it is looked at again.
    pub(super) fn told(&mut self, at: Duration, process: &Process, node: &NodeId) {
        self.last_dead.insert((process.clone(), node.clone()), at);
    }

    /// A sender was told that `of` is down.
    pub(super) fn answered(&mut self, at: Duration, sent: Option<&Arc<Sent>>, of: &NodeId) {
        let Some(sent) = sent else { return };
        let (id, by, of) = (sent.id.clone(), sent.process.clone(), of.clone());
        let during = (sent.at, at);
        self.said.push_back(Said { during, id, by, of });
    }

    /// A process has ended: what it knew at the end, nobody saw.
    pub(super) fn ended(&mut self, at: Duration, process: &Process) {
        self.ended.insert(process.clone(), at);
    }

    pub(super) fn check(&mut self, at: Duration, violations: &mut Violations) {
        while let Some(said) = self.said.pop_front_if(|said| said.during.1 + SLACK < at) {
            let key = (said.by.clone(), said.of.clone());
            if self
                .last_dead
                .get(&key)
                .is_some_and(|dead| said.allows(*dead))
            {
                continue;
            }
            let ended = self.ended.get(&said.by);
            if ended.is_some_and(|ended| *ended <= said.during.1 + SLACK) {
                self.last_words.push_back(said);
            } else {
                said.judge_false(violations);
            }
        }
        while let Some(said) = self
            .last_words
            .pop_front_if(|said| said.during.1 + HEARD_MAX < at)
        {
            let mut heard = self.last_dead.iter().filter(|((_, of), _)| *of == said.of);
            if !heard.any(|(_, dead)| said.allows(*dead)) {
                said.judge_false(violations);
            }
        }
    }
}

impl Said {
    /// Whether the node may be called down that somebody held dead at that time.
    fn allows(&self, dead: Duration) -> bool {
        dead + SLACK >= self.during.0
    }

    fn judge_false(&self, violations: &mut Violations) {
        let Said { id, by, of, .. } = self;
        violations.add(
            self.during.1,
            NAME,
            format!("{id}: {by} said that {of} is down"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::samples::{at, process, sent};

    fn judge(last_dead: Option<u64>) -> usize {
        let (mut invariant, mut violations) = (DownNodes::default(), Violations::default());
        let node = process(2).node;
        if let Some(millis) = last_dead {
            invariant.told(at(millis), &process(1), &node);
        }
        let sent = Sent {
            at: at(50),
            ..sent(0).as_ref().clone()
        };
        invariant.answered(at(100), Some(&Arc::new(sent)), &node);
        invariant.check(at(200), &mut violations);
        violations.into_vec().len()
    }

    #[test]
    fn a_node_that_never_died_is_not_down() {
        assert_eq!(judge(None), 1);
    }

    #[test]
    fn a_node_that_was_dead_while_the_message_was_under_way_is_down() {
        assert_eq!(judge(Some(60)), 0);
        assert_eq!(judge(Some(101)), 0);
    }

    #[test]
    fn the_last_words_of_a_process_are_judged_by_what_others_hear() {
        for (heard, found) in [(Some(150), 0), (Some(20), 1), (None, 1)] {
            let (mut invariant, mut violations) = (DownNodes::default(), Violations::default());
            let node = process(2).node;
            let sent = Sent {
                at: at(50),
                ..sent(0).as_ref().clone()
            };
            invariant.answered(at(100), Some(&Arc::new(sent)), &node);
            invariant.ended(at(101), &process(1));
            if let Some(millis) = heard {
                invariant.told(at(millis), &process(3), &node);
            }
            invariant.check(at(200), &mut violations);
            invariant.check(at(5_200), &mut violations);
            assert_eq!(violations.into_vec().len(), found, "{heard:?}");
        }
    }

    #[test]
    fn a_node_that_was_removed_meanwhile_is_down() {
        for (is_member, found) in [(true, 1), (false, 0)] {
            let (mut invariant, mut violations) = (DownNodes::default(), Violations::default());
            let node = process(2).node;
            let alive: &[Seen<'_>] = &[(&node, Incarnation::new(1), true)];
            invariant.seen(at(10), &process(1), alive);
            invariant.seen(at(60), &process(1), if is_member { alive } else { &[] });
            invariant.answered(at(100), Some(&sent(0)), &node);
            invariant.check(at(200), &mut violations);
            assert_eq!(violations.into_vec().len(), found);
        }
    }

    #[test]
    fn a_node_that_had_come_back_before_is_not_down() {
        assert_eq!(judge(Some(20)), 1);
    }
}
