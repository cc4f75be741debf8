use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use raftwire_websocket::MessageKind;

use super::FanoutServerKind;
use super::arrivals::Arrivals;
use super::payload::Stamp;
use crate::connection::{Connection, Lost, Seen};
use crate::dialect::{self, HEAD_BYTES};
use crate::machine::Nanos;
use crate::meter::Meter;

/// A connection that hears what one sender says to all.
#[derive(Debug)]
pub(super) struct FanoutReceiver {
    connection: Connection,
    meter: Rc<Meter>,
    arrivals: Rc<RefCell<Arrivals>>,
    order: Order,
}

/// What has to come next.
#[derive(Debug)]
struct Order {
    kind: FanoutServerKind,
    bytes: usize,
    /// The number of the node's last message to this connection: it counts from 1.
    last: u64,
    /// The number that the sender's next message has; `None`: nothing was heard of it.
    next: Option<u64>,
}

impl FanoutReceiver {
    pub(super) fn new(
        connection: Connection,
        kind: FanoutServerKind,
        bytes: usize,
        meter: Rc<Meter>,
        arrivals: Rc<RefCell<Arrivals>>,
    ) -> FanoutReceiver {
        FanoutReceiver {
            connection,
            meter,
            arrivals,
            order: Order {
                kind,
                bytes,
                last: 0,
                next: None,
            },
        }
    }

    /// Takes bytes that had come when the connection was opened.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        let FanoutReceiver {
            connection,
            meter,
            arrivals,
            order,
        } = self;
        let mut arrivals = arrivals.borrow_mut();
        connection.take(bytes, |seen| {
            order.hear(seen, Nanos::now(), meter, &mut arrivals);
        })
    }

    /// Hears messages until the connection ends.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Lost> {
        loop {
            match ready!(self.poll_messages(context)) {
                Ok(()) => {}
                Err(lost) => return Poll::Ready(lost),
            }
            if let Poll::Ready(Err(lost)) = self.connection.poll_flush(context) {
                return Poll::Ready(lost);
            }
        }
    }

    /// The connection has ended: it is not waited for.
    pub(super) fn lose(&self, lost: &Lost) {
        self.arrivals.borrow_mut().lost(self.order.next);
        self.meter.lose(lost);
    }

    fn poll_messages(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        let FanoutReceiver {
            connection,
            meter,
            arrivals,
            order,
        } = self;
        let mut arrivals = arrivals.borrow_mut();
        let mut buffer = meter.buffer.borrow_mut();
        let mut read_at = None;
        connection.poll_read(context, &mut buffer, |seen| {
            let now = *read_at.get_or_insert_with(Nanos::now);
            order.hear(seen, now, meter, &mut arrivals);
        })
    }
}

impl Order {
    fn hear(&mut self, seen: Seen<'_>, now: Nanos, meter: &Meter, arrivals: &mut Arrivals) {
        let stamp = match self.read(seen) {
            Ok(Some(stamp)) => stamp,
            Ok(None) => return,
            Err(why) => return meter.fail(why),
        };
        match self.next {
            None => arrivals.hears(),
            Some(next) if next == stamp.number => {}
            Some(next) => {
                let number = stamp.number;
                return meter.fail(format!(
                    "message {number} came to a receiver that had to get message {next}"
                ));
            }
        }
        self.next = Some(stamp.number + 1);
        let Some(since) = stamp.since else { return };
        if meter.counts(now) {
            let mut tally = meter.tally.borrow_mut();
            tally.latency.record(now.since(since));
        }
        arrivals.arrived(stamp.number);
    }

    /// `None`: none of the sender's messages.
    fn read(&mut self, seen: Seen<'_>) -> Result<Option<Stamp>, String> {
        let head = match self.kind {
            FanoutServerKind::Plain => 0,
            FanoutServerKind::Node => match dialect::message_number(seen.beginning) {
                None => return Ok(None),
                Some(number) if number == self.last + 1 => {
                    self.last = number;
                    HEAD_BYTES
                }
                Some(number) => {
                    let last = self.last;
                    return Err(format!(
                        "a node's message {number} came to a receiver after message {last}"
                    ));
                }
            },
        };
        let (kind, len) = (seen.kind, seen.len);
        let stamp = match Stamp::read(&seen.beginning[head..]) {
            Some(stamp) if kind == MessageKind::Binary && len == (head + self.bytes) as u64 => {
                stamp
            }
            _ => {
                return Err(format!(
                    "a {kind:?} message of {len} bytes came to a receiver, and the sender's are binary and have {}",
                    head + self.bytes
                ));
            }
        };
        Ok(Some(stamp))
    }
}
