//! A fan-out at the node that holds the connections: a part at a time.

use raftwire_protocol::{Frame, MintedId};

use super::{Audience, FanCounts};
use crate::connection::{Delivery, Undeliverable};
use crate::facts::Row;

/// Connections that one turn of a fan-out reaches before others have theirs: under a millisecond.
const FAN_TURN_MAX: usize = 256;

/// A message on its way into the outboxes of this node. They share its payload, and what is made of it
/// for their clients.
///
/// A connection that belongs to the audience from the first turn to the last is reached once.
#[derive(Debug)]
pub(crate) struct FanJob {
    row: Option<Row>,
    frame: Frame,
    acknowledged: bool,
    after: Option<MintedId>,
    counts: FanCounts,
}

impl FanJob {
    pub(crate) fn new(audience: &Audience, frame: Frame, acknowledged: bool) -> FanJob {
        FanJob {
            row: audience.row(),
            frame: frame.for_many(),
            acknowledged,
            after: None,
            counts: FanCounts::default(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.frame.len()
    }

    /// Reaches the next connections, at most [`FAN_TURN_MAX`]. Returns the counts at the end.
    pub(crate) fn advance(&mut self, delivery: &Delivery) -> Option<FanCounts> {
        let table = delivery.table();
        let page = match &self.row {
            Some(row) => table.memberships().page(row, self.after, FAN_TURN_MAX),
            None => table.page(self.after.as_ref(), FAN_TURN_MAX),
        };
        for id in &page {
            let frame = self.frame.clone();
            let result = delivery.deliver((id, None), frame, self.acknowledged, None);
            self.counts.count(result.map_err(Undeliverable::from));
        }
        self.after = page.last().copied();
        (page.len() < FAN_TURN_MAX).then_some(self.counts)
    }
}
