use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use raftwire_websocket::MessageKind;

use super::payload::Stamp;
use super::shared::Shared;
use super::{FanoutPlan, FanoutServerKind};
use crate::connection::{Connection, Lost, Seen};
use crate::dialect::{self, COUNTS, Counts, ERROR};
use crate::machine::Nanos;
use crate::meter::Meter;
use crate::pace::Pace;

/// The connection that says everything.
#[derive(Debug)]
pub(super) struct FanoutSender {
    connection: Connection,
    /// Where the payload begins in the message.
    payload_at: usize,
    message: Vec<u8>,
    kind: FanoutServerKind,
    shared: Arc<Shared>,
    meter: Rc<Meter>,
    /// Messages of a burst, and of all bursts in flight.
    burst: usize,
    in_flight_max: usize,
    /// Messages that some receivers do not have, since when.
    waiting: VecDeque<(u64, Nanos)>,
    next: u64,
    /// Bursts that were sent of those that the pace wants.
    bursts: u64,
    course: Option<Course>,
}

/// When bursts are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    pub(super) end: Nanos,
    /// Of bursts; `None`: one follows as soon as it may.
    pub(super) pace: Option<Pace>,
}

impl FanoutSender {
    /// To everybody in `group`, where the server has groups.
    pub(super) fn new(
        connection: Connection,
        plan: &FanoutPlan,
        group: &str,
        shared: Arc<Shared>,
        meter: Rc<Meter>,
    ) -> FanoutSender {
        let mut message = match plan.kind {
            FanoutServerKind::Node => dialect::group_send_head(group),
            FanoutServerKind::Plain => Vec::new(),
        };
        let payload_at = message.len();
        message.resize(payload_at + plan.bytes, b'x');
        FanoutSender {
            connection,
            payload_at,
            message,
            kind: plan.kind,
            shared,
            meter,
            burst: plan.burst,
            in_flight_max: plan.burst * plan.in_flight,
            waiting: VecDeque::new(),
            next: 0,
            bursts: 0,
            course: None,
        }
    }

    /// Says something that nobody waits for, to see who hears it: when all are connected, and nothing counts yet.
    pub(super) fn probe(&mut self) {
        if self.course.is_none() && self.shared.is_open() {
            self.write(None);
            self.shared.waker.wake();
        }
    }

    /// Begins with what counts.
    pub(super) fn begin(&mut self, course: Course) {
        self.course = Some(course);
        self.shared.waker.wake();
    }

    /// Messages that some receivers do not have.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Messages that were meant to be sent before the end, and were not.
    pub(super) fn overdue(&self) -> u64 {
        let course = self.course.as_ref();
        let overdue = course.and_then(|course| {
            let due = course.pace?.due(Nanos(course.end.0 - 1));
            Some(due.saturating_sub(self.bursts) * self.burst as u64)
        });
        overdue.unwrap_or_default()
    }

    /// Sends when it may, until the connection ends.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Lost> {
        // First, so that nothing that becomes complete meanwhile is missed.
        self.shared.waker.register(context.waker());
        loop {
            let now = Nanos::now();
            self.complete(now);
            self.fill(now);
            if let Poll::Ready(Err(lost)) = self.connection.poll_flush(context) {
                return Poll::Ready(lost);
            }
            match self.poll_answers(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(lost)) => return Poll::Ready(lost),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_answers(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        let (kind, meter) = (self.kind, &self.meter);
        let mut buffer = meter.buffer.borrow_mut();
        self.connection.poll_read(context, &mut buffer, |seen| {
            if kind == FanoutServerKind::Node {
                hear(seen, meter);
            }
        })
    }

    fn complete(&mut self, now: Nanos) {
        let complete = self.shared.complete();
        while let Some((number, since)) = self.waiting.front().copied()
            && number < complete
        {
            self.waiting.pop_front();
            if self.meter.counts(now) {
                let mut tally = self.meter.tally.borrow_mut();
                tally.completion.record(now.since(since));
            }
        }
    }

    fn fill(&mut self, now: Nanos) {
        let Some(course) = self.course else { return };
        while self.waiting.len() + self.burst <= self.in_flight_max && now < course.end {
            let since = match course.pace.map(|pace| pace.time_of(self.bursts)) {
                None => now,
                Some(time) if time <= now => time,
                Some(_) => return,
            };
            self.bursts += 1;
            for _ in 0..self.burst {
                self.waiting.push_back((self.next, since));
                self.write(Some(since));
            }
            if self.meter.counts(now) {
                self.meter.tally.borrow_mut().sent += self.burst as u64;
            }
        }
    }

    fn write(&mut self, since: Option<Nanos>) {
        let number = self.next;
        self.next += 1;
        if self.kind == FanoutServerKind::Node {
            dialect::set_number(&mut self.message, number);
        }
        let payload = &mut self.message[self.payload_at..];
        Stamp { number, since }.write(payload);
        self.connection.write(MessageKind::Binary, &self.message);
    }
}

/// Counts what the node says of a message.
fn hear(seen: Seen<'_>, meter: &Meter) {
    let said = seen.beginning;
    if said.starts_with(ERROR) {
        return meter.fail(String::from_utf8_lossy(said).into_owned());
    }
    if !said.starts_with(COUNTS) {
        return;
    }
    let counts: Counts = match serde_json::from_slice(said) {
        Ok(counts) => counts,
        Err(error) => return meter.fail(format!("the node's counts: {error}")),
    };
    if !meter.counts(Nanos::now()) {
        return;
    }
    let mut tally = meter.tally.borrow_mut();
    tally.outcome_of(counts.delivered, dialect::DELIVERED);
    for (why, count) in &counts.failed {
        tally.outcome_of(*count, why);
    }
    for (missed, what) in [
        (&counts.missed_nodes, "node_missed"),
        (&counts.unknown_nodes, "node_unknown"),
    ] {
        for why in missed.values() {
            tally.outcome(&format!("{what}: {why}"));
        }
    }
}
