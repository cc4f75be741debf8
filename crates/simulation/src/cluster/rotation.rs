//! The exchange of the secret, node by node, as docs/security.md has it.

use std::time::Duration;

use super::Cluster;
use super::machine::{Keys, Power};
use crate::scenario;

/// How long the operator waits for a node that was restarted before the next one has its turn all the
/// same: faults may keep a node from being ready for longer than there is time.
const PATIENCE: Duration = Duration::from_secs(4);

/// How far the exchange is.
#[derive(Debug)]
pub(super) struct Rotation {
    begins_at: Duration,
    /// What all nodes are to have at the end of this round.
    round: Keys,
    /// The machine that was restarted last, which start of it was before, and when.
    waits_for: Option<(usize, u64, Duration)>,
}

impl Rotation {
    pub(super) fn new(plan: &scenario::Rotation) -> Rotation {
        Rotation {
            begins_at: plan.begins_at,
            round: Keys::Both,
            waits_for: None,
        }
    }
}

impl Cluster<'_> {
    /// Goes on with the exchange of the secret, if it is time.
    pub(crate) fn rotate(&mut self) {
        let now = self.now();
        let Some(rotation) = &self.rotation else {
            return;
        };
        if now < rotation.begins_at || self.waits(rotation, now) {
            return;
        }
        let round = rotation.round;
        let next = self.machines.iter().position(|machine| {
            machine.keyring.configured() != round && matches!(machine.power, Power::On | Power::Off)
        });
        match next {
            Some(next) => self.give_keys(next, round),
            None if round == Keys::Both && self.all_have_both() => self.begin_last_round(),
            None => {}
        }
    }

    /// Whether the node that was restarted last is still to become ready.
    fn waits(&self, rotation: &Rotation, now: Duration) -> bool {
        let Some((number, start, since)) = rotation.waits_for else {
            return false;
        };
        let views = self.board.views();
        let view = views.get(&self.machines[number].node);
        let is_back = view.is_some_and(|view| view.process.start > start && view.is_ready);
        !is_back && now.saturating_sub(since) < PATIENCE
    }

    fn give_keys(&mut self, number: usize, keys: Keys) {
        let now = self.now();
        let machine = &mut self.machines[number];
        let start = machine.process().start;
        if machine.power == Power::On {
            if !self.board.ask_to_stop(&machine.node) {
                // It has not started yet.
                return;
            }
            machine.power = Power::Stopping { again: true };
        }
        machine.keyring.configure(keys);
        let text = format!("{} is to have {keys:?} of the secrets", machine.node);
        if let Some(rotation) = &mut self.rotation {
            rotation.waits_for = Some((number, start, now));
        }
        self.note(text);
    }

    /// Whether no node is left that knows the old secret only.
    fn all_have_both(&self) -> bool {
        let mut machines = self.machines.iter();
        machines.all(|machine| {
            machine.keyring.configured() == Keys::Both
                && (machine.power == Power::Off || machine.keyring.in_use() == Keys::Both)
        })
    }

    fn begin_last_round(&mut self) {
        if let Some(rotation) = &mut self.rotation {
            rotation.round = Keys::New;
        }
    }
}
