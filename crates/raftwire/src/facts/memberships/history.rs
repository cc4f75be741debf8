//! The history of the table's rows, which copies follow.

use std::sync::MutexGuard;

use raftwire_protocol::Incarnation;
use tokio::sync::watch;

use super::{Memberships, lock};
use crate::facts::row::Cursor;
use crate::facts::step::{Digest, Position, Step};
use crate::facts::view::OwnedFactsView;
use crate::facts::writer::Writer;

/// How far this node's own history is: within which incarnation, after which change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) incarnation: u64,
    pub(crate) sequence: u64,
}

/// What there is behind one change of this node's history.
#[derive(Debug)]
pub(crate) enum Since {
    Changes(Step),
    Nothing,
    /// It is no longer known; the history is this far now.
    Forgotten {
        sequence: u64,
    },
}

impl Memberships {
    /// This node is a member in this incarnation now: another one begins another history.
    pub(crate) fn begin(&self, incarnation: Incarnation) {
        let mut writer = lock(&self.writer);
        if writer.incarnation() != incarnation {
            writer.begin(incarnation);
            self.tell(&writer);
        }
    }

    pub(in crate::facts) fn view(&self) -> OwnedFactsView {
        let writer = lock(&self.writer);
        let Digest { sequence, hash } = writer.digest();
        OwnedFactsView {
            incarnation: writer.incarnation(),
            sequence,
            hash,
            rows: writer.rows(),
            is_current: true,
        }
    }

    /// How far the history is: changes with it.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// How far this node's history is in this incarnation; `None` when it is another one's.
    pub(crate) fn digest(&self, incarnation: Incarnation) -> Option<Digest> {
        self.of_incarnation(incarnation)
            .map(|writer| writer.digest())
    }

    /// The changes behind a number, as many as a step takes.
    pub(crate) fn changes_since(&self, incarnation: Incarnation, sequence: u64) -> Since {
        let Some(writer) = self.of_incarnation(incarnation) else {
            return Since::Nothing;
        };
        match writer.changes_since(sequence) {
            Some(step) => Since::Changes(step),
            None if sequence < writer.sequence() => Since::Forgotten {
                sequence: writer.sequence(),
            },
            None => Since::Nothing,
        }
    }

    /// What a copy at this position is to have next; `None`: it is to follow the changes.
    pub(crate) fn step(&self, incarnation: Incarnation, position: Position) -> Option<Step> {
        let writer = self.of_incarnation(incarnation)?;
        let follows = position.cursor == Cursor::End && writer.remembers(position.sequence);
        (!follows).then(|| writer.step(position))
    }

    fn of_incarnation(&self, incarnation: Incarnation) -> Option<MutexGuard<'_, Writer>> {
        let writer = lock(&self.writer);
        (writer.incarnation() == incarnation).then_some(writer)
    }

    pub(super) fn tell(&self, writer: &Writer) {
        self.progress.send_replace(Progress {
            incarnation: writer.incarnation().get(),
            sequence: writer.sequence(),
        });
    }
}
