use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use raftwire_protocol::NodeId;
use raftwire_transport::broker::{BrokerOptions, Lane, Publication, Recipient};
use tokio::time::MissedTickBehavior;

use crate::amqp::{Incoming, Method};
use crate::bundle::{Bundle, bundle};
use crate::connection::{Commands, Connection, Frames, Problem};
use crate::names::{key_of_all, key_of_node};

/// Messages that the broker has not confirmed. Together with the bytes it bounds how old what
/// the server still has before it can be.
const IN_FLIGHT_MAX: usize = 1_024;

/// Their bytes: some milliseconds of the server's work.
const IN_FLIGHT_BYTES_MAX: usize = 4 << 20;

/// So many intervals of heartbeats may pass without any word of the server.
const HEARTBEATS_MISSED_MAX: u32 = 2;

/// Publishes what the lane has, as few messages as that takes, without waiting for each
/// confirmation.
pub(super) struct Publisher {
    lane: Arc<Lane>,
    frames: Frames,
    commands: Commands,
    exchange: String,
    hello_interval: Duration,
    silence_max: Duration,
    heartbeat: Duration,
    in_flight: InFlight,
    run: Vec<Publication>,
    is_blocked: bool,
    /// Whether it was told that a queue is full.
    is_told: bool,
    times: Times,
}

/// When something happened last.
struct Times {
    /// Anything came from the server.
    heard: Instant,
    /// Something was confirmed, or nothing was waiting for it.
    confirmed: Instant,
    /// The system took some of what is pending, or nothing was.
    written: Instant,
    /// A frame was written.
    said: Instant,
}

/// What was published and not confirmed, by the numbers that the broker counts it with.
#[derive(Default)]
struct InFlight {
    messages: BTreeMap<u64, Message>,
    bytes: usize,
    last: u64,
}

struct Message {
    recipients: Vec<Recipient>,
    publications: usize,
    bytes: usize,
}

impl InFlight {
    fn has_room(&self) -> bool {
        self.messages.len() < IN_FLIGHT_MAX && self.bytes < IN_FLIGHT_BYTES_MAX
    }

    /// Counts a message; returns its number.
    fn push(&mut self, message: Message) -> u64 {
        self.last += 1;
        self.bytes += message.bytes;
        self.messages.insert(self.last, message);
        self.last
    }

    /// Takes out what an answer is for.
    fn answered(&mut self, tag: u64, multiple: bool) -> Vec<Message> {
        let messages: Vec<Message> = if multiple {
            let later = self.messages.split_off(&tag.saturating_add(1));
            let answered = std::mem::replace(&mut self.messages, later);
            answered.into_values().collect()
        } else {
            self.messages.remove(&tag).into_iter().collect()
        };
        self.bytes -= messages.iter().map(|message| message.bytes).sum::<usize>();
        messages
    }
}

impl Publisher {
    pub(super) fn new(
        lane: Arc<Lane>,
        connection: Connection,
        exchange: String,
        channels: &BrokerOptions,
        heartbeat: Duration,
    ) -> Self {
        let now = lane.environment().now();
        let Connection { frames, commands } = connection;
        Self {
            lane,
            frames,
            commands,
            exchange,
            hello_interval: channels.hello_interval,
            silence_max: channels.silence_max(),
            heartbeat,
            in_flight: InFlight::default(),
            run: Vec::new(),
            is_blocked: false,
            is_told: false,
            times: Times {
                heard: now,
                confirmed: now,
                written: now,
                said: now,
            },
        }
    }

