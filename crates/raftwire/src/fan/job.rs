//! Fan-outs at the node that holds the connections: a part at a time.

use raftwire_protocol::{Frame, MintedId};
use smallvec::SmallVec;

use super::{Audience, FanCounts};
use crate::connection::{Delivery, Undeliverable};
use crate::facts::Row;

/// Messages that one turn puts into outboxes before others have theirs: under a millisecond.
const FAN_TURN_MAX: usize = 256;
/// Messages for the same audience that are delivered together: what a burst has, and few enough
/// that a turn still reaches many connections.
const FAN_TOGETHER_MAX: usize = 16;

/// Messages on their way into the outboxes of this node, all for the same audience. Of each, the
/// recipients share the payload, and what is made of it for their clients.
///
/// A connection that belongs to the audience from the first turn to the last is reached once by each,
/// in their order. It gets them one right behind the other, so that its socket's task, which wakes
/// at the first, writes them all at once.
#[derive(Debug)]
pub(crate) struct FanJob {
    row: Option<Row>,
    parts: SmallVec<[Part; 1]>,
    after: Option<MintedId>,
    has_begun: bool,
}

/// One of the messages.
#[derive(Debug)]
struct Part {
    frame: Frame,
    acknowledged: bool,
    counts: FanCounts,
}

impl FanJob {
    pub(crate) fn new(audience: &Audience, frame: Frame, acknowledged: bool) -> FanJob {
        let part = Part {
            frame: frame.for_many(),
            acknowledged,
            counts: FanCounts::default(),
        };
        FanJob {
            row: audience.row(),
            parts: SmallVec::from([part]),
            after: None,
            has_begun: false,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.frame.len()).sum()
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether the next job can become a part of this one.
    pub(crate) fn takes(&self, next: &FanJob) -> bool {
        let is_new = !self.has_begun && !next.has_begun;
        let is_room = self.parts.len() + next.parts.len() <= FAN_TOGETHER_MAX;
        is_new && is_room && self.row == next.row
    }

    /// Delivers the messages of the next job behind its own.
    pub(crate) fn join(&mut self, next: FanJob) {
        self.parts.extend(next.parts);
    }

    /// Reaches the next connections. Returns the counts of each message at the end.
    pub(crate) fn advance(
        &mut self,
        delivery: &Delivery,
    ) -> Option<impl Iterator<Item = FanCounts>> {
        self.has_begun = true;
        let reached_max = FAN_TURN_MAX / self.parts.len();
        let table = delivery.table();
        let page = match &self.row {
            Some(row) => table.memberships().page(row, self.after, reached_max),
            None => table.page(self.after.as_ref(), reached_max),
        };
        for id in &page {
            for part in &mut self.parts {
                let frame = part.frame.clone();
                let result = delivery.deliver((id, None), frame, part.acknowledged, None);
                part.counts.count(result.map_err(Undeliverable::from));
            }
        }
        self.after = page.last().copied();
        (page.len() < reached_max).then(|| self.parts.iter().map(|part| part.counts))
    }
}
