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

/// An answer that is judged once the node's state of that moment was seen.
#[derive(Debug)]
struct Said {
    /// When the message was sent, and when the answer came.
    during: (Duration, Duration),
    id: MessageId,
    by: Process,
    of: NodeId,
}

/// When each process last held each other node dead, or saw it replaced by its next incarnation.
#[derive(Debug, Default)]
pub(super) struct DownNodes {
    last_dead: BTreeMap<(Process, NodeId), Duration>,
    incarnations: BTreeMap<(Process, NodeId), Incarnation>,
    said: VecDeque<Said>,
}

impl DownNodes {
    pub(super) fn view(&mut self, at: Duration, view: &View) {
        for (node, member) in &view.state.members {
            let key = (view.process.clone(), node.clone());
            let before = self.incarnations.insert(key.clone(), member.incarnation);
            let is_replaced = before.is_some_and(|before| before != member.incarnation);
            if is_replaced || !member.is_alive() {
                self.last_dead.insert(key, at);
            }
        }
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

    pub(super) fn check(&mut self, at: Duration, violations: &mut Violations) {
        let is_due = |said: &mut Said| said.during.1 + SLACK < at;
        while let Some(said) = self.said.pop_front_if(is_due) {
            let Said {
                during: (from, until),
                id,
                by,
                of,
            } = said;
            let dead = self.last_dead.get(&(by.clone(), of.clone()));
            if dead.is_none_or(|dead| *dead + SLACK < from) {
                violations.add(until, NAME, format!("{id}: {by} said that {of} is down"));
            }
        }
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
    fn a_node_that_had_come_back_before_is_not_down() {
        assert_eq!(judge(Some(20)), 1);
    }
}
