//! This node's copy of the rows of another one. Pure: time is passed in.

use std::time::{Duration, Instant};

use super::row::{Cursor, Row};
use super::rows::Rows;
use super::step::{Digest, Position, Step};

/// How long an answer to a pull may take before it is asked for again: the time between two digests,
/// which is when a copy learns that it is still behind.
const PULL_RETRY: Duration = Duration::from_secs(1);

/// What the keeper of a copy is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pull(pub(super) Position);

/// What another node sent makes no sense, and was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("facts that contradict themselves, or are over a limit")]
pub(super) struct ImpossibleFacts;

/// The rows of one incarnation of another node, always as they were after one of its changes.
#[derive(Debug)]
pub(super) struct Replica {
    sequence: u64,
    rows: Rows,
    rows_max: usize,
    /// Nothing is known that is missing.
    is_current: bool,
    /// The whole set, as far as it has come.
    filling: Option<(Position, Rows)>,
    pulled_at: Option<Instant>,
}

impl Replica {
    /// The copy before the first change, which may be far behind. It refuses more rows than `rows_max`.
    pub(super) fn new(rows_max: usize) -> Replica {
        Replica {
            sequence: 0,
            rows: Rows::default(),
            rows_max,
            is_current: false,
            filling: None,
            pulled_at: None,
        }
    }

    /// The number of the last change that the copy contains.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether the node may hold the row: it said so, or this copy is known to be behind.
    pub(super) fn may_hold(&self, row: &Row) -> bool {
        !self.is_current || self.rows.contains(row)
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    pub(super) fn is_current(&self) -> bool {
        self.is_current
    }

    /// Something may have been missed.
    pub(super) fn doubt(&mut self) {
        self.is_current = false;
        self.pulled_at = None;
    }

    /// Where the rest is wanted from, unless it was asked for just now.
    pub(super) fn pull(&mut self, now: Instant) -> Option<Pull> {
        let is_asked = self.pulled_at.is_some_and(|at| at + PULL_RETRY > now);
        if is_asked {
            return None;
        }
        self.pulled_at = Some(now);
        Some(Pull(self.position()))
    }

    fn position(&self) -> Position {
        match &self.filling {
            Some((position, _)) => position.clone(),
            None => Position {
                sequence: self.sequence,
                cursor: Cursor::End,
            },
        }
    }

    pub(super) fn on_digest(&mut self, digest: &Digest, now: Instant) -> Option<Pull> {
        if digest.sequence < self.sequence {
            return None;
        }
        if digest.sequence == self.sequence && digest.hash == self.rows.hash() {
            (self.is_current, self.filling, self.pulled_at) = (true, None, None);
            return None;
        }
        self.is_current = false;
        if digest.sequence == self.sequence && self.filling.is_none() {
            // What cannot be: begin anew.
            let from = Position {
                sequence: self.sequence,
                cursor: Cursor::Start,
            };
            self.filling = Some((from, Rows::default()));
        }
        self.pull(now)
    }

    /// Takes a step, if it leads on from where the copy is.
    ///
    /// # Errors
    /// The step cannot be.
    pub(super) fn on_step(
        &mut self,
        step: Step,
        now: Instant,
    ) -> Result<Option<Pull>, ImpossibleFacts> {
        let numbers = step.to.sequence.checked_sub(step.from.sequence);
        if numbers != Some(step.changes.len() as u64) {
            return Err(ImpossibleFacts);
        }
        if step.from.cursor == Cursor::End {
            return self.follow(step, now);
        }
        self.fill(step, now)
    }

    /// Changes for a whole copy: those that it has are skipped.
    fn follow(&mut self, step: Step, now: Instant) -> Result<Option<Pull>, ImpossibleFacts> {
        if step.from.sequence > self.sequence {
            // Some before these are missing.
            self.is_current = false;
            return Ok(self.pull(now));
        }
        let known = usize::try_from(self.sequence - step.from.sequence).unwrap_or(usize::MAX);
        if known > step.changes.len() {
            return Ok(None);
        }
        if self.rows.len() + step.changes.len() > self.rows_max {
            return Err(ImpossibleFacts);
        }
        for change in step.changes.into_iter().skip(known) {
            self.rows.apply(change);
            self.sequence += 1;
        }
        self.abandon_filling();
        Ok(None)
    }

    /// What is followed has overtaken what is being fetched.
    fn abandon_filling(&mut self) {
        let is_overtaken = |(position, _): &(Position, Rows)| position.sequence <= self.sequence;
        if self.filling.as_ref().is_some_and(is_overtaken) {
            self.filling = None;
        }
    }

    /// A part of the whole set: only the one that is asked for, or the first.
    fn fill(&mut self, step: Step, now: Instant) -> Result<Option<Pull>, ImpossibleFacts> {
        let (position, mut rows) = match self.filling.take() {
            Some(filling) if filling.0 == step.from => filling,
            _ if step.from.cursor == Cursor::Start && step.to.sequence >= self.sequence => {
                (step.from.clone(), Rows::default())
            }
            other => {
                self.filling = other;
                return Ok(None);
            }
        };
        if step.to.cursor < position.cursor
            || rows.len() + step.rows.len() + step.changes.len() > self.rows_max
        {
            return Err(ImpossibleFacts);
        }
        for change in step.changes {
            if position.cursor.covers(&change.row) {
                rows.apply(change);
            }
        }
        for row in step.rows {
            rows.insert(row);
        }
        self.pulled_at = None;
        if step.to.cursor != Cursor::End {
            self.filling = Some((step.to, rows));
            return Ok(self.pull(now));
        }
        if step.to.sequence >= self.sequence {
            (self.rows, self.sequence) = (rows, step.to.sequence);
        }
        Ok(None)
    }
}
