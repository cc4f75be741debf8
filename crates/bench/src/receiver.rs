use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::connection::{Connection, Lost, Outgoing, Seen};
use crate::machine::Nanos;
use crate::meter::Meter;
use crate::protocol::PROBE;
use crate::sender::{Sender, Talk};

/// What is heard on a connection that is sent to.
pub(crate) trait Hear: 'static {
    /// What a message of the server is, `None` for none of the sender's. What the server or the sender waits for
    /// is added to what is to be written.
    fn hear(&mut self, seen: Seen<'_>, outgoing: &mut Outgoing) -> Option<Heard>;
}

/// A message that a sender has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Its place among the messages to this receiver, from 1; `None`: the server promises no order.
    pub(crate) place: Option<u64>,
    /// The number that its sender has given it, if it is in the message.
    pub(crate) number: Option<u64>,
}

/// A connection that is sent to: it counts the messages, whose order is theirs.
#[derive(Debug)]
pub(crate) struct Receiver<T, H> {
    connection: Connection,
    hear: H,
    meter: Rc<Meter>,
    /// The place of the last message.
    last: u64,
    /// Who waits for the messages themselves.
    sender: Option<Rc<RefCell<Sender<T>>>>,
}

impl<T: Talk, H: Hear> Receiver<T, H> {
    pub(crate) fn new(
        connection: Connection,
        hear: H,
        meter: Rc<Meter>,
        sender: Option<Rc<RefCell<Sender<T>>>>,
    ) -> Receiver<T, H> {
        Receiver {
            connection,
            hear,
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
            hear,
            meter,
            last,
            sender,
        } = self;
        let mut sender = sender.as_ref().map(|sender| sender.borrow_mut());
        let mut buffer = meter.buffer.borrow_mut();
        let (mut received, mut read_at) = (0, None);
        let read = connection.poll_read_and_answer(context, &mut buffer, |seen, outgoing| {
            let heard = hear.hear(seen, outgoing);
            let Some(heard) = heard.filter(|heard| heard.number != Some(PROBE)) else {
                return;
            };
            if let Some(place) = heard.place {
                if place != *last + 1 {
                    meter.fail(format!("message {place} was received after message {last}"));
                }
                *last = place;
            }
            received += 1;
            let now = *read_at.get_or_insert_with(Nanos::now);
            if let Some(sender) = &mut sender {
                match heard.number {
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
