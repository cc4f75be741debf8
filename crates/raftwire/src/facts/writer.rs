//! The rows of this node, and the numbered history of their changes. Pure: no clock, no lock.

use std::collections::VecDeque;

use raftwire_protocol::Incarnation;

use super::row::{Cursor, Row};
use super::rows::Rows;
use super::step::{Change, Digest, Position, Step};

/// Changes that a writer keeps for those that are behind; who is further behind takes the whole set.
/// A minute of a thousand changes a second, and at most 20 MiB with the longest texts.
pub(super) const LOG_CHANGES_MAX: usize = 65_536;
/// Bytes of one step: a segment of the link, so that it is never put together of parts, and takes the
/// line for no longer than a chunk of a message does.
pub(crate) const STEP_BYTES_MAX: usize = 24 * 1024;

/// The one writer of this node's rows.
#[derive(Debug)]
pub(super) struct Writer {
    incarnation: Incarnation,
    sequence: u64,
    rows: Rows,
    /// The last changes; the newest has the number `sequence`.
    log: VecDeque<Change>,
    log_changes_max: usize,
}

impl Writer {
    pub(super) fn new(log_changes_max: usize) -> Writer {
        Writer {
            incarnation: Incarnation::NONE,
            sequence: 0,
            rows: Rows::default(),
            log: VecDeque::new(),
            log_changes_max,
        }
    }

    pub(super) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Another incarnation begins another history: as if each row that is held were one change of it.
    pub(super) fn begin(&mut self, incarnation: Incarnation) {
        self.incarnation = incarnation;
        self.sequence = self.rows.len() as u64;
        self.log.clear();
    }

    /// The row is held from now on, or no longer. Called only when that changes.
    pub(super) fn change(&mut self, row: Row, is_held: bool) {
        debug_assert_ne!(
            self.rows.contains(&row),
            is_held,
            "a change changes something"
        );
        let change = Change { row, is_held };
        self.rows.apply(change.clone());
        self.sequence += 1;
        self.log.push_back(change);
        if self.log.len() > self.log_changes_max {
            self.log.pop_front();
        }
    }

    pub(super) fn digest(&self) -> Digest {
        Digest {
            sequence: self.sequence,
            hash: self.rows.hash(),
        }
    }

    /// Whether the changes behind this number are still known.
    pub(super) fn remembers(&self, sequence: u64) -> bool {
        sequence <= self.sequence && self.sequence - sequence <= self.log.len() as u64
    }

    /// The changes behind this number, as many as a step takes. `None`: there are none, or they are
    /// no longer known.
    pub(super) fn changes_since(&self, sequence: u64) -> Option<Step> {
        let position = Position {
            sequence,
            cursor: Cursor::End,
        };
        let is_news = sequence < self.sequence && self.remembers(sequence);
        is_news.then(|| self.step(position))
    }

    /// The next step for a copy at this position; the first one of the whole set where the changes
    /// since are no longer known.
    pub(super) fn step(&self, mut from: Position) -> Step {
        if !self.remembers(from.sequence) || from.cursor == Cursor::Start {
            from = Position {
                sequence: self.sequence,
                cursor: Cursor::Start,
            };
        }
        let mut room = STEP_BYTES_MAX;
        let behind = usize::try_from(self.sequence - from.sequence).unwrap_or(usize::MAX);
        let changes = self
            .log
            .range(self.log.len() - behind.min(self.log.len())..);
        let changes: Vec<Change> = changes
            .take_while(|change| takes(&mut room, change.row.cost()))
            .cloned()
            .collect();
        let sequence = from.sequence + changes.len() as u64;
        let (rows, cursor) = if sequence == self.sequence {
            self.rows_after(&from.cursor, room)
        } else {
            (Vec::new(), from.cursor.clone())
        };
        let to = Position { sequence, cursor };
        Step {
            from,
            changes,
            rows,
            to,
        }
    }

    fn rows_after(&self, cursor: &Cursor, mut room: usize) -> (Vec<Row>, Cursor) {
        let mut behind = self.rows.after(cursor).peekable();
        let mut rows = Vec::new();
        while let Some(row) = behind.next_if(|row| takes(&mut room, row.cost())) {
            rows.push(row.clone());
        }
        let cursor = match (behind.peek(), rows.last()) {
            (None, _) => Cursor::End,
            (Some(_), Some(last)) => Cursor::After(last.clone()),
            (Some(_), None) => cursor.clone(),
        };
        (rows, cursor)
    }
}

fn takes(room: &mut usize, cost: usize) -> bool {
    let fits = cost <= *room;
    *room = room.saturating_sub(cost);
    fits
}

const _: () = {
    assert!(STEP_BYTES_MAX < raftwire_protocol::link_packet::LINK_SEGMENT_BYTES_MAX);
    assert!(
        STEP_BYTES_MAX > 4 * raftwire_protocol::limits::NAME_BYTES_MAX,
        "every step makes progress"
    );
};