    /// Publishes until the connection ends.
    pub(super) async fn run(&mut self) -> Problem {
        let mut hellos = tokio::time::interval(self.hello_interval);
        hellos.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_pending = self.commands.is_pending();
            let has_room = !is_pending && !self.is_blocked && self.in_flight.has_room();
            let done = tokio::select! {
                biased;
                _ = hellos.tick() => self.tick(),
                incoming = self.frames.next() => {
                    incoming.and_then(|incoming| self.hear(incoming))
                }
                advanced = self.commands.advance(), if is_pending => {
                    self.times.written = self.now();
                    advanced
                }
                () = self.lane.outgoing(), if has_room => {
                    self.publish();
                    Ok(())
                }
            };
            if let Err(problem) = done {
                return problem;
            }
        }
    }

    fn now(&self) -> Instant {
        self.lane.environment().now()
    }

    fn tick(&mut self) -> Result<(), Problem> {
        let now = self.now();
        let is_over = |since: Instant, max: Duration| now.saturating_duration_since(since) > max;
        let silence_max = self.silence_max;
        let heartbeats = self.heartbeat * HEARTBEATS_MISSED_MAX;
        if is_over(self.times.heard, heartbeats) {
            return Err(Problem::Silent(heartbeats));
        }
        if self.is_blocked {
            return Ok(());
        }
        if self.commands.is_pending() {
            if is_over(self.times.written, silence_max) {
                return Err(Problem::Stalled(silence_max));
            }
        } else if is_over(self.times.said, self.heartbeat / 2) {
            self.commands.writer().heartbeat();
            self.times.said = now;
        }
        if !self.in_flight.messages.is_empty() && is_over(self.times.confirmed, silence_max) {
            return Err(Problem::Unconfirmed(silence_max));
        }
        self.lane.greet();
        Ok(())
    }

    fn hear(&mut self, incoming: Incoming) -> Result<(), Problem> {
        self.times.heard = self.now();
        match incoming {
            Incoming::Heartbeat => {}
            Incoming::Method(Method::Ack { tag, multiple }) => {
                self.in_flight.answered(tag, multiple);
                self.confirmed();
            }
            Incoming::Method(Method::Nack { tag, multiple }) => {
                let refused = self.in_flight.answered(tag, multiple);
                self.refused(&refused);
                self.confirmed();
            }
            Incoming::Returned { id } => {
                let message = id.and_then(|id| self.in_flight.messages.get(&id));
                for recipient in message.into_iter().flat_map(|message| &message.recipients) {
                    self.lane.unheard(recipient);
                }
            }
            Incoming::Method(Method::Blocked { reason }) => {
                let lane = self.lane.name();
                tracing::warn!(%lane, reason, "RabbitMQ takes no messages for now");
                self.is_blocked = true;
                self.lane.set_blocked(true);
            }
            Incoming::Method(Method::Unblocked) => {
                let lane = self.lane.name();
                tracing::info!(%lane, "RabbitMQ takes messages again");
                let now = self.now();
                (self.times.confirmed, self.times.written) = (now, now);
                self.is_blocked = false;
                self.lane.set_blocked(false);
            }
            Incoming::Method(_) | Incoming::Delivery { .. } => {
                return Err(self.frames.unexpected());
            }
        }
        Ok(())
    }

    fn confirmed(&mut self) {
        self.times.confirmed = self.now();
        if self.in_flight.has_room() {
            // What waited for room goes on.
            self.lane.wake();
        }
    }

    /// The broker has refused messages: a queue is full. The links send again what was in them.
    fn refused(&mut self, messages: &[Message]) {
        for message in messages {
            for _ in 0..message.publications {
                self.lane.rejected();
            }
        }
        if !std::mem::replace(&mut self.is_told, true) {
            let lane = self.lane.name();
            tracing::warn!(%lane, "RabbitMQ refuses messages: the queue of a node is full");
        }
    }

    /// Writes one run.
    fn publish(&mut self) {
        let now = self.now();
        if self.in_flight.messages.is_empty() {
            self.times.confirmed = now;
        }
        self.times.written = now;
        self.times.said = now;
        // What is left for the next run wakes this task again.
        self.lane.take_run(&mut self.run);
        for bundle in bundle(self.run.drain(..)) {
            let Bundle {
                to,
                recipients,
                parts,
                bytes,
                publications,
            } = bundle;
            let number = self.in_flight.push(Message {
                recipients,
                publications,
                bytes,
            });
            let key = self.key(to.as_ref());
            let mut writer = self.commands.writer();
            writer.publish(&self.exchange, &key, to.is_some(), number, bytes, parts);
        }
    }

    fn key(&self, to: Option<&NodeId>) -> String {
        match to {
            Some(node) => key_of_node(self.lane.name(), node),
            None => key_of_all(self.lane.name()),
        }
    }

    /// Publishes what waits, and the last words, and closes the connection. Sets no time limit.
    pub(super) async fn finish(mut self) -> Result<(), Problem> {
        if self.is_blocked {
            return Ok(());
        }
        while self.lane.has_outgoing() {
            self.commands.flush().await?;
            self.publish();
        }
        let goodbye = self.lane.goodbye();
        self.run.push(goodbye);
        self.publish();
        self.commands.flush().await?;
        // Whoever closes a connection before it was read may take back what was written.
        while !self.in_flight.messages.is_empty() && !self.is_blocked {
            let incoming = self.frames.next().await?;
            self.hear(incoming)?;
        }
        let connection = Connection {
            frames: self.frames,
            commands: self.commands,
        };
        connection.close().await
    }
}
