use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::connection::{Connection, Lost};
use crate::dialect;
use crate::machine::Nanos;
use crate::meter::Meter;

/// A connection that is sent to: it counts the messages, whose order is theirs.
#[derive(Debug)]
pub(crate) struct Receiver {
    connection: Connection,
    meter: Rc<Meter>,
    /// The number of the last message: a node counts from 1.
    last: u64,
}

impl Receiver {
    pub(crate) fn new(connection: Connection, meter: Rc<Meter>) -> Receiver {
        Receiver {
            connection,
            meter,
            last: 0,
        }
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Lost> {
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

    fn poll_messages(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        let Receiver {
            connection,
            meter,
            last,
        } = self;
        let mut buffer = meter.buffer.borrow_mut();
        let mut received = 0;
        let read = connection.poll_read(context, &mut buffer, |seen| {
            let Some(number) = dialect::message_number(seen.beginning) else {
                return;
            };
            if number != *last + 1 {
                meter.fail(format!(
                    "message {number} was received after message {last}"
                ));
            }
            *last = number;
            received += 1;
        });
        if received > 0 && meter.counts(Nanos::now()) {
            meter.tally.borrow_mut().received += received;
        }
        read
    }
}
