//! The one task that a client's connection has.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use raftwire::{ClusterManager, ClusterRouter, Outbox, RouteOptions};
use raftwire_environment::Environment;
use raftwire_protocol::{CloseCode, ConnectionId, Frame};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use tracing::{debug, trace};

use super::protocol::{FromClient, Malformed, SendRequest, Target, ToClient};
use super::{Answered, Dialect, Outgoing, Requests, SessionTask, Writer, ask};
use crate::authentication::Identity;
use crate::config::ClientOptions;
use crate::metrics::{ClientCounters, Ending};
use crate::websocket_engine::{EngineError, Received, Traffic, WebSocket};

/// How long the closing handshake may take; a client that does not answer is cut off.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that are read and thrown away while a connection closes, so that the close arrives.
const CLOSE_DISCARDED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of a connection that are not counted yet: a busy one would else write to the counters, which all
/// connections share, at each of its flushes.
const UNCOUNTED_BYTES_MAX: u64 = 16 * 1024;
/// Messages that are read before what is buffered is flushed, however much more could be read.
const RECEIVED_BETWEEN_FLUSHES_MAX: u32 = 64;

/// What all sessions of a node share.
#[derive(Debug)]
pub(crate) struct SessionContext {
    pub(crate) environment: Environment,
    pub(crate) manager: ClusterManager,
    pub(crate) options: ClientOptions,
    pub(crate) counters: ClientCounters,
}

/// A client that was let in.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) connection: ConnectionId,
    pub(crate) outbox: Outbox,
    pub(crate) identity: Identity,
    /// Its place among the clients that may be connected.
    pub(crate) place: OwnedSemaphorePermit,
}

/// One client: reads what it asks, writes what it is sent.
#[derive(Debug)]
pub(crate) struct Session<IO> {
    context: Arc<SessionContext>,
    dialect: Dialect,
    connection: ConnectionId,
    socket: WebSocket<IO>,
    outbox: Outbox,
    /// Its places among the clients that may be connected, and among the sockets.
    places: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
    writer: Writer,
    requests: Requests,
    received_since_flush: u32,
    vitals: Vitals,
    /// What the counters have of this connection's traffic.
    counted: Traffic,
}

/// What the last ping found.
#[derive(Debug, Default)]
struct Vitals {
    traffic: Traffic,
    silent_intervals: u8,
    stuck_intervals: u8,
}

/// What can happen next.
enum Step {
    Received(Option<Result<Received, EngineError>>),
    Flushed(Result<(), EngineError>),
    Answered(Answered),
}

/// Why a session goes on no further.
pub(super) enum End {
    /// The client is to be told.
    Close(CloseCode),
    /// The client has closed, with this code, and was answered.
    Closed(Option<u16>),
    /// Nobody is there to be told.
    Gone,
    /// The client takes nothing, not even a close.
    CutOff,
}

