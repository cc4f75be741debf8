use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::connection::{Connection, Lost};
use crate::dialect;
use crate::machine::Nanos;
use crate::meter::Meter;
use crate::sender::{Sender, Talk};

/// A connection that is sent to: it counts the messages, whose order is theirs.
#[derive(Debug)]
pub(crate) struct Receiver<T> {
    connection: Connection,
    meter: Rc<Meter>,
    /// The number of the last message: a node counts from 1.
    last: u64,
    /// Who waits for the messages themselves.
    sender: Option<Rc<RefCell<Sender<T>>>>,
}

impl<T: Talk> Receiver<T> {
    pub(crate) fn new(
        connection: Connection,
        meter: Rc<Meter>,
        sender: Option<Rc<RefCell<Sender<T>>>>,
    ) -> Receiver<T> {
        Receiver {
            connection,
            meter,
            last: 0,
            sender,
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
            sender,
        } = self;
        let mut sender = sender.as_ref().map(|sender| sender.borrow_mut());
        let mut buffer = meter.buffer.borrow_mut();
        let (mut received, mut read_at) = (0, None);
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
            let now = *read_at.get_or_insert_with(Nanos::now);
            if let Some(sender) = &mut sender {
                match dialect::payload_number(seen.beginning) {
                    Some(number) => sender.arrived(number, now),
                    None => meter.fail("a message was received without its number".to_owned()),
                }
            }
        });
        let Some(now) = read_at else { return read };
        if meter.counts(now) {
            meter.tally.borrow_mut().received += received;
        }
        if let Some(sender) = &mut sender {
            sender.push(now);
        }
        read
    }
}
