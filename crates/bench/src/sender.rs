use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use raftwire_websocket::MessageKind;

use crate::connection::{Connection, Lost, Seen};
use crate::machine::Nanos;
use crate::meter::Meter;
use crate::pace::Pace;
use crate::protocol::PROBE;
use crate::window::Window;

/// What is said over a connection, and how it is answered.
pub(crate) trait Talk: 'static {
    /// The message with this number, in memory that is used again.
    fn compose(&mut self, number: u64) -> &[u8];

    /// What its messages are to WebSocket.
    fn kind(&self) -> MessageKind {
        MessageKind::Binary
    }

    /// What a message of the server is; in order, the message with the number `oldest` is answered next.
    fn read<'a>(&self, seen: Seen<'a>, oldest: u64) -> Answer<'a>;
}

/// What a message of the server is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// The answer to the message with this number.
    To { number: u64, outcome: &'a str },
    /// The message with this number is not waited for any more.
    NotArriving { number: u64, outcome: &'a str },
    /// What became of a message that is waited for elsewhere.
    Said(&'a str),
    /// The server wants this back.
    Reply(&'static [u8]),
    /// Nothing that is waited for.
    Nothing,
    /// What must not come: the measurement is worth nothing.
    Wrong(String),
}

/// A connection that sends, with a number of messages unanswered at a time.
#[derive(Debug)]
pub(crate) struct Sender<T> {
    connection: Connection,
    talk: T,
    window: Window,
    /// `None`: the next message goes as soon as there is room.
    pace: Option<Pace>,
    meter: Rc<Meter>,
    waker: Option<Waker>,
}

impl<T: Talk> Sender<T> {
    pub(crate) fn new(
        connection: Connection,
        talk: T,
        in_flight_max: usize,
        pace: Option<Pace>,
        meter: Rc<Meter>,
    ) -> Sender<T> {
        Sender {
            connection,
            talk,
            window: Window::new(in_flight_max),
            pace,
            meter,
            waker: None,
        }
    }

    /// Sends what is due and has room, and has the task write what the socket does not take at once.
    pub(crate) fn push(&mut self, now: Nanos) {
        self.fill(now);
        if !matches!(self.connection.try_flush(), Ok(true))
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }

    /// The message with this number has arrived.
    pub(crate) fn arrived(&mut self, number: u64, now: Nanos) {
        // `None`: a result that came before said that it would not.
        if let Some(since) = self.window.answer(number)
            && self.meter.counts(now)
        {
            let latency = now.since(since);
            self.meter.tally.borrow_mut().latency.record(latency);
        }
    }

    /// Messages that were meant to be sent before the end, and were not.
    pub(crate) fn overdue(&self, end: Nanos) -> u64 {
        let last = Nanos(end.0 - 1);
        self.pace
            .map_or(0, |pace| pace.due(last).saturating_sub(self.window.next()))
    }

    /// Reads answers and sends what they make room for, until the connection ends.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Lost> {
        match self.poll_turns(context) {
            Poll::Ready(Err(lost)) => Poll::Ready(lost),
            Poll::Ready(Ok(())) | Poll::Pending => {
                // Something else than this task may send.
                if !(self.waker.as_ref()).is_some_and(|waker| waker.will_wake(context.waker())) {
                    self.waker = Some(context.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// Pending, or an error.
    fn poll_turns(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.fill(Nanos::now());
        loop {
            // What the socket does not take waits for it, and for what is read meanwhile.
            if let Poll::Ready(Err(lost)) = self.connection.poll_flush(context) {
                return Poll::Ready(Err(lost));
            }
            match self.poll_answers(context) {
                Poll::Ready(Ok(now)) => self.fill(now),
                Poll::Ready(Err(lost)) => return Poll::Ready(Err(lost)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Reads once; when that was.
    fn poll_answers(&mut self, context: &mut Context<'_>) -> Poll<Result<Nanos, Lost>> {
        let Sender {
            connection,
            talk,
            window,
            meter,
            ..
        } = self;
        let mut buffer = meter.buffer.borrow_mut();
        let mut tally = meter.tally.borrow_mut();
        let mut read_at = None;
        let read = connection.poll_read_and_answer(context, &mut buffer, |seen, outgoing| {
            let now = *read_at.get_or_insert_with(Nanos::now);
            match talk.read(seen, window.oldest()) {
                Answer::To { number: PROBE, .. } => {}
                Answer::To { number, outcome } => match window.answer(number) {
                    Some(since) if meter.counts(now) => {
                        tally.latency.record(now.since(since));
                        tally.outcome(outcome);
                    }
                    Some(_) => {}
                    None => meter.fail(format!(
                        "an answer to message {number}, which waits for none"
                    )),
                },
                Answer::NotArriving { number, outcome } => {
                    window.answer(number);
                    if meter.counts(now) {
                        tally.outcome(outcome);
                    }
                }
                Answer::Said(outcome) if meter.counts(now) => tally.outcome(outcome),
                Answer::Reply(reply) => outgoing.message(talk.kind(), reply),
                Answer::Said(_) | Answer::Nothing => {}
                Answer::Wrong(why) => meter.fail(why),
            }
        });
        read.map_ok(|()| read_at.unwrap_or_else(Nanos::now))
    }

    fn fill(&mut self, now: Nanos) {
        while let Some(number) = self.window.send_due(self.pace, now) {
            let kind = self.talk.kind();
            self.connection.write(kind, self.talk.compose(number));
        }
    }
}