impl From<&End> for Ending {
    fn from(end: &End) -> Ending {
        match end {
            End::Close(code) => Ending::ClosedHere(*code),
            End::Closed(code) => Ending::ClosedByClient(*code),
            End::Gone => Ending::Broken,
            End::CutOff => Ending::CutOffHere,
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    pub(crate) fn new(
        context: Arc<SessionContext>,
        dialect: Dialect,
        (client, socket_place): (Admitted, Option<OwnedSemaphorePermit>),
        socket: WebSocket<IO>,
    ) -> Session<IO> {
        let requests = Requests::new(context.options.sends_in_flight_max);
        let mut session = Session {
            context,
            dialect,
            connection: client.connection,
            socket,
            outbox: client.outbox,
            places: (client.place, socket_place),
            writer: Writer::default(),
            requests,
            received_since_flush: 0,
            vitals: Vitals::default(),
            counted: Traffic::default(),
        };
        if dialect == Dialect::Raftwire {
            session.welcome(&client.identity);
        }
        session
    }

    /// Serves the client until one side ends it.
    pub(crate) fn run(self) -> SessionTask<IO> {
        let first_ping = self.first_ping();
        SessionTask::new(self, first_ping)
    }

    /// Counts the end; what is left to do, if anything is.
    pub(super) fn end(mut self, end: End) -> Option<impl Future<Output = ()>> {
        self.context.counters.ended(Ending::from(&end));
        self.count_traffic();
        match end {
            End::Gone | End::CutOff => {
                trace!(connection = %self.connection, "client is gone");
                return None;
            }
            End::Closed(_) => {}
            End::Close(code) => {
                debug!(connection = %self.connection, %code, "closing a client");
                self.writer.push(Outgoing::Close(code));
            }
        }
        Some(self.finish())
    }

    fn welcome(&mut self, identity: &Identity) {
        let options = &self.context.options;
        self.writer.say(&ToClient::Welcome {
            connection: self.connection.to_string(),
            node: self.context.manager.node_id().to_string(),
            user: identity.user.as_ref().map(ToString::to_string),
            name: identity.name.as_ref().map(ToString::to_string),
            resume: None,
            may_send: options.allow_send,
            may_join: options.allow_join,
            message_bytes_max: options.message_bytes_max,
            ping_interval_ms: options
                .ping_interval
                .as_millis()
                .try_into()
                .unwrap_or(u64::MAX),
        });
    }

    /// When the first ping is due. Spread: ten thousand clients that came in one second are not pinged
    /// in one second.
    fn first_ping(&self) -> Instant {
        let environment = &self.context.environment;
        let interval = self.context.options.ping_interval;
        let pause = environment.random_range(0..interval.as_millis() as u64);
        Instant::from_std(environment.now() + Duration::from_millis(pause))
    }

    /// Does what can be done; ready when the session goes on no further.
    pub(super) fn poll_serve(
        &mut self,
        mut timer: Pin<&mut Sleep>,
        context: &mut Context<'_>,
    ) -> Poll<End> {
        while timer.as_mut().poll(context).is_ready() {
            let next = self.context.environment.now() + self.context.options.ping_interval;
            timer.as_mut().reset(Instant::from_std(next));
            if let Err(end) = self.check_vitals() {
                return Poll::Ready(end);
            }
        }
        // Who has nothing to read now wakes this task: asking again and again costs a lock each time.
        let mut is_read = false;
        loop {
            // The batch before was handed to the socket: asking again says so.
            if self.writer.is_idle() {
                let writer = &mut self.writer;
                let take = |frame| writer.push(Outgoing::Deliver(frame));
                if let Poll::Ready(Err(closed)) = self.outbox.poll_batch(context, take) {
                    return Poll::Ready(End::Close(closed.code));
                }
            }
            let step = ready!(self.poll_step(&mut is_read, context));
            if let Err(end) = self.handle(step) {
                return Poll::Ready(end);
            }
        }
    }

    /// Fills the socket's buffer, then reads; flushes when there is nothing to read, so that the
    /// answers to a burst of requests leave together.
    ///
    /// `is_read`: nothing more could be read a moment ago.
    fn poll_step(&mut self, is_read: &mut bool, context: &mut Context<'_>) -> Poll<Step> {
        if let Poll::Ready(answered) = self.requests.poll_answered(context) {
            return Poll::Ready(Step::Answered(answered));
        }
        if let Poll::Ready(Err(error)) = self.writer.poll_fill(&mut self.socket, context) {
            return Poll::Ready(Step::Flushed(Err(error)));
        }
        let may_read = match self.dialect {
            Dialect::Raftwire => !self.requests.is_full() && self.writer.takes_replies(),
            // An echo is as large as what it answers: one waits, not many.
            Dialect::Echo => self.writer.is_drained(),
        };
        let is_due = self.received_since_flush >= RECEIVED_BETWEEN_FLUSHES_MAX;
        if may_read && !is_due && !*is_read {
            match self.socket.poll_receive(context) {
                Poll::Ready(received) => {
                    self.received_since_flush += 1;
                    return Poll::Ready(Step::Received(received));
                }
                Poll::Pending => *is_read = !self.socket.owes_flush(),
            }
        }
        if self.writer.is_idle() && !is_due {
            return Poll::Pending;
        }
        let flushed = ready!(self.writer.poll_flush(&mut self.socket, context));
        self.received_since_flush = 0;
        Poll::Ready(Step::Flushed(flushed))
    }

    fn handle(&mut self, step: Step) -> Result<(), End> {
        match step {
            Step::Answered(answer) => {
                self.writer.answer(answer);
                Ok(())
            }
            Step::Flushed(Ok(())) => {
                let counted = self.counted.received + self.counted.written;
                let now = self.socket.traffic();
                if now.received + now.written >= counted + UNCOUNTED_BYTES_MAX {
                    self.count_traffic();
                }
                Ok(())
            }
            Step::Received(Some(Ok(Received::Heartbeat))) => Ok(()),
            Step::Received(Some(Ok(Received::Message(frame)))) => {
                match self.dialect {
                    Dialect::Raftwire => self.obey(&frame),
                    Dialect::Echo => self.writer.push(Outgoing::Say(frame)),
                }
                Ok(())
            }
            Step::Received(Some(Ok(Received::Close(reason)))) => {
                Err(End::Closed(reason.map(|reason| reason.code)))
            }
            Step::Received(None) => Err(End::Gone),
            Step::Flushed(Err(error)) | Step::Received(Some(Err(error))) => {
                debug!(connection = %self.connection, %error, "the client's socket ended");
                Err(error.close_code().map_or(End::Gone, End::Close))
            }
        }
    }

    fn obey(&mut self, frame: &Frame) {
        let (manager, options) = (&self.context.manager, &self.context.options);
        let answer: Option<ToClient<'_>> = match FromClient::decode(frame) {
            Ok(FromClient::Ping { id }) => Some(ToClient::Pong { id }),
            Ok(FromClient::Send(request)) if !options.allow_send => {
                Some(ask::may_not_send(&request))
            }
            Ok(FromClient::Send(request)) if request.frame.len() > options.message_bytes_max => {
                Some(ask::too_large(&request, options.message_bytes_max))
            }
            Ok(FromClient::Send(request)) => {
                if let Some(answer) = Self::send(manager.router(), &mut self.requests, request) {
                    self.writer.answer(answer);
                }
                None
            }
            Ok(FromClient::Join { id, .. } | FromClient::Leave { id, .. })
                if !options.allow_join =>
            {
                Some(ask::may_not_join(id))
            }
            Ok(FromClient::Join { id, group, settled }) => {
                let (manager, connection) = (manager.clone(), self.connection.clone());
                let request = ask::join(manager, connection, id, group, settled);
                self.requests.start(request)
            }
            Ok(FromClient::Leave { id, group }) => {
                Some(ask::leave(manager, &self.connection, id, &group))
            }
            Err(Malformed { code, message, id }) => Some(ToClient::Error { code, message, id }),
        };
        if let Some(answer) = answer {
            self.writer.say(&answer);
        }
    }

    fn send(
        router: &ClusterRouter,
        requests: &mut Requests,
        request: SendRequest,
    ) -> Option<Answered> {
        let SendRequest {
            id,
            to,
            frame,
            deadline,
            is_brief,
        } = request;
        match to {
            Target::Connection(to) => {
                let mut options = RouteOptions::default();
                if let Some(deadline) = deadline {
                    options = options.deadline(deadline);
                }
                requests.send(router, (id, is_brief), (&to, frame), options)
            }
            Target::Many(audience) => {
                let sending = ask::fan_out(router.clone(), id, audience, frame, deadline);
                requests.start(sending).map(Answered::from)
            }
        }
    }

    fn count_traffic(&mut self) {
        let now = self.socket.traffic();
        self.context.counters.moved(self.counted, now);
        self.counted = now;
    }

    /// Once an interval: a client that took nothing of what waits for it is too slow, one that
    /// said nothing for two intervals is gone, any other is pinged.
    fn check_vitals(&mut self) -> Result<(), End> {
        self.count_traffic();
        let (before, now) = (self.vitals.traffic, self.socket.traffic());
        let is_stuck = !self.writer.is_idle() && before.written == now.written;
        // While its requests fill the window nothing is read, so silence means nothing.
        let is_silent =
            self.writer.is_idle() && !self.requests.is_full() && before.received == now.received;
        let vitals = &mut self.vitals;
        vitals.traffic = now;
        vitals.stuck_intervals = if is_stuck {
            vitals.stuck_intervals + 1
        } else {
            0
        };
        vitals.silent_intervals = if is_silent {
            vitals.silent_intervals + 1
        } else {
            0
        };
        if vitals.stuck_intervals >= 2 {
            debug!(connection = %self.connection, "the client takes nothing; cutting it off");
            return Err(End::CutOff);
        }
        // The first interval is short, and the ping that asks for a sign of life goes at its end.
        if vitals.silent_intervals > 2 {
            return Err(End::Close(CloseCode::STALE));
        }
        self.requests.rest();
        self.outbox.rest();
        if self.writer.is_idle() && self.dialect == Dialect::Raftwire {
            self.writer.push(Outgoing::Ping);
        }
        Ok(())
    }

    /// The closing handshake, within its time.
    async fn finish(self) {
        let Session {
            context,
            mut socket,
            mut writer,
            outbox,
            requests,
            places,
            counted,
            ..
        } = self;
        // Not registered any more: nothing is said to be delivered that nobody will write.
        drop((outbox, requests));
        let closing = async {
            let flushed = poll_fn(|context| writer.poll_flush(&mut socket, context)).await;
            if flushed.is_ok() {
                while let Some(Ok(_)) = socket.receive().await {}
            }
            context.counters.moved(counted, socket.traffic());
            if flushed.is_ok() {
                socket.linger(CLOSE_DISCARDED_BYTES_MAX).await;
            }
        };
        // Whoever has not closed by then is cut off: dropping the socket does it.
        drop(tokio::time::timeout(CLOSE_TIMEOUT, closing).await);
        drop(places);
    }
}
